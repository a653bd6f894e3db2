// The page's words: texts by key, plurals by the language's own rules, and switching in place.

import { all } from "./dom.js";
import { remember, remembered, whenRemembered } from "./memory.js";

const ATTRIBUTES = ["title", "aria-label", "placeholder"];
let current = document.documentElement.lang;
let at = LANGUAGES.indexOf(current); // where its texts stand among those of a key
let plurals = new Intl.PluralRules(current);
const listeners = new Set();

export const language = () => current;

/** The text of `key`; `{name}` is filled in, `{n, plural, one:…|other:…}` chosen by the number. */
export function t(key, values = {}) {
  const text = STRINGS[key]?.[at];
  if (typeof text !== "string") return text ?? key;
  return text
    .replace(/\{(\w+), plural, ([^}]*)\}/g, (_, name, forms) => plural(values[name], forms))
    .replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

export const hasText = (key) => typeof STRINGS[key]?.[at] === "string";

/** A sentence of the server's; where its note says where fields stand in it, by the names that they have on the page. */
export function worded(sentence, note) {
  if (note?.template === undefined) return sentence;
  return note.template.replace(/\{\{|\}\}|\{([\w.]+)\}/g, (mark, field) => (field === undefined ? mark[0] : fieldName(field)));
}

/** All warnings of an answer, or of a picture that is kept: those of long ago have no notes. */
export const allWorded = ({ warnings, notes = [] }) => warnings.map((warning, at) => worded(warning, notes[at]));

const fieldName = (field) => (hasText(`field.${field}`) ? t("named", { name: t(`field.${field}`) }) : field);

export function number(value, digits = 1) {
  return new Intl.NumberFormat(current, { maximumFractionDigits: digits }).format(value);
}

/** What stands before the decimals of a number. */
export const decimalSign = () => new Intl.NumberFormat(current).formatToParts(1.5).find((part) => part.type === "decimal").value;

export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 90) return t("time.seconds", { n: number(seconds, whole < 10 ? 1 : 0) });
  return t("time.minutes", { m: Math.floor(whole / 60), s: whole % 60 });
}

export function fileSize(bytes) {
  const [unit, size] = bytes >= 1e9 ? ["gigabyte", 1e9] : bytes >= 1e5 ? ["megabyte", 1e6] : ["kilobyte", 1e3];
  const value = bytes / size;
  return new Intl.NumberFormat(current, { style: "unit", unit, maximumFractionDigits: 1 }).format(value);
}

/** Time gone by, as a clock shows it. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}` : `${Math.floor(whole / 60)}:${two(whole % 60)}`;
}

/** `act` now and whenever the language changes. */
export function inEveryLanguage(act) {
  listeners.add(act);
  act();
}

whenRemembered("language", (text) => setLanguage(JSON.parse(text), false));

export function setLanguage(code, keep = true) {
  if (!LANGUAGES.includes(code)) return;
  current = code;
  at = LANGUAGES.indexOf(code);
  plurals = new Intl.PluralRules(code);
  if (keep) remember("language", code);
  document.documentElement.lang = code;
  wordElements();
  for (const act of listeners) act();
}

/** Fills the marks in what stands below `root`. */
export function wordElements(root = document) {
  for (const element of all("[data-t]", root)) element.textContent = t(element.dataset.t);
  for (const name of ATTRIBUTES) {
    for (const element of all(`[data-t-${name}]`, root)) element.setAttribute(name, t(element.getAttribute(`data-t-${name}`)));
  }
}

/** Takes further texts, in every language. */
export function addTexts(texts) {
  Object.assign(STRINGS, texts);
}

/** The language that the address asks for, else the one chosen before, else the file's own. */
export function firstLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  return LANGUAGES.includes(asked) ? asked : remembered("language", current);
}

function plural(value, forms) {
  const choices = Object.fromEntries(forms.split("|").map((form) => form.split(/:(.*)/s)));
  const shown = Math.round(value * 10) / 10; // as it is written, so that its form agrees
  return (choices[plurals.select(shown)] ?? choices.other).replace("#", number(shown));
}
