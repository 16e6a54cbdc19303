// Boxes over a photo, and photos on their way to the server.
"use strict";

(() => {
  const kept = new Set(); // faces that stay when the others are ignored

  function place() {
    for (const box of document.querySelectorAll(".box")) {
      for (const [name, side] of [["x", "left"], ["y", "top"], ["w", "width"], ["h", "height"]]) {
        box.style[side] = `${100 * Number(box.dataset[name])}%`;
      }
    }
  }
  place();
  document.body.addEventListener("htmx:afterSettle", place);

  document.addEventListener("click", (event) => {
    const box = event.target.closest(".box");
    if (!box) return;
    for (const each of document.querySelectorAll(".box")) {
      each.setAttribute("aria-pressed", String(each === box));
    }
  });
  document.addEventListener("change", (event) => {
    const { keep } = event.target.dataset;
    if (keep) {
      if (event.target.checked) kept.add(keep);
      else kept.delete(keep);
      remember();
    }
  });
  document.body.addEventListener("htmx:afterSettle", () => {
    for (const each of document.querySelectorAll("[data-keep]")) each.checked = kept.has(each.dataset.keep);
    remember();
  });

  function remember() {
    const room = document.getElementById("kept");
    if (!room) return;
    room.replaceChildren(...[...kept].map((face) => {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: "keep_face_ids", value: face });
      return field;
    }));
  }

  // Uploads: a few at a time, so that one that fails does not take the others along.
  const AT_ONCE = 5;
  const form = document.querySelector("[data-upload]");
  if (!form) return;
  const files = form.querySelector("input[type=file]");
  const state = form.querySelector("[data-state]");
  const drop = form.querySelector(".drop");

  files.addEventListener("change", () => upload([...files.files]));
  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop") upload([...event.dataTransfer.files]);
    });
  }

  function post(some, quiet) {
    const part = new FormData();
    for (const one of some) part.append("photos", one);
    return memoria.send(form.getAttribute("action"), part, quiet);
  }

  async function upload(all) {
    if (!all.length) return;
    state.hidden = false;
    const bar = state.querySelector("progress");
    bar.max = all.length;
    let refused = 0;
    for (let i = 0; i < all.length; i += AT_ONCE) {
      bar.value = i;
      state.querySelector("p").textContent = memoria.texts.sending
        .replace("{n}", String(Math.min(i + AT_ONCE, all.length))).replace("{total}", String(all.length));
      const some = all.slice(i, i + AT_ONCE);
      if (await post(some, some.length > 1)) continue;
      if (some.length === 1) { refused += 1; continue; }
      for (const one of some) if (!await post([one], false)) refused += 1;
    }
    bar.value = all.length;
    if (refused === all.length) { state.hidden = true; files.value = ""; return; }
    if (refused) await new Promise((then) => setTimeout(then, 4000)); // the reason is to be read
    location.assign(location.pathname);
  }
})();
