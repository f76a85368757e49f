// Asks the service: problems as errors in words, the key, and coming again when it is busy.

const KEY = "sharpening-key";
const LONGEST_WAIT_S = 60;
const MOST_ATTEMPTS = 20;

/** What the service says is wrong, in its own words. */
export class Problem extends Error {
  constructor(problem, retryAfterS = 1) {
    super(explain(problem));
    this.status = problem.status;
    this.retryAfterS = retryAfterS;
  }

  /** Whether the same request may be answered a little later. */
  get passes() {
    return this.status === 429 || this.status === 503;
  }
}

/** There is no answer at all. */
export class Away extends Error {}

function explain({ title = "The service refused", detail = "" }) {
  return detail ? `${title}: ${detail}.` : `${title}.`;
}

let askForKey = async () => null;

/** `ask` is told whether a key was wrong, and returns another one or null. */
export function useKeyDialog(ask) {
  askForKey = ask;
}

export function readKey() {
  return sessionStorage.getItem(KEY);
}

/** Returns the answer, or throws `Problem`, `Away` or what `signal` says. */
export async function ask(path, options = {}) {
  for (;;) {
    const key = readKey();
    const answer = await send(path, options, key);
    if (answer.ok) return answer;
    const problem = await readProblem(answer);
    if (problem.status !== 401) throw problem;
    const given = await askForKey(key !== null);
    if (!given) throw problem;
    sessionStorage.setItem(KEY, given);
  }
}

/** Does `work`; while the service is busy or starting, waits as long as it says and does it again. */
export async function patiently(work, { wait, signal }) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem && error.passes) || attempt === MOST_ATTEMPTS) throw error;
      await wait(error, Math.min(error.retryAfterS, LONGEST_WAIT_S), signal);
      signal?.throwIfAborted();
    }
  }
}

async function send(path, { method = "GET", query = {}, body, signal }, key) {
  const url = new URL(path, document.baseURI);
  url.search = new URLSearchParams(query);
  const headers = new Headers();
  if (key) headers.set("X-API-Key", key);
  // what a file is, its bytes say and not its name
  if (body instanceof Blob) headers.set("Content-Type", "application/octet-stream");
  try {
    return await fetch(url, { method, headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Away(explainAway(body));
  }
}

function explainAway(body) {
  const mebibytes = body instanceof Blob ? Math.round(body.size / 2 ** 20) : 0;
  const large = mebibytes > 1 ? ` The file has ${mebibytes} MiB, which may be more than it takes.` : "";
  return `The service does not answer, or closed the connection.${large}`;
}

async function readProblem(answer) {
  const problem = await answer.json().catch(() => ({ title: answer.statusText }));
  return new Problem({ ...problem, status: answer.status }, Number(answer.headers.get("Retry-After")) || 1);
}

/** Returns milliseconds by span, as `Server-Timing` says. */
export function readTimings(answer) {
  const header = answer.headers.get("Server-Timing") ?? "";
  const spans = [...header.matchAll(/([\w-]+);dur=([\d.]+)/g)];
  return Object.fromEntries(spans.map(([, name, duration]) => [name, Number(duration)]));
}
