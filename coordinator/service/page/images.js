// The images that were chosen or dropped, with small pictures of them.

import { counted, fromTemplate, show, tell } from "./document.js";

/** Keeps the chosen files in step with their list. `changed` is called after every change. */
export class ChosenImages {
  #files = new Map();
  #list;
  #changed;
  #drawn = Promise.resolve();

  constructor(input, dropZone, list, changed) {
    this.#list = list;
    this.#changed = changed;
    input.addEventListener("change", () => {
      this.#add(input.files);
      // Else the same file could not be chosen again after it was removed.
      input.value = "";
    });
    list.addEventListener("click", ({ target }) => {
      if (target.dataset.do === "remove") this.#remove(target.closest("li"));
    });
    acceptDrops(dropZone, (files) => this.#add(files));
  }

  get files() {
    return [...this.#files.values()];
  }

  clear() {
    this.#files.clear();
    this.#list.replaceChildren();
    this.#changed();
    document.getElementById("choose").focus();
    tell("All images removed.");
  }

  /** Shows what the service had to say about a file. Returns false if there is no such file. */
  showProblem(index, message) {
    const row = [...this.#files.keys()][index];
    if (!row) return false;
    show(row.querySelector(".problem"), message);
    row.querySelector("button").focus();
    return true;
  }

  /** Takes back what the service had to say: it was about an earlier order. */
  forgetProblems() {
    for (const row of this.#files.keys()) show(row.querySelector(".problem"), "");
  }

  #add(files) {
    for (const file of files) {
      const row = fromTemplate("chosen");
      const canvas = row.querySelector("canvas");
      row.querySelector(".name").textContent = file.name;
      row.querySelector(".name").title = file.name;
      row.querySelector("button").ariaLabel = `Remove ${file.name}`;
      this.#files.set(row, file);
      this.#list.append(row);
      // One after the other: decoding many photographs at once would take all of the memory.
      this.#drawn = this.#drawn.then(() => draw(file, canvas));
    }
    this.#changed();
    tell(`${counted(files.length, "image")} added, ${this.#files.size} in all.`);
  }

  #remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const { name } = this.#files.get(row);
    this.#files.delete(row);
    row.remove();
    this.#changed();
    (next?.querySelector("button") ?? document.getElementById("choose")).focus();
    tell(`${name} removed.`);
  }
}

/** Files may be dropped anywhere on the page: a near miss must not make the browser leave it. */
function acceptDrops(zone, take) {
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    zone.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    zone.classList.remove("over");
    take(event.dataTransfer.files);
  });
}

/** Draws a file into a square canvas, cut at its longer side. What cannot be decoded here is the service's to judge. */
async function draw(file, canvas) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    canvas.classList.add("undecodable");
    return;
  }
  const side = Math.min(bitmap.width, bitmap.height);
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  canvas.getContext("2d").drawImage(bitmap, left, top, side, side, 0, 0, canvas.width, canvas.height);
  bitmap.close();
}
