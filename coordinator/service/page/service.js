// The service's HTTP API, as the page uses it.

/** What the service refused, with the field it is about ("actions.operations[1]"; empty if none). */
export class Refusal extends Error {
  constructor(status, field, message) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

/**
 * Starts a job; resolves to it. A file that is no image fails by itself. `sending` is called with the share sent so far, 0 to 1.
 * XMLHttpRequest, since fetch does not tell how far an upload is.
 */
export function startJob({ files, operations, output }, sending) {
  const body = new FormData();
  body.append("actions", JSON.stringify({ operations, output, bad_files: "fail" }));
  for (const file of files) body.append("files", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "jobs");
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", ({ loaded, total }) => sending(total ? loaded / total : 0));
    request.addEventListener("error", () => reject(new Refusal(0, "", BROKEN)));
    request.addEventListener("load", () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(refusal(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    });
    request.send(body);
  });
}

/** The job as it is now. Raises a Refusal, with status 404 if there is none of that id. */
export async function readJob(id) {
  const response = await ask(`jobs/${encodeURIComponent(id)}`);
  return response.json();
}

/** Cancels a job if it runs, and removes its files. One that is gone already is no error. */
export async function deleteJob(job) {
  try {
    await ask(job.links.self, { method: "DELETE" });
  } catch (error) {
    if (error.status !== 404) throw error;
  }
}

/**
 * Follows a job: `progressed` gets its state and progress, `ended` the whole job. Connections that break are made
 * again by the browser; `lost` is called when it gives up. Returns a function that stops following.
 */
export function followJob(job, { progressed, ended, lost }) {
  const events = new EventSource(job.links.events);
  events.addEventListener("progress", ({ data }) => progressed(JSON.parse(data)));
  events.addEventListener("end", ({ data }) => {
    events.close();
    ended(JSON.parse(data));
  });
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) lost();
  });
  return () => events.close();
}

const BROKEN = "The connection broke. Perhaps the images are too large together, or the service is not running.";

async function ask(address, options = {}) {
  let response;
  try {
    response = await fetch(address, { headers: { Accept: "application/json" }, ...options });
  } catch {
    throw new Refusal(0, "", "The service does not answer.");
  }
  if (!response.ok) throw refusal(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

function refusal(status, text, retryAfter) {
  let { field = "", message = `The service answered with status ${status}.` } = errorIn(text);
  if (status === 429 && retryAfter) message += ` Try again in ${retryAfter} s.`;
  return new Refusal(status, field ?? "", message);
}

/** The error in an answer's body; what stands between us and the service may answer in HTML. */
function errorIn(text) {
  try {
    return JSON.parse(text).error ?? {};
  } catch {
    return {};
  }
}
