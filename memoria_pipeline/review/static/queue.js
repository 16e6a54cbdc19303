// The queue: one question at a time, one key each. The next is in the page before it is asked for;
// answers go out one after another, and what comes back is the truth that the page then shows.
"use strict";

memoria.queue = (() => {
  const room = document.getElementById("queue");
  if (!room) return null;
  const MOST = 12; // names without a key that a filter shows
  let skipped = []; // questions that were skipped since the last decision, the latest last
  let line = Promise.resolve(); // answers that are on their way, in order
  let waiting = 0;
  let calm = 0; // until when keys are ignored: a question changed that nobody answered

  const current = () => room.querySelector(".question:not([hidden])");

  function show(question) {
    for (const each of room.querySelectorAll(".question")) each.hidden = each !== question;
    const ignore = room.querySelector("[data-ignore]");
    if (ignore) ignore.hidden = !("ignorable" in question.dataset);
  }

  // From where an answer was given to the next question, without waiting for the server.
  function next(answered) {
    const rest = [...room.querySelectorAll(".question")].filter((each) => each !== answered);
    answered.remove();
    if (rest.length) show(rest[0]);
    if (room.getBoundingClientRect().top < 0) room.scrollIntoView({ block: "start" });
    if (room.contains(document.activeElement) || document.activeElement === document.body) {
      room.focus({ preventScroll: true });
    }
  }

  // The answers that the server still has to see may make a preloaded choice wrong.
  function taken(user, hidden = true) {
    for (const each of room.querySelectorAll(`[name=user_id][value="${CSS.escape(user)}"]`)) {
      each.parentElement.hidden = hidden;
    }
  }

  // An answer that did not arrive, and the server does not say what to ask now: ask it again.
  function back(question, fields) {
    if (fields.user_id) taken(fields.user_id, false);
    room.prepend(question);
    show(question);
    calm = Date.now() + 350;
  }

  function say(question, fields) {
    const id = question.dataset.question;
    const skip = fields.answer === "skip";
    skipped = skip ? [...skipped, id] : [];
    if (fields.user_id) taken(fields.user_id);
    next(question);
    enqueue(async () => {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) {
        for (const one of [value].flat()) form.append(name, one);
      }
      const answer = await memoria.send(`${room.dataset.url}/${id}`, form);
      if (!answer) {
        if (!await refresh(id)) back(question, fields);
        return;
      }
      const about = JSON.parse(answer.headers.get("X-Decided") || "{}");
      await put(answer, null, about.text);
      if (!skip) memoria.changed();
    });
  }

  function enqueue(work) {
    waiting += 1;
    room.setAttribute("aria-busy", "true");
    line = line.then(work).catch(() => memoria.failed(0)).finally(() => {
      waiting -= 1;
      if (!waiting) room.removeAttribute("aria-busy");
    });
  }

  async function refresh(first) {
    const url = first ? `${room.dataset.url}?first=${encodeURIComponent(first)}` : room.dataset.url;
    const answer = await fetch(url, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (answer?.ok) await put(answer, first);
    return Boolean(answer?.ok);
  }

  // Put what the server asks in the place of what is there; the question that is being looked at
  // stays, and stays as it is where somebody began to answer it, or where its keys would name other
  // people: a finger is on one of them already.
  async function put(answer, first, text) {
    const html = await answer.text();
    if (waiting > 1) return; // the next answer's reply will be newer
    const fresh = document.createElement("div");
    fresh.innerHTML = html;
    const shown = current();
    const keep = shown && !first
      && fresh.querySelector(`[data-question="${shown.dataset.question}"]`);
    if (keep && (begun(shown) || names(shown) !== names(keep))) keep.replaceWith(shown);
    const before = shown?.dataset.question;
    const held = room.contains(document.activeElement) ? document.activeElement.id : null;
    room.replaceChildren(...fresh.childNodes);
    const now = (keep && room.querySelector(`[data-question="${before}"]`))
      || room.querySelector(".question");
    if (now) show(now);
    const line = room.querySelector("[data-line]");
    if (text) line.textContent = [text, line.textContent.trim()].filter(Boolean).join(" · ");
    if (before && now && now.dataset.question !== before && !first) calm = Date.now() + 350;
    if (held !== null) (held && document.getElementById(held) || room).focus({ preventScroll: true });
    room.hidden = false;
  }

  const names = (question) => [...question.querySelectorAll("[data-key][name=user_id]")]
    .map((each) => each.dataset.key + each.value).join();

  const begun = (question) => "added" in question.dataset
    || question.querySelector("[aria-pressed=true]")
    || [...question.querySelectorAll("input")].some((each) => each.value);

  // u: a question that was just skipped comes back; else what this person decided last, anywhere in
  // the event, is undone, and where that was an answer, its question comes back.
  function undo() {
    const again = skipped.pop();
    enqueue(async () => {
      const form = new FormData();
      if (again) form.append("question", again);
      const answer = await memoria.send(document.body.dataset.undoUrl, form);
      if (!answer) return;
      const about = JSON.parse(answer.headers.get("X-Decided") || "{}");
      if (about.text) memoria.toast(about.text);
      await refresh(about.question);
      if (!again) memoria.changed();
    });
  }

  function press(button) {
    const question = button.closest(".question");
    const { answer, chosen, more } = button.dataset;
    if ("toggle" in button.dataset) return toggle(question, button);
    if (more) return add(question, button);
    const drawn = question.querySelector("[data-more]") ? question.querySelectorAll("[name=face_ids]") : [];
    const seen = [...drawn].map((each) => each.value); // nothing is said of those that are not
    if (answer) return say(question, { answer, seen });
    if (chosen) {
      const on = [...question.querySelectorAll("[data-toggle][aria-pressed=true]")];
      return say(question, { answer: chosen, seen, [on[0].name]: on.map((each) => each.value) });
    }
    if ("new" in button.dataset) return say(question, { answer: "yes", new_name: button.value });
    if (button.name) say(question, { answer: "yes", [button.name]: button.value });
  }

  async function add(question, button) {
    button.disabled = true;
    const answer = await fetch(button.dataset.more, { headers: { "HX-Request": "true" } })
      .catch(() => null);
    button.disabled = false;
    if (!answer?.ok) { memoria.failed(answer ? answer.status : 0, "", true); return; }
    const fresh = document.createElement("ul");
    fresh.innerHTML = await answer.text();
    const first = fresh.querySelector("button");
    button.parentElement.replaceWith(...fresh.childNodes);
    question.dataset.added = "";
    first?.focus({ preventScroll: true });
  }

  function toggle(question, button) {
    const pressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(pressed));
    const some = question.querySelector("[data-toggle][aria-pressed=true]");
    question.querySelector("[data-chosen]").hidden = !some;
  }

  room.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button || "undo" in button.dataset) return;
    const question = current();
    if ("skip" in button.dataset) { if (question) say(question, { answer: "skip" }); return; }
    if ("ignore" in button.dataset) { if (question) say(question, { answer: "ignore" }); return; }
    if (button.closest(".question")) press(button);
  });
  room.addEventListener("submit", (event) => event.preventDefault());

  // Filter the names; Enter takes the first that is left, or makes a member of a new name.
  room.addEventListener("input", (event) => {
    if (!event.target.matches("[data-filter]")) return;
    const question = current();
    const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
    const wanted = plain(event.target.value);
    const names = question.querySelector(".choices");
    for (const each of names.querySelectorAll("[data-copied]")) each.remove();
    const far = room.querySelector("template[data-far]");
    const more = wanted && far ? [...far.content.children] : [];
    const near = more.filter((each) => plain(each.firstChild.dataset.name).includes(wanted));
    names.append(...near.slice(0, MOST).map((each) => each.cloneNode(true)));
    let exact = false;
    for (const each of names.querySelectorAll("[name=user_id]")) {
      const name = plain(each.dataset.name);
      each.parentElement.hidden = !name.includes(wanted);
      exact ||= name === wanted;
    }
    const add = question.querySelector("[data-new]");
    add.hidden = !wanted || exact;
    add.value = event.target.value.trim();
    add.querySelector("span").textContent = add.value;
  });
  room.addEventListener("keydown", (event) => {
    if (!event.target.matches("[data-filter]")) return;
    if (event.key === "Escape") {
      event.target.value = "";
      event.target.dispatchEvent(new Event("input", { bubbles: true }));
      room.focus();
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!event.target.value.trim()) return;
      const left = current().querySelector("li:not([hidden]) [name=user_id]");
      (left || current().querySelector("[data-new]:not([hidden])"))?.click();
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const { target, key } = event;
    const free = !memoria.typing(target) && !document.querySelector("dialog[open]");
    if (!free || target.closest("[data-grid]") || room.hidden || event.defaultPrevented) return;
    const question = current();
    const chosen = target.closest("[data-toggle]") && question?.querySelector("[data-chosen]:not([hidden])");
    if (key === "Enter" && !chosen && target.closest("a, button, summary")) return;
    if (!question || Date.now() < calm) return;
    if (key === "s") return act(event, room.querySelector("[data-skip]"));
    if (key === "i") return act(event, room.querySelector("[data-ignore]"));
    const button = question.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (button && !button.hidden && !button.closest("li[hidden]")) act(event, button);
  });

  function act(event, button) {
    event.preventDefault();
    button?.click();
  }

  // Merging or ignoring in the grid may settle what is asked.
  document.body.addEventListener("decided", () => {
    skipped = [];
    if (!waiting) refreshSoon();
  });
  let soon = 0;
  function refreshSoon() {
    clearTimeout(soon);
    soon = setTimeout(() => { if (!waiting) enqueue(() => refresh()); }, 600);
  }

  // The pipeline asks anew after some answers: look now and then while there is nothing to answer.
  setInterval(() => {
    if (!current() && !waiting && !document.hidden) enqueue(() => refresh());
  }, 10000);

  const begin = current();
  if (begin) show(begin);

  return { undo };
})();
