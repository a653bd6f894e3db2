// Prompts that were asked for: back with ↑ and ↓ as in a shell, or in a list. They stay in this browser, in all of its tabs.

import { allow, byId, icon, make, openDialog, press, show, tell } from "../../js/dom.js";
import { inEveryLanguage, t } from "../../js/i18n.js";
import { remember, remembered } from "../../js/memory.js";
import { notice } from "../../js/notices.js";
import { writeInto } from "../../js/words.js";

const MOST = 300; // of those with a star as many again
const CHARACTERS = 400_000; // of all together
let browsing = null; // { at, shown, draft }: which of them stands in the prompt, newest first

/** Newest first: { text, star }. */
function kept() {
  const found = remembered("past", []);
  return Array.isArray(found) ? found.filter((one) => typeof one?.text === "string") : [];
}

function keep(list) {
  const counts = { true: 0, false: 0 };
  let room = CHARACTERS;
  const fits = [...list].sort((a, b) => Boolean(b.star) - Boolean(a.star)).filter(({ text, star }) => (room -= text.length) >= 0 && (counts[Boolean(star)] += 1) <= MOST);
  const bounded = (some) => list.filter((one) => some.has(one));
  if (!remember("past", bounded(new Set(fits)))) remember("past", bounded(new Set(fits.slice(0, 20))));
  describe();
}

/** What was just asked for is the newest; the same words stand there once, with their star. */
export function rememberPrompt(prompt) {
  const text = prompt.trim();
  const before = kept();
  browsing = null;
  if (!text || before[0]?.text === text) return;
  const known = before.find((one) => one.text === text);
  keep([{ text, star: known?.star ?? false }, ...before.filter((one) => one !== known)]);
}

export function showPast() {
  byId("past-search").value = "";
  openDialog(byId("past-dialog"));
  describe();
  byId("past-search").focus();
}

export function startPast() {
  byId("f-prompt").addEventListener("keydown", browse);
  byId("past-search").addEventListener("input", describe);
  byId("past-clear").addEventListener("click", () => forget(kept().filter((one) => !one.star)));
  addEventListener("storage", describe);
  inEveryLanguage(describe);
}

/** ↑ goes back where nothing is written, or what was asked for last still stands there, and ↓ forward again. */
function browse(event) {
  const up = event.key === "ArrowUp";
  if (event.defaultPrevented || !(up || event.key === "ArrowDown") || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing) return;
  const prompt = event.target;
  const list = kept();
  if (!goesOn(prompt)) {
    browsing = null;
    if (!up || !begins(prompt, list)) return;
    browsing = { at: -1, shown: prompt.value, draft: prompt.value };
  }
  let at = browsing.at + (up ? 1 : -1);
  if (browsing.at < 0 && list[at]?.text === browsing.draft.trim()) at += 1;
  if (at < -1 || (browsing.at < 0 && !list[at])) return;
  event.preventDefault();
  if (at >= 0 && !list[at]) return; // there is none before the oldest
  writeInto(prompt, at < 0 ? browsing.draft : list[at].text);
  tell(prompt.value);
  browsing = { ...browsing, at, shown: prompt.value };
}

/** Is it as the last arrow left it, the caret too? */
const goesOn = ({ value, selectionStart, selectionEnd }) => browsing !== null && value === browsing.shown && selectionStart === value.length && selectionEnd === value.length;

/** An arrow that has somewhere to go in the text stays the caret's. */
const begins = (prompt, list) => prompt.value === "" || (prompt.value.trim() === list[0]?.text && prompt.selectionStart === prompt.selectionEnd && isOnFirstLine(prompt));

/** Does the caret stand in the first line, as it is wrapped? */
function isOnFirstLine(field) {
  const copy = make("textarea", { className: "past-measure", rows: 1, tabIndex: -1, "aria-hidden": "true", value: field.value.slice(0, field.selectionStart) });
  copy.style.width = `${field.offsetWidth}px`;
  field.after(copy);
  const { lineHeight, paddingTop, paddingBottom } = getComputedStyle(copy);
  const lines = (copy.scrollHeight - parseFloat(paddingTop) - parseFloat(paddingBottom)) / parseFloat(lineHeight);
  copy.remove();
  return lines < 1.5;
}

function describe() {
  if (!byId("past-dialog").open) return;
  const all = kept();
  const words = byId("past-search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter(({ text }) => words.every((word) => text.toLowerCase().includes(word)));
  const rows = [...found.filter((one) => one.star), ...found.filter((one) => !one.star)];
  const focused = document.activeElement?.dataset.part;
  const place = [...byId("past-rows").children].findIndex((row) => row.contains(document.activeElement));
  byId("past-rows").replaceChildren(...rows.map(rowOf));
  if (place >= 0) (byId("past-rows").children[Math.min(place, rows.length - 1)]?.querySelector(`[data-part="${focused}"]`) ?? byId("past-search")).focus();
  byId("past-empty").textContent = t(all.length ? "past.none" : "past.empty");
  show(byId("past-empty"), rows.length === 0);
  allow(byId("past-clear"), all.every((one) => one.star) ? t("past.clear.not") : "");
}

function rowOf(one) {
  const part = (name, key, symbol, act) => make("button", { type: "button", className: "icon-button", "data-part": name, "aria-label": t(key, { prompt: one.text }), title: t(key, { prompt: "" }).replace(/[:\s]+$/, ""), onclick: act }, icon(symbol));
  const star = part("star", "past.star", "past-star", () => keep(kept().map((each) => (each.text === one.text ? { ...each, star: !one.star } : each))));
  press(star, Boolean(one.star));
  const words = make("button", { type: "button", className: "past-words", dir: "auto", "data-part": "words", onclick: () => take(one.text) }, make("span", {}, one.text));
  return make("li", {}, words, star, part("drop", "past.drop", "x", () => forget([one])));
}

function take(text) {
  byId("past-dialog").close();
  byId("f-prompt").focus();
  writeInto(byId("f-prompt"), text);
}

function forget(gone) {
  const texts = new Set(gone.map((one) => one.text));
  const before = kept();
  keep(before.filter((one) => !texts.has(one.text)));
  const act = () => {
    const now = kept();
    const back = before.filter((one) => texts.has(one.text) && !now.some((each) => each.text === one.text));
    const order = new Map(before.map((one, place) => [one.text, place]));
    keep([...now, ...back].sort((a, b) => (order.get(a.text) ?? -1) - (order.get(b.text) ?? -1)));
  };
  notice(t("past.dropped", { n: gone.length }), { about: "past", action: { text: t("undo"), act, undo: true } });
}
