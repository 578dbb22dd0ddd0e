// Tasks over time: a group of lanes for each step, a bar for each attempt; wheel and pinch stretch the time.

import { report } from "./data.js";
import { counted, get, lasted, moment } from "./document.js";
import { theme } from "./drawing.js";

const NAMES = 84;
const AXIS = 26;
const GAP = 14;
const HUES = [200, 160, 260, 60, 320, 100, 20];
const canvas = get("timeline");
const { timeline } = report;
let [from, until] = [0, timeline.seconds];
let colours = theme();
let under = null;

/** Draws the timeline, now and whenever it changes. */
export function startTimeline() {
  const bars = timeline.steps.reduce((sum, step) => sum + step.bars.reduce((all, bar) => all + bar[3], 0), 0);
  get("timeline-said").textContent = bars ? `${counted(bars, "attempt")} in ${lasted(timeline.seconds)}, from ${moment(timeline.start)}` : "No attempt yet.";
  get("bars").hidden = bars === 0;
  canvas.style.height = `${AXIS + timeline.steps.reduce((sum, step) => sum + step.lanes * laneHeight(step) + GAP, 0)}px`;
  new ResizeObserver(redraw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    colours = theme();
    redraw();
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.shiftKey && Math.abs(event.deltaX) < Math.abs(event.deltaY)) return;
    event.preventDefault();
    if (event.ctrlKey) stretch(Math.exp(event.deltaY * 0.005), event.offsetX);
    else move(((event.deltaX || event.deltaY) / room()) * (until - from));
  }, { passive: false });
  canvas.addEventListener("pointermove", (event) => point(event.offsetX, event.offsetY));
  canvas.addEventListener("pointerleave", () => point(-1, -1));
  canvas.addEventListener("dblclick", (event) => stretch(event.shiftKey ? 2 : 0.5, event.offsetX));
}

const laneHeight = (step) => (step.lanes > 40 ? 3 : step.lanes > 12 ? 6 : 14);
const room = () => Math.max(1, canvas.clientWidth - NAMES - 8);
const across = (seconds) => NAMES + ((seconds - from) / Math.max(1e-9, until - from)) * room();

function stretch(factor, at) {
  const middle = from + ((at - NAMES) / room()) * (until - from);
  const length = Math.min(timeline.seconds, Math.max(timeline.seconds / 5000, (until - from) * factor));
  from = middle - ((at - NAMES) / room()) * length;
  until = from + length;
  move(0);
}

function move(seconds) {
  const length = until - from;
  from = Math.min(timeline.seconds - length, Math.max(0, from + seconds));
  until = from + length;
  redraw();
}

function redraw() {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !timeline.steps.length) return;
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  drawAxis(context, height);
  let top = AXIS;
  timeline.steps.forEach((step, number) => {
    drawStep(context, step, number, top, width);
    top += step.lanes * laneHeight(step) + GAP;
  });
}

function drawAxis(context, height) {
  const step = roundStep((until - from) / Math.max(2, room() / 110));
  context.fillStyle = colours.soft;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.textAlign = "center";
  for (let tick = Math.ceil(from / step) * step; tick <= until + 1e-9; tick += step) {
    const place = Math.round(across(tick)) + 0.5;
    context.beginPath();
    context.moveTo(place, AXIS - 8);
    context.lineTo(place, height);
    context.stroke();
    context.fillText(tick === 0 ? "0" : lasted(tick), Math.min(place, NAMES + room() - 12), 9);
  }
}

function roundStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-3)));
  const steps = least > 10 ? [15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400] : [1, 2, 5, 10].map((part) => part * power);
  return steps.find((length) => length >= least) ?? 86400 * Math.ceil(least / 86400);
}

function drawStep(context, step, number, top, width) {
  const high = laneHeight(step);
  const hue = HUES[number % HUES.length];
  context.textAlign = "left";
  context.fillStyle = colours.ink;
  context.fillText(step.name, 0, top + (step.lanes * high) / 2, NAMES - 10);
  context.save();
  context.beginPath();
  context.rect(NAMES, top, width, step.lanes * high);
  context.clip();
  for (const [lane, start, end, , failed] of step.bars) {
    if (end < from || start > until) continue;
    const [left, right] = [across(start), across(end)];
    context.fillStyle = failed ? colours.wrong : colours.isDark ? `oklch(0.72 0.09 ${hue})` : `oklch(0.6 0.1 ${hue})`;
    context.fillRect(left, top + lane * high, Math.max(1, right - left - (right - left > 3 ? 1 : 0)), high > 4 ? high - 2 : high);
  }
  context.restore();
}

/** Says what the bar under the pointer is. */
function point(left, high) {
  const found = barAt(left, high);
  if (found === under) return;
  under = found;
  const said = get("bar-said");
  said.hidden = !found;
  if (!found) return;
  const [step, [lane, start, end, count, failed, unit]] = found;
  const many = count > 1 ? `${counted(count, "attempt")} from ${unit} on` : unit;
  said.textContent = `${step.name} · ${many} · ${lasted(end - start)}${failed ? " · failed" : ""} · lane ${lane + 1}`;
  said.style.left = `${Math.min(left, Math.max(0, canvas.clientWidth - said.offsetWidth))}px`;
  said.style.top = `${high + 18}px`;
}

function barAt(left, high) {
  let top = AXIS;
  for (const step of timeline.steps) {
    const lane = Math.floor((high - top) / laneHeight(step));
    if (lane >= 0 && lane < step.lanes) {
      const bar = step.bars.find((one) => one[0] === lane && across(one[1]) - 1 <= left && left <= across(one[2]) + 1);
      return bar ? [step, bar] : null;
    }
    top += step.lanes * laneHeight(step) + GAP;
  }
  return null;
}
