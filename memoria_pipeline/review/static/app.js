// What every page shares: messages, undo, keys, help. No build step, no inline code.
"use strict";

const memoria = (() => {
  const texts = document.getElementById("texts").dataset;
  const csrf = document.querySelector("meta[name=csrf]").content;
  const toasts = document.getElementById("toasts");

  function toast(text, { bad = false, action = null, lasts = 6000 } = {}) {
    const box = document.createElement("div");
    box.className = bad ? "toast bad" : "toast";
    if (bad) box.setAttribute("role", "alert");
    const said = document.createElement("p");
    said.textContent = text;
    box.append(said);
    if (action) {
      const button = document.createElement(action.href ? "a" : "button");
      button.className = "button";
      button.textContent = action.text;
      if (action.href) button.href = action.href;
      else button.type = "button";
      if (action.key) {
        const key = document.createElement("kbd");
        key.textContent = action.key;
        key.setAttribute("aria-hidden", "true");
        button.append(key);
      }
      button.addEventListener("click", () => { box.remove(); action.run?.(); });
      box.append(button);
    }
    for (const each of [...toasts.children]) if (each.dataset.text === text) each.remove();
    box.dataset.text = text;
    while (toasts.children.length > 1) toasts.firstChild.remove();
    toasts.append(box);
    if (lasts) setTimeout(() => box.remove(), lasts);
  }

  // Which text an error gets; `about` is what the server says of it in the reader's language.
  // reading: nothing was to be changed, and to load it once more would fail once more.
  function failed(status, about, reading = false) {
    const by = { 0: reading ? texts.away : texts.offline, 401: texts.expired, 403: texts.forbidden, 404: texts.missing,
      409: texts.refused, 413: texts.large, 422: texts.invalid, 429: texts.many };
    const action = status === 401 ? { text: texts.signin, href: "/sign-in" } : null;
    toast(about || by[status] || texts.broken, { bad: true, action, lasts: action ? 0 : 9000 });
    if (!reading && (status === 404 || status === 409)) changed();
  }

  // What hangs on decisions loads itself anew: see hx-trigger="decided from:body".
  function changed() { htmx.trigger(document.body, "decided"); }

  function decided(about) {
    const undo = document.body.dataset.undoUrl;
    const action = undo && about.undo
      ? { text: texts.undo, key: "u", run: () => memoria.undo(about.undo) } : null;
    if (about.text) toast(about.text, { action });
    if (about.go) { location.assign(about.go); return; }
    changed();
  }

  // quiet: whoever sends tells what went wrong.
  async function send(url, form, quiet = false) {
    let answer;
    try {
      answer = await fetch(url, { method: "POST", body: form, credentials: "same-origin",
        headers: { "X-CSRF-Token": csrf, "HX-Request": "true" } });
    } catch {
      failed(0);
      return null;
    }
    if (answer.ok) return answer;
    if (!quiet) failed(answer.status, message(answer.headers));
    return null;
  }

  function message(headers) {
    const said = headers.get("X-Message");
    return said ? decodeURIComponent(said) : "";
  }

  // Without a decision: the last one that this person took in the event.
  async function undo(decision) {
    const url = document.body.dataset.undoUrl;
    if (!url) return;
    const form = new FormData();
    if (decision) form.append("decision", decision);
    const answer = await send(url, form);
    if (!answer) return;
    const about = JSON.parse(answer.headers.get("X-Decided") || "{}");
    decided({ text: about.text, go: about.go });
  }

  const typing = (node) => node.closest("textarea, select, [contenteditable], " +
    "input:not([type=checkbox]):not([type=radio]):not([type=button])");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "?") { open(); event.preventDefault(); return; }
    if (event.key === "/") {
      const field = document.querySelector(".question:not([hidden]) [data-filter]")
        || document.querySelector("[data-search]");
      if (field) { field.focus(); field.select(); event.preventDefault(); }
      return;
    }
    if (event.key === "u" && !event.repeat) { (memoria.queue?.undo || undo)(); event.preventDefault(); return; }
    if (event.repeat || document.getElementById("queue")) return;
    document.querySelector(`main [data-key="${CSS.escape(event.key)}"]`)?.click();
  });

  function open() { document.getElementById("help").showModal(); }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-help]")) open();
    if (event.target.closest("[data-undo]") ) (memoria.queue?.undo || undo)();
  });

  document.body.addEventListener("htmx:configRequest", (event) => {
    event.detail.headers["X-CSRF-Token"] = csrf;
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const { xhr, successful, elt } = event.detail;
    if (!successful || !xhr) return;
    const about = JSON.parse(xhr.getResponseHeader("X-Decided") || "null");
    if (!about) return;
    const then = elt.closest("[data-then]")?.dataset.then;
    decided(then && !about.go ? { ...about, go: then } : about);
  });
  document.body.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    const said = xhr.getResponseHeader("X-Message");
    failed(xhr.status, said ? decodeURIComponent(said) : "", reads(event));
  });
  document.body.addEventListener("htmx:sendError", (event) => failed(0, "", reads(event)));
  const reads = (event) => event.detail.requestConfig?.verb === "get";

  // A second click while the first is on its way is a slip, not a second decision.
  const busy = new WeakSet();
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (!reads(event)) busy.add(event.detail.elt);
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    setTimeout(() => busy.delete(event.detail.elt), 500);
  });
  for (const kind of ["click", "submit"]) {
    document.addEventListener(kind, (event) => {
      const sender = event.target.closest("[hx-post], [hx-delete]");
      if (!busy.has(sender) || (kind === "click" && !sender.matches("button"))) return;
      event.preventDefault();
      event.stopImmediatePropagation(); // before htmx keeps it for later
    }, true);
  }

  // A part that loads itself anew keeps the focus: else the next Tab begins at the top of the page.
  let left = false;
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    left = event.detail.target.contains(document.activeElement)
      && document.activeElement !== document.body;
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    times(event.detail.elt);
    if (!left || document.activeElement !== document.body) return;
    event.detail.elt.setAttribute("tabindex", "-1");
    event.detail.elt.focus({ preventScroll: true });
  });

  // The server says UTC, as it cannot know where the reader is; here it is known.
  function times(room) {
    const shown = new Intl.DateTimeFormat(document.documentElement.lang,
      { dateStyle: "medium", timeStyle: "short" });
    for (const each of room.querySelectorAll("time[datetime]")) {
      each.textContent = shown.format(new Date(each.dateTime));
    }
  }
  times(document);
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  return { texts, toast, failed, send, undo, decided, changed, typing };
})();
