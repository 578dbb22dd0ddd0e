// The list of objects beside the map: as many rows as can be looked over, and more when asked for.

import { isCompared, kindOf, signOf } from "./changes.js";
import { objects } from "./data.js";
import { WORDS, categoryNow, colourNow, decisionOf } from "./decisions.js";
import { counted, decimals, get, make, spoken } from "./document.js";
import { whyNoObjects } from "./standing.js";

const PAGE = 100;
const SIGNS = { accept: "✓", reject: "✕", reclass: "≠" };
let numbers = [];
let rows = 0;

/** Lists these objects; `choose` is called with the number of one that is picked. */
export function showList(found, choose) {
  numbers = found;
  rows = 0;
  get("rows").replaceChildren();
  get("found").textContent = counted(found.length, "object");
  get("nothing").hidden = found.length > 0;
  get("nothing").textContent = objects.length ? "The filter hides all objects." : whyNoObjects();
  get("more").onclick = () => more(choose);
  more(choose);
}

function more(choose) {
  const next = numbers.slice(rows, rows + PAGE);
  get("rows").append(...next.map((number) => row(number, choose)));
  rows += next.length;
  get("more").hidden = rows >= numbers.length;
  get("more").textContent = `Show more of ${(numbers.length - rows).toLocaleString("en")}`;
}

function row(number, choose) {
  const object = objects[number];
  const decision = decisionOf(object)?.decision;
  const swatch = make("i", { class: "swatch sign", "aria-hidden": "true", "data-sign": signOf(object) });
  swatch.style.background = colourNow(object, matchMedia("(prefers-color-scheme: dark)").matches);
  const button = make("button", { type: "button", "data-number": number, "data-decision": decision ?? null, onclick: () => choose(number) },
    swatch,
    make("span", { class: "what" }, spoken(categoryNow(object))),
    make("small", {}, `${isCompared ? kindOf(object) : counted(object.views.length, "view")} · ${decimals(object.score, 2)}`),
    make("b", { "aria-label": decision ? WORDS[decision] : null, role: decision ? "img" : null }, SIGNS[decision] ?? ""),
  );
  return make("li", {}, button);
}

/** Brings an object's row into sight and gives it the focus, if it is listed. */
export function focusRow(number) {
  const found = get("rows").querySelector(`[data-number="${number}"]`);
  found?.focus({ preventScroll: true });
  found?.scrollIntoView({ block: "nearest" });
}
