// Names as one types: LoRAs behind `<lora:`, styles behind `<style:`, embeddings, lists behind `__`, and words that LoRAs
// were taught by. The list belongs to the text field: it keeps the focus, and says which of them is meant.

import { ask, ServerError } from "../../js/api.js";
import { control } from "../../js/controls.js";
import { byId, make, show, tell } from "../../js/dom.js";
import { change } from "../../js/form.js";
import { t } from "../../js/i18n.js";
import { lorasIn } from "../../js/loras.js";
import { notice } from "../../js/notices.js";
import { chosenModel, embeddingWord, entriesOf, fittingEmbeddings, presets, presetTitle } from "../../js/offers.js";
import { undoToNow } from "../../js/undo.js";
import { writeInto } from "../../js/words.js";

const MOST = 8;
const LEAST = 2; // letters of a plain word
const WAYS = [
  [/<lora:([^<>:\n]*)$/i, loras], [/<style:([^<>:\n]*)$/i, styles], [/(?<![\p{L}\p{N}_])__([\p{L}\p{N}_./-]*)$/u, lists],
  [/(?<![\p{L}\p{N}_])embedding:([^\s,<>()]*)$/iu, embeddings], [/<([^<>:\n]*)$/, anything], [/(?<![\p{L}\p{N}_.<-])([\p{L}\p{N}_.-]+)$/u, plain],
];
const byTouch = matchMedia("(pointer: coarse)"); // keyboards on a screen compose every word
let wildcards = null; // names, or their way here
let field = null; // where one types
let shown = []; // { text, kind, put, act }
let start = 0; // of what is completed
let at = -1;

export function startCompleting(...fields) {
  const list = make("ul", { id: "completing", className: "completing", role: "listbox", hidden: true });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the text field keeps the focus
  list.addEventListener("click", ({ target }) => { const place = [...list.children].indexOf(target.closest("li")); if (place >= 0) take(shown[place]); });
  document.body.append(list);
  for (const each of fields) {
    each.setAttribute("aria-autocomplete", "list");
    each.addEventListener("input", ({ inputType, isComposing }) => { if ((!isComposing || byTouch.matches) && /^(insert|delete)/.test(inputType ?? "")) complete(each); });
    each.addEventListener("keydown", press, true);
    each.addEventListener("blur", close);
    each.addEventListener("click", close);
  }
}

async function complete(each) {
  const { value, selectionStart, selectionEnd } = each;
  if (selectionStart !== selectionEnd) return close();
  const before = value.slice(Math.max(0, selectionStart - 200), selectionStart);
  for (const [way, find] of WAYS) {
    const match = way.exec(before);
    if (!match) continue;
    const found = await find(match[1].toLowerCase());
    if (each.value !== value || each !== document.activeElement || each.selectionStart !== selectionStart) return undefined;
    if (!found.length) return close();
    return open(each, found.slice(0, MOST), selectionStart - match[0].length, find !== plain);
  }
  return close();
}

const fits = (word, name) => name.toLowerCase().includes(word);
/** Those that begin so first. */
const sorted = (word, list) => [...list].sort((a, b) => b.text.toLowerCase().startsWith(word) - a.text.toLowerCase().startsWith(word));

function loras(word) {
  const families = chosenModel()?.lora_families ?? [];
  const there = entriesOf("lora").filter((one) => !one.family || !families.length || families.includes(one.family));
  return sorted(word, there.filter((one) => fits(word, one.name)).map(({ name }) => ({ text: name, kind: "lora", put: `<lora:${name}:1>` })));
}

function styles(word) {
  const act = (one) => () => {
    const action = undoToNow();
    change("preset", one.name);
    notice(t("completing.styled", { name: presetTitle(one) }), { about: "styled", action });
  };
  return presets().filter((one) => fits(word, one.name) || fits(word, presetTitle(one))).map((one) => ({ text: presetTitle(one), kind: "style", put: "", act: act(one) }));
}

async function lists(word) {
  if (word === "") wildcards = null; // there may be others by now
  wildcards ??= ask("/wildcards").then((told) => told.wildcards, (error) => { wildcards = null; if (!(error instanceof ServerError)) throw error; return []; });
  const names = await wildcards;
  return sorted(word, names.filter((name) => fits(word, name)).map((name) => ({ text: name, kind: "list", put: `__${name}__` })));
}

function embeddings(word) {
  return sorted(word, fittingEmbeddings().filter((name) => fits(word, name)).map((name) => ({ text: name, kind: "embedding", put: embeddingWord(name) })));
}

function anything(word) {
  return [...loras(word), ...embeddings(word), ...styles(word)];
}

/** Embeddings and trigger words that a plain word begins; not what is written to its end. */
function plain(word) {
  if (word.length < LEAST) return [];
  const begins = (text) => text.toLowerCase().startsWith(word) && text.toLowerCase() !== word;
  const taught = triggers().filter(begins).map((text) => ({ text, kind: "trigger", put: text }));
  return [...taught, ...embeddings(word).filter((one) => begins(one.text))];
}

/** The words that the model, and the LoRAs that are chosen or named in a prompt, were taught by. */
function triggers() {
  const tagged = [...byId("f-prompt").value.matchAll(/<lora:([^<>:]*)/gi)].map((match) => match[1]);
  let chosen = [];
  try { chosen = (lorasIn(control("loras")) ?? []).map((one) => one.name); } catch { /* a weight is half written */ }
  const entries = entriesOf("lora").filter((one) => chosen.includes(one.name) || tagged.includes(one.name));
  return [...new Set([chosenModel(), ...entries].flatMap((one) => [...(one?.triggers ?? []), ...(one?.bundled ?? [])]))];
}

function open(each, found, begin, first) {
  const list = byId("completing");
  const wasOpen = field !== null;
  close();
  [field, shown, start] = [each, found, begin];
  list.setAttribute("aria-label", t("completing"));
  list.replaceChildren(...found.map(({ text, kind }, place) => make("li", { id: `completing-${place}`, role: "option", "aria-selected": "false" }, make("span", { dir: "auto" }, text), " ", make("span", { className: "hint" }, t(`completing.${kind}`)))));
  each.after(list);
  show(list, true);
  each.setAttribute("aria-controls", "completing");
  move(first ? 0 : -1);
  if (!wasOpen) tell(t("completing.n", { n: found.length }));
}

function close() {
  if (!field) return;
  field.removeAttribute("aria-controls");
  field.removeAttribute("aria-activedescendant");
  show(byId("completing"), false);
  [field, shown, at] = [null, [], -1];
}

function move(to) {
  at = to;
  [...byId("completing").children].forEach((option, place) => option.setAttribute("aria-selected", String(place === at)));
  if (at < 0) return field.removeAttribute("aria-activedescendant");
  field.setAttribute("aria-activedescendant", `completing-${at}`);
  return byId(`completing-${at}`).scrollIntoView({ block: "nearest" });
}

/** ↑, ↓, Enter, Tab and Escape are the list's while it is open; every other key the text's. */
function press(event) {
  if (!field || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by) move(at < 0 ? (by > 0 ? 0 : shown.length - 1) : (at + by + shown.length) % shown.length);
  else if (event.key === "Escape") close();
  else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) take(shown[at]);
  else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

function take({ put, act }) {
  const each = field;
  const begin = start;
  const end = each.selectionStart + (each.value[each.selectionStart] === ">" ? 1 : 0);
  close();
  writeInto(each, put, begin, end);
  act?.();
}
