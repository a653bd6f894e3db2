// The server, as the page talks to it: its own origin, with the key where one is needed, in the page's language.

import { language, t, worded } from "./i18n.js";
import { remembered } from "./memory.js";

/** What the server refused, or that it wasn't there (`status` 0). `said` is its own sentence, about `field`. */
export class ServerError extends Error {
  constructor(status, said, { code = "", field = undefined, template = undefined, stage = undefined, keyed = false } = {}) {
    super(said);
    Object.assign(this, { status, said, code, field, template, stage, keyed });
  }

  /** Is it a picture that was painted, and isn't to be shown? */
  get hides() {
    return this.code === "content_policy_violation" && this.stage !== "prompt";
  }

  /** For a person: in the page's words where they say it better, else the server's sentence. */
  get words() {
    if (this.status === 0) return t(this.said);
    if (this.status === 401 && this.code !== "guard.expired") return t(this.keyed ? "error.key.wrong" : "error.key");
    return worded(this.said, this);
  }
}

export async function ask(path, options = {}) {
  const response = await answer(path, options);
  try {
    return await response.json();
  } catch {
    throw new ServerError(0, "error.answer");
  }
}

/** The lines of /generate, each as soon as it is there. Ending the loop, or `signal`, hangs up, which cancels. */
export const generate = (body, signal) => lines("/generate", held(body), signal);

/** Of what isn't to be drawn, from the laxest to the strictest. */
export const POLICIES = ["none", "minors-only", "standard", "strict"];

/** What is asked for, with what a person has chosen for this browser of what isn't to be drawn. */
export function held(body) {
  const moderation = remembered("moderation", "");
  return moderation ? { moderation, ...body } : body;
}

/** Those of /upscale, likewise. */
export const upscale = (body, signal) => lines("/upscale", { ...body, progress: true }, signal);

/** What a JSON body is answered. */
export const post = (path, body, signal) => ask(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal });

/** The lines of a model being fetched, likewise; hanging up stops it. */
export const pull = (body, signal) => lines("/api/pull", body, signal);

/** Has something done that is answered with nothing. */
export const send = (method, path, body) => answer(path, { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

/** A picture of the server's. */
export const blobAt = async (path) => (await answer(path, {})).blob();

/** Where a file says it comes from. */
export const inspect = (file, signal) => ask("/inspect", { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" }, signal });

async function* lines(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  const response = await answer(path, { method: "POST", body: JSON.stringify(body), headers, signal });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let parts = [];
  try {
    while (true) {
      const { done, value } = await read(reader, signal);
      if (done) break;
      const pieces = decoder.decode(value, { stream: true }).split("\n");
      parts.push(pieces[0]);
      for (const piece of pieces.slice(1)) {
        yield line(parts.join(""));
        parts = [piece];
      }
    }
    const rest = parts.join("").trim();
    if (rest) yield line(rest);
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Takes an order back by its id as well: a proxy in between may not pass on that somebody hung up. */
export function cancelOrder(id) {
  answer(`/jobs/${encodeURIComponent(id)}`, { method: "DELETE" }).catch(() => {});
}

async function answer(path, { key = remembered("key", ""), ...options }) {
  const headers = { "Accept-Language": language(), ...options.headers, ...(key ? { Authorization: `Bearer ${key}` } : {}) };
  let response;
  try {
    response = await fetch(`.${path}`, { ...options, headers, cache: "no-store", credentials: "omit", redirect: "error" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ServerError(0, "error.gone");
  }
  if (!response.ok) throw await refused(response, key !== "");
  return response;
}

async function read(reader, signal) {
  try {
    return await reader.read();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ServerError(0, "error.cut");
  }
}

function line(text) {
  let said;
  try {
    said = JSON.parse(text);
  } catch {
    throw new ServerError(0, "error.answer");
  }
  if (!said?.error) return said;
  const error = new ServerError(-1, String(said.error), said);
  if (said.status !== "blocked") throw error;
  return { ...said, error }; // one of several, of which the others come
}

async function refused(response, keyed) {
  try {
    const said = await response.json();
    return new ServerError(response.status, String(said.error), { ...said, keyed });
  } catch {
    return new ServerError(response.status, `${response.status} ${response.statusText}`, { keyed });
  }
}
