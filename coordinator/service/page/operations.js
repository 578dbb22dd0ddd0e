// The list of operations: what kinds there are, whether a parameter is right, and the editor of the list.

import { fromTemplate, show, tell } from "./document.js";

const SIZE = /^(?:(?<width>[1-9]\d{0,4})?x(?<height>[1-9]\d{0,4})?|(?<percent>\d{1,5}(?:\.\d{1,6})?)%)$/;
const MAX_SIDE = 32_767;
const MAX_PIXELS = 100_000_000;

/** What is wrong with a size as typed, in words; empty if nothing is. The service's own rule (orders.py). */
export function problemOfSize(text) {
  const { width, height, percent } = SIZE.exec(text)?.groups ?? {};
  if (!width && !height && !Number(percent)) return "Write a size as 800x600, 800x, x600 or 50%.";
  if (Math.max(width ?? 1, height ?? 1) > MAX_SIDE) return `A side has at most ${MAX_SIDE} pixels.`;
  if ((width ?? 1) * (height ?? 1) > MAX_PIXELS) return "That is more than 100 megapixels.";
  return "";
}

const BOX = /^(?!x$)(?:[1-9]\d{0,4})?x(?:[1-9]\d{0,4})?$/;
const AREA = /^[1-9]\d{0,4}x[1-9]\d{0,4}(?:\+\d{1,5}\+\d{1,5})?$/;

const typed = (row) => row.querySelector("input").value.trim();
const right = () => "";

/**
 * What is told of each kind: how its value is read and checked, and the beginnings of what may still become right
 * as one types. Text that can not is told at once, the rest when the field is left.
 */
const KINDS = {
  resize: { label: "Resize", read: typed, problem: problemOfSize, begin: /^(?:\d{0,5}x?\d{0,5}|\d{1,5}(?:\.\d{0,6})?%?)$/ },
  split: { label: "Split", read: () => true, problem: right },
  blur: { label: "Blur", read: (row) => row.querySelector("select").value, problem: right },
  fit: {
    label: "Fit",
    read: typed,
    problem: (text) => (BOX.test(text) ? "" : "Write a box as 800x600, 800x or x600."),
    begin: /^\d{0,5}x?\d{0,5}$/,
  },
  crop: {
    label: "Crop",
    read: typed,
    problem: (text) => (AREA.test(text) ? "" : "Write a part as 800x600 or 800x600+10+20."),
    begin: /^\d{0,5}(?:x\d{0,5}(?:\+\d{0,5}){0,2})?$/,
  },
  quality: {
    label: "Quality",
    // Left as text where it is no number: the service's own words are for what slips through here.
    read: (row) => (/^\d+$/.test(typed(row)) ? Number(typed(row)) : typed(row)),
    problem: (value) => (Number.isInteger(value) && value >= 1 && value <= 100 ? "" : "Write a whole number from 1 to 100."),
    begin: /^\d{0,3}$/,
  },
};

/** What the value of a kind is called. */
const VALUES = { resize: "Size", blur: "Method", fit: "Box", crop: "Part", quality: "Value" };

/** How many images one image becomes. */
export function imagesOfOne(operations) {
  return 4 ** operations.filter(([kind]) => kind === "split").length;
}

/** An operation in words, for the job's view. */
export function inWords([kind, value]) {
  return value === true ? kind : `${kind} ${value}`;
}

/**
 * The editor: an ordered list of rows, each with its parameter and buttons. `changed` is called after every change.
 */
export class OperationsEditor {
  #list;
  #changed;

