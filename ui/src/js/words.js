// Words into a prompt and out of it, as if they were typed: the browser's own undo takes them back. What helps to write
// is loaded once somebody does.

import { byId } from "./dom.js";
import { drawer } from "./drawers.js";

/** Puts `words` in the place of what stands from `start` to `end`, with the caret behind them; the focus stays where it is. */
export function writeInto(field, words, start = 0, end = field.value.length) {
  const focused = document.activeElement;
  field.focus({ preventScroll: true });
  field.setSelectionRange(start, end);
  const written = document.activeElement === field && document.execCommand(words ? "insertText" : "delete", false, words);
  if (!written && field.value.slice(start, end) !== words) {
    field.setRangeText(words, start, end, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (focused !== field) focused?.focus({ preventScroll: true });
}

/** Puts words behind a prompt, unless they are there. */
export function addWords(field, words) {
  if (field.value.toLowerCase().includes(words.toLowerCase())) return;
  const before = field.value.trimEnd();
  writeInto(field, `${before && !/[,.;:!?]$/.test(before) ? "," : ""}${before ? " " : ""}${words}`, before.length);
}

export function startWords() {
  const load = () => drawer("words", true);
  for (const id of ["f-prompt", "f-neg"]) byId(id).addEventListener("focus", load);
  if (byId("f-prompt") === document.activeElement) (window.requestIdleCallback ?? setTimeout)(load);
  byId("open-past").addEventListener("click", async () => (await drawer("words"))?.openPast());
  byId("open-builder").addEventListener("click", async () => (await drawer("builder"))?.toggleBuilder());
  byId("open-explore").addEventListener("click", async () => (await drawer("explore"))?.openExplore());
}
