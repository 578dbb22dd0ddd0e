// The page: an order (images, operations, output) becomes a job, whose id stands in the address after the #.

import { counted, show, tell } from "./document.js";
import { ChosenImages } from "./images.js";
import { JobView } from "./job.js";
import { OperationsEditor, imagesOfOne } from "./operations.js";
import { startJob } from "./service.js";

const get = (id) => document.getElementById(id);

const images = new ChosenImages(get("choose"), get("drop"), get("chosen"), orderChanged);
const editor = new OperationsEditor(get("operations"), get("add"), orderChanged);
const view = new JobView(get("job"), () => {
  history.replaceState(null, "", location.pathname);
  get("start").focus();
});

get("remove-all").addEventListener("click", () => images.clear());
get("order").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
addEventListener("hashchange", showJobOfAddress);
showJobOfAddress();

function orderChanged() {
  const { files } = images;
  const { operations } = editor;
  get("remove-all").hidden = files.length < 2;
  get("no-operations").hidden = operations.length > 0;
  const results = files.length * imagesOfOne(operations);
  get("outlook").textContent = files.length
    ? `${counted(files.length, "image")} in, ${results.toLocaleString("en")} out`
    : "";
  if (files.length) show(get("images-problem"), "");
}

function orderIsComplete() {
  const rightOperations = editor.check();
  images.forgetProblems();
  show(get("problem"), "");
  show(get("images-problem"), images.files.length ? "" : "Choose at least one image.");
  if (!images.files.length) get("choose").focus();
  return rightOperations && images.files.length > 0;
}

async function start() {
  if (!orderIsComplete()) return;
  const button = get("start");
  const { output } = Object.fromEntries(new FormData(get("order")));
  const order = { files: images.files, operations: editor.operations, output };
  button.disabled = true;
  try {
    const job = await startJob(order, (share) => {
      button.textContent = share < 1 ? `Sending ${Math.floor(100 * share)} %` : "Starting";
    });
    view.show(job);
    history.pushState(null, "", `#${job.id}`);
    view.focus();
  } catch (error) {
    showRefusal(error);
  } finally {
    button.disabled = false;
    button.textContent = "Start";
  }
}

/** What the service refuses is told where it can be mended: "actions.operations[1]", "files[2]". */
function showRefusal({ field, message }) {
  const [, part, index] = /^(?:actions\.)?(operations|files)\[(\d+)\]/.exec(field) ?? [];
  const place = { operations: editor, files: images }[part];
  if (place?.showProblem(Number(index), message)) tell(message);
  else show(get("problem"), field ? `${field}: ${message}` : message);
}

function showJobOfAddress() {
  const id = location.hash.slice(1);
  if (id) view.open(id);
  else view.close();
}
