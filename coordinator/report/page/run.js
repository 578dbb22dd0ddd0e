// How the run went: figures, warnings, where the time went, what failed and how to repeat it.

import { report } from "./data.js";
import { counted, decimals, get, lasted, make, moment } from "./document.js";

const { run } = report;

/** Fills the page of the run. */
export function showRun() {
  get("summary").append(...figures().map(([name, value, hint]) => make("div", { class: "figure" }, make("b", {}, value), make("span", {}, name), hint ? make("small", {}, hint) : null)));
  showFindings();
  get("spent").append(spent());
  showFailures();
  get("repeat").append(...commands().flatMap(([what, command]) => [make("p", {}, what), make("pre", { tabindex: "0" }, command)]));
  get("about").append(...about().flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function figures() {
  const { mapped } = run;
  const share = mapped?.detections ? `from ${mapped.placed.toLocaleString("en")} of ${mapped.detections.toLocaleString("en")} detections` : "";
  const failed = run.reasons.reduce((sum, reason) => sum + reason.count, 0);
  return [
    ["objects", report.objects.length.toLocaleString("en"), share],
    ["recordings", run.taken.toLocaleString("en"), ""],
    ["failed", failed.toLocaleString("en"), failed ? counted(run.reasons.length, "reason") : "nothing"],
    ["state", run.state, run.owner ?? (run.session > 1 ? `session ${run.session}` : "")],
    ["time", lasted(run.seconds ?? report.timeline.seconds), run.started ? `from ${moment(run.started)}` : ""],
  ];
}

function showFindings() {
  const told = run.findings.filter(({ level }) => level !== "note");
  get("doubts").hidden = run.findings.length === 0;
  get("doubts-title").textContent = told.length ? counted(told.length, "warning") : "Notes";
  get("doubts").append(make("ul", { class: "findings", role: "list" }, ...run.findings.map(({ level, text }) => make("li", { "data-level": level }, make("b", {}, level), make("span", {}, text)))));
}

function spent() {
  const steps = run.steps.filter((step) => step.attempts || step.succeeded || step.failed || step.skipped);
  const longest = Math.max(1e-9, ...steps.map((step) => step.busy + step.waited));
  const heads = ["step", "tasks", "failed", "skipped", "at work", "waited", "", "each", "longest"];
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head || make("span", { class: "unseen" }, "share"))))),
    make("tbody", {}, ...steps.map((step) => stepRow(step, longest))));
}

function stepRow(step, longest) {
  const bar = make("span", { class: "stacked", role: "img", "aria-label": `${lasted(step.busy)} at work, ${lasted(step.waited)} waiting` }, make("i", { class: "busy" }), make("i", { class: "waited" }));
  bar.children[0].style.width = `${(100 * step.busy) / longest}%`;
  bar.children[1].style.width = `${(100 * step.waited) / longest}%`;
  const cells = [
    step.succeeded.toLocaleString("en"), step.failed.toLocaleString("en"), step.skipped.toLocaleString("en"),
    lasted(step.busy), lasted(step.waited), bar, step.attempts ? lasted(step.busy / step.attempts) : "–",
    step.longest_task ? make("span", { title: step.longest_task }, lasted(step.longest), make("small", {}, step.longest_task.slice(step.name.length + 1))) : "–",
  ];
  return make("tr", { "data-step": step.name }, make("th", { scope: "row" }, step.name), ...cells.map((cell) => make("td", {}, cell)));
}

function showFailures() {
  get("failed").hidden = run.reasons.length === 0;
  get("failed").append(make("ul", { class: "findings", role: "list" }, ...run.reasons.map((reason) => {
    const more = reason.count > reason.tasks.length ? ` and ${reason.count - reason.tasks.length} more` : "";
    return make("li", { "data-level": "error" }, make("b", {}, `${reason.count.toLocaleString("en")} × ${reason.step}`),
      make("span", {}, `${reason.kind}: ${reason.message}`, make("small", {}, reason.tasks.join(", ") + more)));
  })));
}

function commands() {
  return [
    ["The run", run.again],
    ["What is left to do", run.proceed === run.again ? null : run.proceed],
    ["This page, as the run is now", `python -m coordinator report ${quoted(run.folder)}`],
    ["A review into the results", reviewCommand()],
    ["What has changed since an earlier run, on this page", `python -m coordinator compare ${report.earlier === null ? "OLD_RUN_DIR" : quoted(report.earlier)} ${quoted(run.folder)} --report`],
  ].filter(([, command]) => command);
}

/** The command that puts a saved review into the results. */
export const reviewCommand = () => `python -m coordinator review ${quoted(run.folder)} review.csv`;

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function about() {
  const images = Object.entries(run.images ?? {}).map(([step, image]) => `${step}: ${image.image_ref} ${String(image.id).slice(0, 19)}`);
  const host = run.host ? `${run.host.name}, ${decimals(run.host.cpus, 0)} CPUs, ${counted(run.host.gpus?.length ?? 0, "GPU")}` : null;
  const versions = run.versions ? Object.entries(run.versions).map(([name, version]) => `${name} ${version}`).join(", ") : null;
  return [
    ["Batch", run.batch], ["Run folder", run.folder], ["Pipeline", run.pipeline], ["CRS", run.crs], ["Host", host], ["Versions", versions],
    ["Images", images.join("\n") || null], ["Page written", moment(report.written)],
  ].filter(([, value]) => value);
}
