// The object under review: its best views, what is known of it, and what its reader decides.

import { signOf, toldChange } from "./changes.js";
import { categories, objects, recordingOf, report, addressOf } from "./data.js";
import { WORDS, areKept, categoryNow, colourNow, decide, decisionOf, undo } from "./decisions.js";
import { announce, counted, decimals, get, make, momentOrText, seenAt, spoken } from "./document.js";
import { axes } from "./drawing.js";
import { crop, openPhotograph } from "./photograph.js";

const CROPS = 3;
/** Metres on the ground up to which two objects share a pole. */
const POLE = 0.75;
const WINDS = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
/** What is said under names of the page's own, or is none of the reader's business. */
const TOLD = new Set([
  "z", "size", "residual", "score", "views", "category_score", "category_code", "traffic_sign", "facing", "facing_sd",
  "height_above_road", "first_seen", "last_seen",
]);
let object = null;

/** The object that the panel shows, or null. */
export const current = () => object;

/** Shows an object; `place` says where it is in the list, `open` is called with the number of one beside it that is picked. */
export function showObject(number, place, open) {
  object = objects[number];
  get("place-in-list").textContent = place;
  get("change").textContent = toldChange(object);
  get("deciding").hidden = get("note").hidden = object.isGone === true;
  refreshDecision();
  const others = onPole(object);
  get("beside").hidden = others.length === 0;
  get("beside-list").replaceChildren(...others.map((other) => make("button", { type: "button", class: "quiet", onclick: () => open(other.number) }, spoken(categoryNow(other)))));
  get("crops").replaceChildren(...object.views.slice(0, CROPS).map((view, rank) => cropOf(view, rank)));
  get("facts").replaceChildren(...facts().flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  get("views-title").textContent = `Seen in ${counted(object.views.length, "photograph")}`;
  get("views").replaceChildren(...object.views.map(viewRow));
}

/** The other objects on an object's pole, from it upwards and on from the lowest. */
export function onPole(one) {
  const height = (other) => other.said.z ?? 0;
  const pole = objects.filter((other) => Math.hypot(other.x - one.x, other.y - one.y) < POLE).sort((a, b) => height(a) - height(b) || a.number - b.number);
  const place = pole.indexOf(one);
  return [...pole.slice(place + 1), ...pole.slice(0, place)];
}

/** What changes when its reader decides. */
export function refreshDecision() {
  if (!object) return;
  const found = decisionOf(object);
  const swatch = make("i", { class: "swatch sign", "aria-hidden": "true", "data-sign": signOf(object) });
  swatch.style.background = colourNow(object, matchMedia("(prefers-color-scheme: dark)").matches);
  get("object-title").replaceChildren(swatch, spoken(categoryNow(object)));
  get("object-said").textContent = object.id;
  for (const name of Object.keys(WORDS)) get(name).setAttribute("aria-pressed", found?.decision === name);
  get("note").value = found?.note ?? "";
  get("note").disabled = !found;
  get("note").placeholder = found ? "Note" : "Decide first, then note why";
  get("decision").textContent = saidOf(found);
}

function saidOf(found) {
  if (found) return `${wordsOf(found)}${found.time ? `, ${momentOrText(found.time)}` : ""}. U takes it back.`;
  return object.isGone ? "It is of the earlier run: there is nothing to decide of." : notKept();
}

const notKept = () => (areKept() ? "" : "This browser keeps nothing for files: save the review before you leave.");
const wordsOf = (found) => (found.decision === "reclass" ? `Re-classed: the run said ${spoken(object.category)}` : capital(WORDS[found.decision]));
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function cropOf(view, rank) {
  const { name } = recordingOf(view);
  const said = view.distance === null ? "" : `${decimals(view.distance, 1)} m`;
  const button = make("button", { type: "button", "aria-label": `Photograph ${name}, ${said}`, onclick: () => openPhotograph(object, view) });
  button.append(crop(object, rank), make("small", {}, said));
  return button;
}

function facts() {
  const { said } = object;
  const [longitude, latitude] = object.at;
  const spread = object.ellipse ? axes(object.ellipse).major : null;
  const rows = [
    ["Score", decimals(said.score, 2)],
    ["Category", said.category_score === undefined ? null : `${spoken(object.category)} ${decimals(said.category_score, 2)}`],
    ["Runners-up", runnersUp().map(([name, score]) => `${spoken(name)} ${decimals(score, 2)}`).join(", ") || null],
    ["Sign code", said.traffic_sign ?? said.category_code ?? null],
    ["Latitude, longitude", `${latitude.toFixed(7)}, ${longitude.toFixed(7)}`],
    [report.frame.crs, `${decimals(report.frame.origin[0] + object.x, 2)}, ${decimals(report.frame.origin[1] + object.y, 2)}`],
    ["Height", metres(said.z)],
    ["Above the road", metres(said.height_above_road)],
    ["Size", metres(said.size)],
    ["Residual", metres(said.residual)],
    ["Spread (1σ)", metres(spread)],
    ["Facing", facing(said)],
    ["First seen", seenAt(said.first_seen)],
    ["Last seen", seenAt(said.last_seen)],
    ["OSM tags", tags(said.osm)],
    ...Object.entries(said).filter(([name, value]) => !TOLD.has(name) && isPlain(value)).map(([name, value]) => [name.replaceAll("_", " "), String(value)]),
  ];
  return rows.filter(([, value]) => value !== null);
}

const metres = (value) => (typeof value === "number" ? `${decimals(value, 2)} m` : null);
const isPlain = (value) => ["string", "number", "boolean"].includes(typeof value);

/** Degrees from grid north, with their standard deviation and the nearest wind. */
function facing({ facing: degrees, facing_sd: spread }) {
  if (typeof degrees !== "number") return null;
  const wind = WINDS[Math.round((((degrees % 360) + 360) % 360) / 45) % 8];
  return `${Math.round(degrees)}°${typeof spread === "number" ? ` ± ${Math.round(spread)}°` : ""} (${wind})`;
}

const tags = (osm) =>
  typeof osm === "object" && osm !== null ? Object.entries(osm).map(([name, value]) => `${name}=${value}`).join("\n") : null;

/** Pairs of a category and its score, where the step that named the object says what else it may be. */
function runnersUp() {
  const found = object.said.runners_up;
  if (!Array.isArray(found)) return [];
  return found.filter((pair) => Array.isArray(pair) && typeof pair[0] === "string" && typeof pair[1] === "number");
}

function viewRow(view) {
  const recording = recordingOf(view);
  const address = addressOf(recording.image);
  const said = [view.distance === null ? null : `${decimals(view.distance, 1)} m`, view.score === null ? null : decimals(view.score, 2)];
  return make("li", {},
    make("button", { type: "button", class: "quiet", onclick: () => openPhotograph(object, view) }, recording.name),
    make("small", {}, said.filter((text) => text !== null).join(" · ")),
    address === null ? null : make("a", { href: address, "aria-label": `Open the file of ${recording.name}` }, "file"),
  );
}

/** Decides of the object that is shown, and says so. */
export function decideCurrent(decision, category = null) {
  decide(object, decision, category);
  announce(`${capital(WORDS[decision])}: ${spoken(categoryNow(object))}.`);
}

/** Takes back what was decided of it. */
export function undoCurrent() {
  undo(object);
  announce("The decision is taken back.");
}

/** Asks what it really is; `then` is called once it is re-classed. */
export function askCategory(then) {
  const dialog = get("reclassing");
  get("reclassing-was").textContent = `The run says ${spoken(object.category)}.`;
  get("category").value = categoryNow(object) ?? "";
  get("runners-up").replaceChildren(...runnersUp().map(([name]) => make("button", { type: "button", onclick: () => close(name) }, spoken(name))));
  const close = (name) => {
    get("category").value = name;
    dialog.close("ok");
  };
  dialog.returnValue = "";
  dialog.onclose = () => {
    const category = get("category").value.trim();
    if (dialog.returnValue !== "ok" || !category) return;
    decideCurrent("reclass", category);
    then();
  };
  dialog.showModal();
  get("category").select();
}

get("category-names").append(...categories.filter(([name]) => name !== null).map(([name]) => make("option", { value: name })));
get("note").addEventListener("change", () => {
  const found = object && decisionOf(object);
  if (found) decide(object, found.decision, found.category, get("note").value);
});

/** The number of the object that is shown. */
export const currentNumber = () => object?.number ?? null;

/** Shows no object. */
export function showNone() {
  object = null;
}
