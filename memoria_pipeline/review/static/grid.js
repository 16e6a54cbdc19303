// Selecting in a grid of people or faces: click, x or space, Shift for a range; arrows move.
"use strict";

(() => {
  let last = null; // the checkbox that was changed last, for ranges

  const boxes = (room) => [...room.querySelectorAll(".grid input[type=checkbox]")];
  const selected = (room) => boxes(room).filter((each) => each.checked);

  function tell(room) {
    const bar = room.querySelector("[data-selected]");
    if (!bar) return;
    const n = selected(room).length;
    bar.hidden = !n;
    const text = n === 1 ? memoria.texts.selectedOne : memoria.texts.selectedMany.replace("{n}", n);
    bar.querySelector("[data-count]").textContent = text;
    for (const each of bar.querySelectorAll("[data-min]")) each.disabled = n < Number(each.dataset.min);
  }

  function range(room, to) {
    const all = boxes(room);
    const [a, b] = [all.indexOf(last), all.indexOf(to)].sort((one, other) => one - other);
    if (a >= 0) for (const each of all.slice(a, b + 1)) each.checked = to.checked;
  }

  document.addEventListener("click", (event) => {
    const room = event.target.closest("[data-grid]");
    if (!room) return;
    if (event.target.closest("[data-clear]")) clear(room);
    const box = event.target.matches("input[type=checkbox]") ? event.target : null;
    if (!box) return;
    if (event.shiftKey && last) range(room, box);
    last = box;
    tell(room);
  });

  function clear(room) {
    for (const each of boxes(room)) each.checked = false;
    tell(room);
  }

  document.addEventListener("keydown", (event) => {
    const tile = event.target.closest?.(".tile");
    const room = event.target.closest?.("[data-grid]");
    if (!room || event.ctrlKey || event.metaKey || event.altKey || memoria.typing(event.target)) return;
    const { key } = event;
    if (tile && (key.toLowerCase() === "x" || (key === " " && !event.target.matches("input")))) {
      const box = tile.querySelector("input[type=checkbox]");
      box.checked = !box.checked;
      if (event.shiftKey && last) range(room, box);
      last = box;
      tell(room);
    } else if (tile && key.startsWith("Arrow")) move(room, tile, key);
    else if (key === "Escape") clear(room);
    else if (key === "m" || key === "i") {
      const button = room.querySelector(`[data-do=${key === "m" ? "merge" : "ignore"}]`);
      if (!button || button.closest("[hidden]") || button.disabled) return;
      button.click();
    } else return;
    event.preventDefault();
  });

  function move(room, tile, key) {
    const all = [...room.querySelectorAll(".tile")];
    const top = all[0].offsetTop;
    const across = all.filter((each) => each.offsetTop === top).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key] || 0;
    all[all.indexOf(tile) + step]?.querySelector("[data-tile]").focus();
  }

  // A grid that loads itself anew forgets what was selected; whoever stays, stays selected.
  let kept = [];
  let held = null;
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const room = event.detail.target.closest?.("[data-grid]") || event.detail.target.querySelector?.("[data-grid]");
    if (!room) return;
    kept = selected(room).map((each) => each.value);
    const tile = document.activeElement.closest(".tile");
    held = tile && room.contains(tile) ? tile.querySelector("input")?.value : null;
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    for (const room of document.querySelectorAll("[data-grid]")) {
      for (const each of boxes(room)) {
        if (kept.includes(each.value)) each.checked = true;
        if (held && each.value === held) each.closest(".tile").querySelector("[data-tile]").focus();
      }
      tell(room);
    }
    kept = [];
    held = null;
  });
  document.body.addEventListener("decided", () => {
    kept = [];
    for (const room of document.querySelectorAll("[data-grid]")) clear(room);
  });
})();
