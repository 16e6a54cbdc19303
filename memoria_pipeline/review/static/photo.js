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
      const part = new FormData();
      for (const one of all.slice(i, i + AT_ONCE)) part.append("photos", one);
      const answer = await memoria.send(form.getAttribute("action"), part);
      if (!answer) { refused += 1; if (refused > 2) break; }
    }
    bar.value = all.length;
    if (refused) { state.hidden = true; files.value = ""; return; }
    location.assign(location.pathname);
  }
})();
