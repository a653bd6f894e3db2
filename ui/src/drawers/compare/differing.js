// In which words two texts differ: the longest common ones stay, the others are marked.

import { make } from "../../js/dom.js";

const MOST = 600; // words, beyond which a text is shown as it is

/** Words with what stands behind each of them. */
const wordsOf = (text) => text.match(/[\p{L}\p{N}\p{M}_'’.-]+[^\p{L}\p{N}\p{M}_'’.-]*|[^\p{L}\p{N}\p{M}_'’.-]+/gu) ?? [];
const bare = (word) => word.trim().toLowerCase().replace(/[,.;:]+$/, "");

/** Both texts as nodes, with `<mark>` around the words that the other hasn't. */
export function markedWords(one, other) {
  const [a, b] = [wordsOf(one), wordsOf(other)];
  if (a.length > MOST || b.length > MOST) return [[one], [other]];
  const kept = common(a.map(bare), b.map(bare));
  return [nodes(a, (at) => kept[0].has(at)), nodes(b, (at) => kept[1].has(at))];
}

/** Places in both of the longest common words, in order. */
function common(a, b) {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) lengths[i][j] = a[i] === b[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
  }
  const kept = [new Set(), new Set()];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) { kept[0].add(i++); kept[1].add(j++); } else if (lengths[i + 1][j] >= lengths[i][j + 1]) i += 1;
    else j += 1;
  }
  return kept;
}

/** Neighbours that are marked are marked as one. */
function nodes(words, isKept) {
  const made = [];
  words.forEach((word, at) => {
    const marked = !isKept(at);
    if (made.at(-1)?.marked === marked) made.at(-1).text += word;
    else made.push({ marked, text: word });
  });
  return made.map(({ marked, text }) => (marked ? make("mark", {}, text) : text));
}
