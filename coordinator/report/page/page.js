// The page: its parts put together, its tabs, its address and its keys.

import { isCompared, kindOf } from "./changes.js";
import { byKey, objects, report } from "./data.js";
import { areKept, asCsv, categoryNow, decidedCount, decisionOf, onDecision } from "./decisions.js";
import { announce, counted, get, isWriting, make, moment, spoken } from "./document.js";
import { filtered, startFilter } from "./filter.js";
import { focusRow, showList } from "./list.js";
import { showLost } from "./lost.js";
import { MapView } from "./map.js";
import { askCategory, current, currentNumber, decideCurrent, onPole, refreshDecision, showNone, showObject, undoCurrent } from "./panel.js";
import { openPhotograph } from "./photograph.js";
import { reviewCommand, showRun } from "./run.js";
import { hasMap, showStanding } from "./standing.js";
import { startTimeline } from "./timeline.js";

let shown = [];
let isListStale = false;

const map = new MapView(get("ground"), open, hover);

/** The objects that the filter leaves are shown, on the map and in the list. */
function refilter() {
  shown = filtered();
  map.show(shown);
  showList(shown, open);
  isListStale = false;
}

/** Puts an object under review. */
function open(number) {
  select("map");
  map.choose(number);
  const place = shown.indexOf(number);
  showObject(number, place < 0 ? "" : `${place + 1} of ${shown.length.toLocaleString("en")}`, open);
  get("browse").hidden = true;
  get("object").hidden = false;
  get("side").scrollTop = 0;
  get("object-title").focus({ preventScroll: true });
  history.replaceState(null, "", `#${encodeURIComponent(objects[number].key)}`);
}

/** Back to the list of all. */
function close() {
  if (!current()) return;
  const number = currentNumber();
  showNone();
  map.choose(null);
  get("browse").hidden = false;
  get("object").hidden = true;
  history.replaceState(null, "", location.pathname + location.search);
  if (isListStale) refilter();
  focusRow(number);
}

/** The next object in the list, or the previous one; the first one if none is open. */
function step(by) {
  if (!shown.length) return;
  const place = shown.indexOf(currentNumber());
  open(shown[current() ? (Math.max(0, place) + by + shown.length) % shown.length : 0]);
}

/** The next one of those that share the pole of the open object. */
function nextOnPole() {
  const [next] = onPole(current());
  if (next) open(next.number);
  else announce("Nothing else is on this pole.");
}

/** After a decision: the next object in the list that is not decided of, or back to the list. */
function advance() {
  const place = shown.indexOf(currentNumber());
  const rest = [...shown.slice(place + 1), ...shown.slice(0, Math.max(0, place))];
  const next = rest.find((number) => !objects[number].isGone && !decisionOf(objects[number]));
  if (next === undefined) {
    announce("All objects of the list are reviewed.");
    return;
  }
  open(next);
}

/** Whether the reader may decide of what is open; what is of the earlier run only is told. */
function mayDecide() {
  if (current()?.isGone) announce("It is of the earlier run: there is nothing to decide of.");
  return current() && !current().isGone;
}

function decideAndGoOn(decision) {
  if (!mayDecide()) return;
  decideCurrent(decision);
  advance();
}

function reclass() {
  if (mayDecide()) askCategory(advance);
}

function decided() {
  isListStale = true;
  refreshDecision();
  const count = decidedCount();
  const { length } = report.objects;
  get("reviewed").textContent = length ? `${count.toLocaleString("en")} of ${length.toLocaleString("en")} reviewed` : "";
  get("save").disabled = count === 0 && !Object.keys(report.decisions).length;
}