  constructor(list, addButtons, changed) {
    this.#list = list;
    this.#changed = changed;
    addButtons.addEventListener("click", ({ target }) => {
      if (target.value) this.add(target.value);
    });
    list.addEventListener("click", ({ target }) => this.#onClick(target));
    list.addEventListener("keydown", (event) => this.#onKey(event));
    list.addEventListener("input", ({ target }) => {
      const row = target.closest("li");
      const { begin } = KINDS[row.dataset.kind];
      const isHopeless = begin && !begin.test(target.value.trim());
      if (isHopeless || !row.querySelector(".problem").hidden) this.#check(row);
      changed();
    });
    // Leaving a field is when its text is meant; before, it may be half typed.
    list.addEventListener("change", ({ target }) => this.#check(target.closest("li")));
  }

  /** The operations as the service takes them: [["resize", "50%"], ["split", true], ...]. */
  get operations() {
    return this.#rows.map((row) => [row.dataset.kind, KINDS[row.dataset.kind].read(row)]);
  }

  add(kind) {
    const row = fromTemplate("operation");
    row.dataset.kind = kind;
    row.querySelector(".kind").textContent = KINDS[kind].label;
    row.querySelector(".value").append(fromTemplate(kind));
    this.#list.append(row);
    this.#renumber();
    (field(row) ?? row.querySelector('[data-do="remove"]')).focus();
    tell(`${KINDS[kind].label} added as number ${this.#rows.length}.`);
  }

  /** Checks every row, shows what is wrong and leads to the first such row. Returns whether all are right. */
  check() {
    const wrong = this.#rows.filter((row) => !this.#check(row));
    if (wrong.length > 0) field(wrong[0]).focus();
    return wrong.length === 0;
  }

  /** Shows what the service had to say about an operation. Returns false if there is no such operation. */
  showProblem(index, message) {
    const row = this.#rows[index];
    if (!row) return false;
    showProblem(row, message);
    field(row)?.focus();
    return true;
  }

  get #rows() {
    return [...this.#list.children];
  }

  #check(row) {
    const kind = KINDS[row.dataset.kind];
    const problem = kind.problem(kind.read(row));
    showProblem(row, problem);
    return problem === "";
  }

  #onClick(button) {
    const row = button.closest("li");
    const action = button.dataset.do;
    if (action === "up") this.#move(row, -1, button);
    if (action === "down") this.#move(row, +1, button);
    if (action === "remove") this.#remove(row);
  }

  #onKey(event) {
    const by = { ArrowUp: -1, ArrowDown: +1 }[event.key];
    if (!event.altKey || !by) return;
    event.preventDefault();
    this.#move(event.target.closest("li"), by, event.target);
  }

  #move(row, by, focused) {
    const target = this.#rows[this.#rows.indexOf(row) + by];
    if (!target) return;
    if (by < 0) target.before(row);
    else target.after(row);
    this.#renumber();
    // A button that has become useless at the list's end cannot keep the focus.
    const next = focused.disabled ? row.querySelector(".buttons button:enabled") : focused;
    next.focus();
    tell(`${KINDS[row.dataset.kind].label} is now number ${this.#rows.indexOf(row) + 1} of ${this.#rows.length}.`);
  }

  #remove(row) {
    const index = this.#rows.indexOf(row);
    row.remove();
    this.#renumber();
    const next = this.#rows[Math.min(index, this.#rows.length - 1)];
    (next?.querySelector('[data-do="remove"]') ?? document.querySelector("#add button")).focus();
    tell(`${KINDS[row.dataset.kind].label} removed.`);
  }

  #renumber() {
    this.#rows.forEach((row, index, { length }) => {
      const name = `${KINDS[row.dataset.kind].label}, number ${index + 1}`;
      const button = (action) => row.querySelector(`[data-do="${action}"]`);
      button("up").ariaLabel = `Move up: ${name}`;
      button("down").ariaLabel = `Move down: ${name}`;
      button("remove").ariaLabel = `Remove: ${name}`;
      button("up").disabled = index === 0;
      button("down").disabled = index === length - 1;
      const input = field(row);
      if (input) input.ariaLabel = `${VALUES[row.dataset.kind]}: ${name}`;
      const problem = row.querySelector(".problem");
      problem.id = `operation-problem-${index}`;
      input?.setAttribute("aria-describedby", problem.id);
    });
    this.#changed();
  }
}

function field(row) {
  return row.querySelector("input, select");
}

function showProblem(row, message) {
  show(row.querySelector(".problem"), message);
  field(row)?.setAttribute("aria-invalid", String(message !== ""));
}
