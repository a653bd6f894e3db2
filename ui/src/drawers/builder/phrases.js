// Phrases in a prompt: whether one stands there as its own words, where one goes, and what goes with one that is taken out.

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** The phrase, with the brackets of a weight around it alone, and not as a part of longer words. */
const phrase = (words) => new RegExp(`(?<![\\p{L}\\p{N}_])(?:\\(\\s*${escaped(words)}\\s*(?::\\s*[\\d.]+)?\\s*\\)|${escaped(words)})(?![\\p{L}\\p{N}_])`, "iu");

export const holds = (text, words) => phrase(words).test(text);

/** What to take out of `text` for it to lose `words`, and one comma beside them; null where they aren't there. */
export function without(text, words) {
  const match = phrase(words).exec(text);
  if (!match) return null;
  let [start, end] = [match.index, match.index + match[0].length];
  const before = /,?\s*$/.exec(text.slice(0, start))[0];
  const behind = /^\s*,\s*/.exec(text.slice(end))?.[0] ?? "";
  if (before.startsWith(",")) start -= before.length;
  else if (behind) end += behind.length;
  else if (end === text.length) start -= before.length;
  return { start, end };
}

/** Where words go: behind the phrase that the caret stands in, with the commas that this takes. */
export function placeFor(text, caret, words) {
  const rest = /^[^,.;\n]*/.exec(text.slice(caret))[0];
  let at = caret + rest.length;
  if (depthAt(text, at) > 0) at = text.length; // not within brackets
  at -= /\s*$/.exec(text.slice(0, at))[0].length;
  const before = text.slice(0, at);
  const behind = text.slice(at);
  const first = before === "" || /[\n]$/.test(before);
  const comma = /[,;:]$/.test(before) ? " " : ", ";
  return { at, text: `${first ? "" : comma}${words}${/^\s*(?:$|[,.;:!?\n])/.test(behind) ? "" : ", "}` };
}

/** How many brackets are open there. */
function depthAt(text, at) {
  let depth = 0;
  for (let i = 0; i < at; i += 1) if (text[i - 1] !== "\\") depth += { "(": 1, "[": 1, "{": 1, "<": 1, ")": -1, "]": -1, "}": -1, ">": -1 }[text[i]] ?? 0;
  return depth;
}
