// The queue: one question at a time, one key each. The next is in the page before it is asked for;
// answers go out one after another, and what comes back is the truth that the page then shows.
"use strict";

memoria.queue = (() => {
  const room = document.getElementById("queue");
  if (!room) return null;
  const told = []; // what was answered on this page, the latest last: { question, decision }
  let line = Promise.resolve(); // answers that are on their way, in order
  let waiting = 0;
  let calm = 0; // until when keys are ignored: a question changed that nobody answered

  const current = () => room.querySelector(".question:not([hidden])");

  function show(question) {
    for (const each of room.querySelectorAll(".question")) each.hidden = each !== question;
  }

  // From where an answer was given to the next question, without waiting for the server.
  function next(answered) {
    const rest = [...room.querySelectorAll(".question")].filter((each) => each !== answered);
    answered.remove();
    if (rest.length) show(rest[0]);
    if (room.contains(document.activeElement) || document.activeElement === document.body) {
      room.focus({ preventScroll: true });
    }
  }

  // The answers that the server still has to see may make a preloaded choice wrong.
  function taken(user) {
    for (const each of room.querySelectorAll(`[name=user_id][value="${CSS.escape(user)}"]`)) {
      each.parentElement.hidden = true;
    }
  }

  function say(question, fields) {
    const id = question.dataset.question;
    const entry = { question: id, decision: null, skip: fields.answer === "skip" };
    told.push(entry);
    if (fields.user_id) taken(fields.user_id);
    next(question);
    enqueue(async () => {
      const form = new FormData();
      for (const [name, value] of Object.entries(fields)) {
        for (const one of [value].flat()) form.append(name, one);
      }
      const answer = await memoria.send(`${room.dataset.url}/${id}`, form);
      if (!answer) { told.splice(told.indexOf(entry), 1); await refresh(id); return; }
      const about = JSON.parse(answer.headers.get("X-Decided") || "{}");
      entry.decision = about.undo || null;
      await put(answer);
      if (!entry.skip) memoria.changed();
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
  }

  // Put what the server asks in the place of what is there; the question that is being looked at
  // stays, and stays as it is where somebody began to answer it.
  async function put(answer, first) {
    const html = await answer.text();
    if (waiting > 1) return; // the next answer's reply will be newer
    const fresh = document.createElement("div");
    fresh.innerHTML = html;
    const shown = current();
    const keep = shown && !first
      && fresh.querySelector(`[data-question="${shown.dataset.question}"]`);
    if (keep && begun(shown)) keep.replaceWith(shown);
    const before = shown?.dataset.question;
    const held = room.contains(document.activeElement) ? document.activeElement.id : null;
    room.replaceChildren(...fresh.childNodes);
    const now = (keep && room.querySelector(`[data-question="${before}"]`))
      || room.querySelector(".question");
    if (now) show(now);
    if (before && now && now.dataset.question !== before && !first) calm = Date.now() + 350;
    if (held !== null) (held && document.getElementById(held) || room).focus({ preventScroll: true });
    room.hidden = false;
  }

  const begun = (question) => question.querySelector("[aria-pressed=true]")
    || [...question.querySelectorAll("input")].some((each) => each.value);

  // u: the answer that was given last, here or before this page was opened.
  function undo() {
    enqueue(async () => {
      const last = told.pop();
      const form = new FormData();
      if (last) form.append("question", last.question);
      if (last?.decision) form.append("decision", last.decision);
      const answer = await memoria.send(document.body.dataset.undoUrl, form);
      if (!answer) return;
      const about = JSON.parse(answer.headers.get("X-Decided") || "{}");
      if (about.text) memoria.toast(about.text);
      await refresh(last?.question || about.question);
      if (!last?.skip) memoria.changed();
    });
  }

  function press(button) {
    const question = button.closest(".question");
    const { answer, chosen } = button.dataset;
    if ("toggle" in button.dataset) return toggle(question, button);
    if (answer) return say(question, { answer });
    if (chosen) {
      const on = [...question.querySelectorAll("[data-toggle][aria-pressed=true]")];
      return say(question, { answer: chosen, [on[0].name]: on.map((each) => each.value) });
    }
    if ("new" in button.dataset) return say(question, { answer: "yes", new_name: button.value });
    if (button.name) say(question, { answer: "yes", [button.name]: button.value });
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
    let exact = false;
    for (const each of question.querySelectorAll("[name=user_id]")) {
      const name = plain(each.dataset.name);
      const far = "far" in each.parentElement.dataset;
      each.parentElement.hidden = wanted ? !name.includes(wanted) : far;
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
    if (key === "Enter" && target.closest("a, button, summary")) return;
    const question = current();
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
    if (!waiting) refreshSoon();
  });
  let soon = 0;
  function refreshSoon() {
    clearTimeout(soon);
    soon = setTimeout(() => { if (!waiting) enqueue(() => refresh()); }, 600);
  }

  return { undo };
})();
