// Where a picture comes from, as the server reads it out of the file, in a sentence. The facts behind it are a drawer's.

import { inspect, ServerError } from "./api.js";
import { make } from "./dom.js";

const GOOD = new Set(["ours", "valid"]);

/** What a file says; null where nobody can tell. */
export async function originOf(file) {
  try {
    return await inspect(file);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return null;
  }
}

/** The server's sentence, as one that stands alone. */
export const originSentence = ({ summary }) => `${summary.charAt(0).toLocaleUpperCase()}${summary.slice(1)}.`;

/** How far what is said can be relied on: good, bad, or open. */
export const standing = ({ signature }) => (GOOD.has(signature) ? "good" : signature === "invalid" ? "bad" : "open");

/** A list of facts. Its words may be anybody's: they are text. */
export function factsList(facts) {
  return facts.flatMap(([name, words]) => [make("dt", {}, name), make("dd", { dir: "auto" }, words)]);
}
