// What a reader has to know of a run that has not come to its end, has no map, or found nothing.

import { objects, report } from "./data.js";
import { counted, get } from "./document.js";

const { run } = report;
/** Whether objects may still come; how a run of an early version ended is not known. */
const isOpen = !["complete", "ended"].includes(run.state);

/** Whether there is anything that a map could show. */
export const hasMap = report.frame !== null && (objects.length > 0 || report.recordings.ids.length > 0);

/** Says so above the list, and takes away what is of no use without objects. */
export function showStanding() {
  get("unfinished").hidden = !isOpen;
  const review = objects.length ? " A review can be put into its results once it is complete." : "";
  get("unfinished").textContent = `${wordsOfState()} This page shows what was there when it was written.${review}`;
  for (const id of ["filter", "sort", "save"]) get(id).hidden = objects.length === 0;
}

function wordsOfState() {
  if (run.state === "at work") return "The run goes on: more objects may come.";
  return `The run is not complete (${run.state}): the page Run says how to go on.`;
}

/** Why there are no objects, as far as the run knows. */
export function whyNoObjects() {
  const { mapped, taken } = run;
  if (isOpen) return "There are no objects yet.";
  if (!report.frame) return "This run has no map: none of its recordings has a position, or no step of it works them out. What it found is in detections.json.";
  if (mapped && mapped.recordings && !mapped.posed) return `None of the ${counted(taken, "recording")} has a pose, so nothing could be put on the map.`;
  if (mapped && !mapped.detections) return `Nothing was detected in the ${counted(taken, "recording")}.`;
  if (mapped) return `No object came of ${counted(mapped.detections, "detection")}: it takes several recordings that show the same one. The page Run has the warnings.`;
  return "This run has no objects: no step of it positions any.";
}
