// Which objects are shown, and in which order.

import { isCompared, isWanted, rankOf, startChanges, wantChanges } from "./changes.js";
import { categories, colourOf, objects, recordingOf } from "./data.js";
import { categoryNow, decisionOf } from "./decisions.js";
import { counted, get, make, spoken } from "./document.js";

const controls = {
  search: get("search"),
  decided: get("decided"),
  leastScore: get("least-score"),
  mostScore: get("most-score"),
  leastViews: get("least-views"),
  order: get("order"),
};
const orders = {
  doubt: (a, b) => (a.score ?? -1) - (b.score ?? -1),
  category: (a, b) => (categoryNow(a) ?? "").localeCompare(categoryNow(b) ?? ""),
  views: (a, b) => a.views.length - b.views.length,
  place: (a, b) => b.y - a.y,
  change: (a, b) => rankOf(a) - rankOf(b) || orders.category(a, b),
};
const boxes = new Map();

/** Shows the changes and the categories with their colours; `changed` is called whenever other objects are to be shown. */
export function startFilter(changed) {
  const most = Math.max(1, ...objects.map((object) => object.views.length));
  controls.leastViews.max = most;
  startChanges(changed);
  get("order-change").hidden = !isCompared;
  if (isCompared) controls.order.value = "change";
  for (const [category, count] of categories) get("category-list").append(row(category, count));
  for (const control of Object.values(controls)) control.addEventListener("input", changed);
  get("category-list").addEventListener("change", changed);
  get("categories-all").addEventListener("click", () => check(true, changed));
  get("categories-none").addEventListener("click", () => check(false, changed));
  get("filter-reset").addEventListener("click", () => {
    Object.assign(controls.search, { value: "" });
    controls.decided.value = "any";
    [controls.leastScore.value, controls.mostScore.value, controls.leastViews.value] = [0, 1, 1];
    wantChanges();
    check(true, changed);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  recolour();
}

function row(category, count) {
  const box = make("input", { type: "checkbox", checked: true });
  boxes.set(category, box);
  const swatch = make("i", { class: "swatch", "aria-hidden": "true", hidden: isCompared });
  return make("li", {}, make("label", {}, box, swatch, make("span", {}, spoken(category)), make("small", {}, count.toLocaleString("en"))));
}

function recolour() {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  for (const [category, box] of boxes) box.nextSibling.style.background = colourOf(category, isDark);
}

function check(isChecked, changed) {
  for (const box of boxes.values()) box.checked = isChecked;
  changed();
}

/** The numbers of the objects that are to be shown, in order; says beside the controls what they are set to. */
export function filtered() {
  const [low, high, views] = [+controls.leastScore.value, +controls.mostScore.value, +controls.leastViews.value];
  get("least-score-said").value = low.toFixed(2);
  get("most-score-said").value = high.toFixed(2);
  get("least-views-said").value = views;
  const words = controls.search.value.trim().toLowerCase();
  const hidden = new Set([...boxes].filter(([, box]) => !box.checked).map(([category]) => category));
  const kept = [];
  objects.forEach((object, number) => {
    const score = object.score ?? 1;
    if (hidden.has(object.category) || object.views.length < views || score < low || score > high) return;
    if (isWanted(object) && isDecided(object) && isFound(object, words)) kept.push(number);
  });
  const order = orders[controls.order.value];
  kept.sort((a, b) => order(objects[a], objects[b]) || a - b);
  get("filter-said").textContent = kept.length < objects.length ? `hides ${counted(objects.length - kept.length, "object")}` : "";
  return kept;
}

function isDecided(object) {
  const wanted = controls.decided.value;
  return wanted === "any" || (!object.isGone && wanted === (decisionOf(object)?.decision ?? "open"));
}

function isFound(object, words) {
  if (!words) return true;
  const texts = [object.id, spoken(categoryNow(object)), categoryNow(object) ?? ""];
  return texts.some((text) => text.toLowerCase().includes(words)) ||
    object.views.some((view) => recordingOf(view).name.toLowerCase().includes(words));
}
