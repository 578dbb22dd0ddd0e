// The view of one job: its progress, then its results.

import { counted, fromTemplate, show, tell } from "./document.js";
import { inWords } from "./operations.js";
import { deleteJob, followJob, readJob } from "./service.js";

const RETRY_MS = 2000;

const STATES = {
  queued: "Waiting for its turn",
  running: "Working",
  done: "Done",
  failed: "Done, with errors",
  cancelled: "Cancelled",
};

/** Shows a job and follows it to its end. `gone` is called when there is none to show any more. */
export class JobView {
  #parts;
  #gone;
  /** What is to be shown, and what is. */
  #id = null;
  #job = null;
  #stop = () => {};

  constructor(section, gone) {
    const part = (name) => section.querySelector(`#job-${name}`);
    this.#parts = {
      section,
      title: part("title"),
      state: part("state"),
      progress: part("progress"),
      operations: part("operations"),
      files: part("files"),
      results: part("results"),
      remove: part("delete"),
    };
    this.#gone = gone;
    this.#parts.remove.addEventListener("click", () => this.#delete());
  }

  /** Shows the job of this id, as a reload does; tries again as long as the service does not answer. */
  async open(id) {
    if (id === this.#id) return;
    this.close();
    this.#id = id;
    while (!(await this.#tryToOpen(id))) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }

  /** Whether there is nothing more to try: the job is shown, there is none, or another one is wanted by now. */
  async #tryToOpen(id) {
    try {
      const job = await readJob(id);
      if (this.#id === id) this.show(job);
    } catch (error) {
      if (this.#id !== id) return true;
      this.#parts.section.hidden = false;
      this.#parts.state.textContent = error.status === 404 ? "There is no such job, or no longer." : error.message;
      return error.status === 404;
    }
    return true;
  }

  /** Shows this job from now on. */
  show(job) {
    this.close();
    this.#id = job.id;
    this.#job = job;
    const { section, operations, remove } = this.#parts;
    section.hidden = false;
    remove.hidden = false;
    operations.textContent = [...job.operations.map(inWords), job.output].join(" → ");
    if (job.finished) {
      this.#end(job);
      return;
    }
    this.#progress(job);
    this.#stop = followJob(job, {
      progressed: (now) => this.#progress(now),
      ended: (whole) => this.#end(whole),
      // Deleted elsewhere, or the service is gone for a while: what it says now, or then, is the truth.
      lost: () => {
        this.#id = null;
        this.open(job.id);
      },
    });
  }

  /** Shows nothing any more. */
  close() {
    this.#stop();
    this.#stop = () => {};
    this.#id = null;
    this.#job = null;
    const { section, state, operations, results, progress, files, remove } = this.#parts;
    section.hidden = progress.hidden = files.hidden = remove.hidden = true;
    state.textContent = operations.textContent = "";
    delete state.dataset.state;
    results.replaceChildren();
  }

  focus() {
    this.#parts.title.focus({ preventScroll: true });
    this.#parts.section.scrollIntoView({ block: "nearest" });
  }

  #progress({ state, progress: { done, expected } }) {
    const { progress, remove } = this.#parts;
    remove.textContent = "Cancel";
    progress.hidden = false;
    progress.max = expected;
    progress.value = done;
    this.#state(state, state === "running" ? `${Math.floor(100 * progress.position)} %` : "");
  }

  #end(job) {
    this.#job = job;
    const { files, progress, remove, results } = this.#parts;
    const failed = job.files.filter((file) => file.error).length;
    const images = job.files.reduce((sum, file) => sum + file.results.length, 0);
    this.#state(job.state, counted(images, "image") + (failed ? `, ${counted(failed, "file")} failed` : ""));
    progress.hidden = true;
    remove.textContent = "Delete";
    files.hidden = images === 0;
    files.href = job.links.files;
    results.replaceChildren(...job.files.map(fileRow));
  }

  /** The state in words. Listeners hear of a new state, and are spared every step of the progress. */
  #state(state, detail) {
    const place = this.#parts.state;
    const text = detail ? `${STATES[state]}: ${detail}` : STATES[state];
    if (place.dataset.state !== state) tell(text);
    place.dataset.state = state;
    place.textContent = text;
  }

  async #delete() {
    const job = this.#job;
    if (job.finished && !confirm("Delete this job and its files?")) return;
    try {
      await deleteJob(job);
    } catch (error) {
      this.#parts.state.textContent = error.message;
      return;
    }
    this.close();
    tell("Job deleted.");
    this.#gone();
  }
}

function fileRow(file) {
  const row = fromTemplate("file");
  const name = row.querySelector(".name");
  name.textContent = file.name;
  if (file.original) name.href = file.original;
  row.querySelector("small").textContent = file.results.length ? counted(file.results.length, "image") : "";
  if (file.error) show(row.querySelector(".problem"), file.error.message);
  row.querySelector(".pictures").append(...file.results.map(picture));
  return row;
}

function picture(address) {
  const row = fromTemplate("picture");
  row.querySelector("a").href = address;
  row.querySelector("img").src = address;
  row.querySelector(".name").textContent = decodeURIComponent(address.split("/").at(-1));
  return row;
}