/** Hands review.csv to the browser, which saves it. */
function save() {
  const address = URL.createObjectURL(new Blob([asCsv()], { type: "text/csv" }));
  const link = make("a", { href: address, download: "review.csv" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  announce(`review.csv is saved. Put it into the results with: ${reviewCommand()}`);
}

function hover(number, across = 0, down = 0) {
  get("ground").style.cursor = number === null ? "" : "pointer";
  const label = get("under");
  label.hidden = number === null;
  if (number === null) return;
  const others = map.besides(number).length - 1;
  label.textContent = others > 0 ? `${others + 1} objects` : `${isCompared ? `${kindOf(objects[number])}: ` : ""}${spoken(categoryNow(objects[number]))} · ${counted(objects[number].views.length, "view")}`;
  label.style.left = `${Math.max(0, Math.min(across + 14, get("map").clientWidth - label.offsetWidth - 8))}px`;
  label.style.top = `${down + 14}px`;
}

/** Shows the map or the run. */
function select(name) {
  for (const tab of ["map", "run"]) {
    get(`view-${tab}`).hidden = tab !== name;
    get(`tab-${tab}`).setAttribute("aria-selected", tab === name);
    get(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
  }
}

function showTab(name) {
  select(name);
  history.replaceState(null, "", name === "run" ? "#run" : location.pathname + location.search);
}

function startTabs() {
  for (const name of ["map", "run"]) get(`tab-${name}`).addEventListener("click", () => showTab(name));
  get("tabs").addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const other = get("view-map").hidden ? "map" : "run";
    showTab(other);
    get(`tab-${other}`).focus();
  });
}

const KEYS = {
  a: () => decideAndGoOn("accept"),
  r: () => decideAndGoOn("reject"),
  c: reclass,
  u: () => mayDecide() && undoCurrent(),
  n: () => step(1),
  p: () => step(-1),
  v: () => current()?.views.length && openPhotograph(current(), current().views[0]),
  t: () => current() && !get("note").disabled && get("note").focus(),
  b: () => current() && nextOnPole(),
  z: () => current() && map.fitObject(currentNumber()),
  "/": search,
  "?": () => get("help").showModal(),
  "+": () => map.zoom(1.5),
  "=": () => map.zoom(1.5),
  "-": () => map.zoom(1 / 1.5),
  0: () => map.fit(),
  Escape: close,
};

function search() {
  close();
  get("filter").open = true;
  get("search").focus();
}

function startKeys() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (isWriting()) {
      if (event.key === "Escape") document.activeElement.blur();
      return;
    }
    const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  const buttons = { accept: KEYS.a, reject: KEYS.r, reclass, next: KEYS.n, previous: KEYS.p, back: close, save, "zoom-in": KEYS["+"], "zoom-out": KEYS["-"], "zoom-all": KEYS[0], "help-open": KEYS["?"] };
  for (const [id, action] of Object.entries(buttons)) get(id).addEventListener("click", action);
}

/** Swatches are as light or dark as the page. */
function startTheme() {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    showList(shown, open);
    refreshDecision();
  });
}

function startLayers() {
  get("layer-truth").hidden = report.truth.length === 0;
  get("layers").addEventListener("change", ({ target }) => {
    if (!target.name) return;
    map.layers[target.name] = target.checked;
    map.redraw();
  });
  get("basemap").addEventListener("submit", (event) => {
    event.preventDefault();
    const template = get("tiles").value.trim();
    map.basemap.show(template);
    get("credit").hidden = template === "";
    get("credit").textContent = template.includes("openstreetmap") ? "© OpenStreetMap contributors" : `Base map: ${template.split("/")[2] ?? ""}`;
  });
}

/** What the page's address names; empty where its escapes are none. */
function nameInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

function showAddress() {
  const name = nameInAddress();
  if (name === "run" || (!name && !hasMap)) select("run");
  else if (byKey.has(name)) open(byKey.get(name).number);
}

get("title").textContent = report.title;
get("subtitle").textContent = `${report.run.pipeline} · ${moment(report.written)}`;
get("help-command").textContent = reviewCommand();
startFilter(refilter);
startTabs();
startKeys();
startLayers();
startTheme();
onDecision(decided);
refilter();
decided();
showLost();
showStanding();
showRun();
startTimeline();
showAddress();
addEventListener("hashchange", showAddress);
addEventListener("beforeunload", (event) => {
  if (!areKept() && decidedCount()) event.preventDefault();
});
document.documentElement.dataset.ready = "yes";
