// The LoRAs of a request: searched for among the server's, each with a weight, the words it was taught by, and a way out.

import { all, byId, make, show } from "./dom.js";
import { language, t } from "./i18n.js";
import { remember } from "./memory.js";
import { numberIn, written } from "./numbers.js";
import { addWords } from "./words.js";

const MOST = 4; // of a weight, either way
const SHOWN = { min: -1, max: 2, step: 0.05 }; // what the slider reaches; the number beside it, all
const KEPT = ["clip_weight", "digest", "autov3"]; // what only files say, and requests take

let offered = [];
let fitting = []; // families

export const isLoras = (group) => group.dataset.loras !== undefined;

/** What is chosen, as a request says it; undefined for none. Throws a sentence for a weight that can't be. */
export function lorasIn(group) {
  const chosen = rowsOf(group).map((row) => {
    const weight = numberIn(row.querySelector("[data-weight]").value);
    if (!(Math.abs(weight) <= MOST)) throw t("loras.weight.not", { name: row.lora.name });
    return { ...row.lora, weight };
  });
  return chosen.length ? chosen : undefined;
}

/** Shows these, in any of the forms that a request may have. */
export function setLoras(group, said) {
  for (const row of rowsOf(group)) row.remove();
  for (const lora of listed(said)) group.append(rowOf(lora));
  describe(group);
}

/** Takes what the server has; `families` are those whose LoRAs the chosen model takes, none where that isn't known. */
export function offerLoras(group, entries, families) {
  offered = entries;
  fitting = families;
  remember("loras", entries.length > 0); // room is kept for them at the next visit
  delete document.documentElement.dataset.loras;
  const fit = entries.filter((one) => !isForeign(one));
  const names = fit.map((one) => one.name);
  const list = byId("loras-there");
  if (names.join("\n") !== all("option", list).map((option) => option.value).join("\n")) {
    list.replaceChildren(...names.map((name) => make("option", { value: name })));
  }
  for (const row of rowsOf(group)) describeRow(row);
  describe(group);
}

/** Has the search, the sliders, the words and the ways out work. */
export function startLoras(group) {
  const search = byId("loras-search");
  const choose = () => {
    const name = search.value.trim();
    if (!all("option", byId("loras-there")).some((option) => option.value === name)) return;
    search.value = "";
    const there = rowsOf(group).find((row) => row.lora.name === name);
    const row = there ?? rowOf({ name, weight: 1 });
    if (!there) group.append(row);
    describeRow(row);
    describe(group);
    changed(group);
    row.querySelector("[data-weight]").focus();
  };
  search.addEventListener("input", (event) => {
    event.stopPropagation(); // what is searched for isn't asked for
    if (event.inputType === undefined || event.inputType === "insertReplacementText") choose(); // taken from the list
  });
  search.addEventListener("change", (event) => { event.stopPropagation(); choose(); });
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); choose(); } });
  group.addEventListener("input", ({ target }) => {
    const row = target.closest(".lora");
    if (!row) return;
    if (target.type === "range") row.querySelector("[data-weight]").value = written(Number(target.value));
    else follow(row);
  });
  group.addEventListener("click", ({ target }) => {
    const row = target.closest(".lora");
    const button = target.closest("button");
    if (!row || !button) return;
    if (button.dataset.word !== undefined) addWords(byId("f-prompt"), button.dataset.word);
    else leave(group, row);
  });
}

function leave(group, row) {
  row.remove();
  describe(group);
  changed(group);
  byId("loras-search").focus();
}

const changed = (control) => control.dispatchEvent(new Event("input", { bubbles: true }));
const isForeign = (entry) => Boolean(entry.family) && fitting.length > 0 && !fitting.includes(entry.family);
const rowsOf = (group) => all(".lora", group);

function listed(said) {
  if (!said) return [];
  if (!Array.isArray(said)) return Object.entries(said).map(([name, weight]) => ({ name, weight }));
  return said.map((one) => (typeof one === "string" ? { name: one, weight: 1 } : { weight: 1, ...one }));
}

function rowOf(lora) {
  const more = KEPT.filter((name) => lora[name] !== undefined && lora[name] !== null).map((name) => [name, lora[name]]);
  const row = make("div", { className: "lora slider" },
    make("div", { className: "lora-head" }, make("span", { className: "lora-name", dir: "auto" }, lora.name), make("button", { type: "button", className: "text-button" })),
    make("input", { type: "range", ...SHOWN }),
    make("input", { type: "text", inputMode: "decimal", spellcheck: false, value: written(lora.weight ?? 1), "data-weight": "" }),
    make("p", { className: "hint" }), make("div", { className: "chips" }));
  row.lora = { name: lora.name, ...Object.fromEntries(more) };
  describeRow(row);
  return row;
}

/** What depends on the language and on what the server has. */
function describeRow(row) {
  const { name, clip_weight: clip } = row.lora;
  const entry = offered.find((one) => one.name === name);
  for (const input of all("input", row)) input.setAttribute("aria-label", t("loras.weight", { name }));
  const out = row.querySelector(".lora-head button");
  out.textContent = t("source.remove");
  out.setAttribute("aria-label", t("loras.remove", { name }));
  const foreign = entry && isForeign(entry);
  const notes = [
    !entry && offered.length ? t("loras.gone") : "", foreign ? t("loras.other", { family: entry.family.replaceAll("_", " ") }) : "",
    clip === undefined ? "" : t("loras.clip", { weight: written(clip) }),
  ].filter(Boolean);
  row.querySelector(".hint").textContent = notes.join(" · ");
  show(row.querySelector(".hint"), notes.length > 0);
  row.querySelector(".hint").classList.toggle("caution", Boolean(foreign || !entry));
  describeWords(row, entry ? [...new Set([...entry.triggers, ...entry.bundled])] : []);
  follow(row);
}

function describeWords(row, words) {
  const chips = row.querySelector(".chips");
  const said = `${language()} ${words.join("\n")}`;
  if (chips.dataset.said !== said) {
    chips.dataset.said = said;
    chips.replaceChildren(...words.map((word) => make("button", { type: "button", className: "chip", dir: "auto", "data-word": word, title: t("loras.word", { word }) }, word)));
  }
  show(chips, words.length > 0);
}

/** Puts the slider where its number is. */
function follow(row) {
  const slider = row.querySelector("[type=range]");
  const weight = numberIn(row.querySelector("[data-weight]").value);
  if (!Number.isNaN(weight)) slider.value = weight;
  slider.style.setProperty("--at", (slider.value - SHOWN.min) / (SHOWN.max - SHOWN.min));
}

function describe(group) {
  show(group, offered.length > 0 || rowsOf(group).length > 0);
  show(byId("loras-search"), offered.length > 0);
}
