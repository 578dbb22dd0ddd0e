// What became of decisions whose objects have other ids now, or do not stand any more since the run was made anew.

import { WORDS, followedCount, forgetLost, lostDecisions } from "./decisions.js";
import { announce, counted, get, make, spoken } from "./document.js";

/** Says it above the list of objects, if there is anything to say. */
export function showLost() {
  get("lost").hidden = followedCount + lostDecisions.length === 0;
  get("followed").hidden = followedCount === 0;
  get("followed").textContent = `The run was made anew: ${counted(followedCount, "decision")} went over to ${followedCount === 1 ? "an object" : "objects"} with another id.`;
  get("lost").querySelector("details").hidden = lostDecisions.length === 0;
  get("lost-said").textContent = `${counted(lostDecisions.length, "decision belongs", "decisions belong")} to no object any more`;
  get("lost-list").replaceChildren(...lostDecisions.map(([id, decision]) => make("li", {}, words(decision), make("small", {}, placed(id, decision)))));
}

function words({ decision, category, was, note }) {
  const what = was === undefined ? "" : ` ${spoken(was)}`;
  const now = decision === "reclass" ? ` to ${spoken(category)}` : "";
  return `${WORDS[decision] ?? "taken back"}:${what}${now}${note ? ` (${note})` : ""}`;
}

const placed = (id, { at }) => (at ? `${id} at ${at[1].toFixed(6)}, ${at[0].toFixed(6)}` : id);

get("forget").addEventListener("click", () => {
  forgetLost();
  showLost();
  announce("Forgotten.");
});
