// Weights by keys: Ctrl (⌘ on a Mac) with ↑ or ↓ on what is selected, or on the word at the caret, as `(word:1.1)`.

import { tell } from "../../js/dom.js";
import { writeInto } from "../../js/words.js";

const STEP = 0.05;
const LARGE_STEP = 0.1; // with Shift
const PLAIN = 1.1; // what brackets without a number weigh
const MOST = 10; // as the server reads it
const NUMBER = /^:\s*([+-]?[\d.]+)\s*\)/;
const TAG = /<(?:lora|lyco):[^<>:]*(?::([+-]?[\d.]+))?>/gi;
const onMac = /Mac|iPhone|iPad/.test(navigator.platform);

/** Has the keys work in these. */
export function startWeights(...fields) {
  for (const field of fields) field.addEventListener("keydown", weigh);
}

function weigh(event) {
  const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  const held = onMac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  if (!by || !held || event.altKey || event.isComposing) return;
  const field = event.target;
  const found = tagAt(field) ?? groupAt(field) ?? wordsAt(field);
  if (!found) return;
  event.preventDefault();
  const weight = Math.round(Math.min(Math.max(found.weight + by * (event.shiftKey ? LARGE_STEP : STEP), found.least), MOST) * 100) / 100;
  const written = found.write(weight);
  writeInto(field, written.text, found.start, found.end);
  field.setSelectionRange(found.start + written.from, found.start + written.from + written.length);
  tell(`${field.value.slice(field.selectionStart, field.selectionEnd)}: ${weight}`);
}

/** A LoRA's tag that the caret stands in. */
function tagAt({ value, selectionStart: start, selectionEnd: end }) {
  for (const match of value.matchAll(TAG)) {
    if (match.index > start || match.index + match[0].length < end) continue;
    const head = match[0].split(":").slice(0, 2).join(":").replace(/>$/, "");
    const write = (weight) => ({ text: `${head}:${weight}>`, from: head.indexOf(":") + 1, length: head.length - head.indexOf(":") - 1 });
    return { start: match.index, end: match.index + match[0].length, weight: Number(match[1] ?? 1), least: -MOST, write };
  }
  return null;
}

/** The innermost brackets around what is selected, or around the caret, and what they weigh; null where words are selected within. */
function groupAt({ value, selectionStart: start, selectionEnd: end }) {
  const within = value.slice(start, end).trim();
  const whole = /^\((.*)\)$/s.test(within) && closing(value, value.indexOf("(", start)) < end;
  const open = whole ? value.indexOf("(", start) : opening(value, start);
  if (open < 0) return null;
  const close = closing(value, open);
  if (close < 0) return null;
  const inner = value.slice(open + 1, close);
  const number = NUMBER.exec(value.slice(open + 1 + inner.search(/:\s*[+-]?[\d.]+\s*$/), close + 1));
  const text = number ? inner.slice(0, inner.length - number[0].length + 1) : inner;
  if (!whole && within !== "" && within !== text.trim()) return null;
  return { start: open, end: close + 1, weight: number ? Number(number[1]) : PLAIN, least: 0, write: writer(text) };
}

/** What is selected, without the spaces around it, or the word at the caret. */
function wordsAt({ value, selectionStart, selectionEnd }) {
  let [start, end] = [selectionStart, selectionEnd];
  if (start === end) {
    const isWord = (at) => /[\p{L}\p{N}\p{M}_'’-]/u.test(value[at] ?? "");
    while (isWord(start - 1)) start -= 1;
    while (isWord(end)) end += 1;
  }
  while (start < end && /\s/.test(value[start])) start += 1;
  while (end > start && /\s/.test(value[end - 1])) end -= 1;
  const text = value.slice(start, end);
  if (!text || !isWhole(text)) return null;
  return { start, end, weight: 1, least: 0, write: writer(text) };
}

/** At 1 the brackets go. */
const writer = (text) => (weight) => (weight === 1 ? { text, from: 0, length: text.length } : { text: `(${text}:${weight})`, from: 1, length: text.length });

const isBracket = (value, at) => value[at - 1] !== "\\";

/** Where the round bracket opens that `at` is within; -1 for none. */
function opening(value, at) {
  let depth = 0;
  for (let i = at - 1; i >= 0; i -= 1) {
    if (value[i] === ")" && isBracket(value, i)) depth += 1;
    if (value[i] === "(" && isBracket(value, i) && depth-- === 0) return i;
  }
  return -1;
}

/** Where the bracket closes that opens at `open`; -1 where it doesn't. */
function closing(value, open) {
  let depth = 0;
  for (let i = open; i >= 0 && i < value.length; i += 1) {
    if (value[i] === "(" && isBracket(value, i)) depth += 1;
    if (value[i] === ")" && isBracket(value, i) && --depth === 0) return i;
  }
  return -1;
}

/** Does every bracket in it close? */
function isWhole(text) {
  let depth = 0;
  for (let i = 0; i < text.length && depth >= 0; i += 1) {
    if (isBracket(text, i)) depth += { "(": 1, ")": -1 }[text[i]] ?? 0;
  }
  return depth === 0;
}
