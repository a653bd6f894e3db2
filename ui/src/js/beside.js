// What a picture is held to, and what it is to be like: pictures with a model, a kind and a strength each; kept over a reload.

import { ask, ServerError } from "./api.js";
import { field } from "./controls.js";
import { all, byId, make, say, show } from "./dom.js";
import { hasText, inEveryLanguage, t } from "./i18n.js";
import { numberIn, written } from "./numbers.js";
import { makesMaps } from "./offers.js";
import { base64From, blobFrom, cover, PictureError, scaled } from "./pictures.js";
import { draft, keepDraft } from "./tabs.js";

const MOST = { control: 4, references: 8 };
const PICTURE = { control: "image", references: "img" };
const STRENGTH = { control: 1, references: 0.6 };
const LARGEST = { control: 4096, references: 2048 }; // pixels of a side that are sent
const WAIT = 400; // milliseconds until a change is looked at
const NO_MAP = "none";
const OWN = "own"; // what the server calls a model that sees a map itself

let items = { control: [], references: [] };
let offered = null; // what the server has for each, once that is known
let changed = () => {};

export const besideState = () => ({ control: items.control.map(copied), references: items.references.map(copied) });
const copied = (item) => ({ ...item, said: { ...item.said } });

/** Brings back what `besideState` gave. */
export async function restoreBeside(state) {
  items = { control: [], references: [], ...state };
  changed();
  await keep();
  drawAll();
}

/** The fields of the request; null where something in them can't be used, which is then marked, and gone to unless `quiet`. */
export async function besideFields(quiet) {
  const fields = {};
  let wrong = false;
  for (const name of Object.keys(items)) {
    for (const row of rowsOf(name)) wrong = !check(name, row) || wrong;
    if (items[name].length) {
      fields[name] = await Promise.all(items[name].map(async (item) => ({ ...item.said, [PICTURE[name]]: await base64From(item.blob), ...(item.mask ? { mask: await base64From(item.mask) } : {}) })));
    }
  }
  if (wrong && !quiet) {
    byId("beside").open = true;
    document.querySelector("#beside [aria-invalid]")?.focus();
  }
  return wrong ? null : fields;
}

/** The pictures as they are, to be kept with what is made of them: in the order of the request. */
export const besidePictures = () => ({ control: items.control.map((item) => item.blob), references: items.references.map((item) => item.blob) });

/** Fills in what a recipe says; `found` gives a picture by its digest. The names of pictures that aren't there. */
export async function fillBeside(meta, found) {
  const next = { control: [], references: [] };
  let lost = 0;
  for (const name of Object.keys(next)) {
    for (const part of Array.isArray(meta[name]) ? meta[name] : []) {
      const { [PICTURE[name]]: digest, mask, ...said } = part;
      const blob = await found(digest);
      const masked = mask ? await found(mask) : null;
      if (blob) next[name].push({ ...(await measured(blob)), name: t("source.loaded"), said, ...(masked ? { mask: masked } : {}) });
      if (!blob || (mask && !masked)) lost += 1;
    }
  }
  items = next;
  await keep();
  drawAll();
  return lost;
}

/** Takes what the server has for the chosen model, by its family and size as far as they are known. */
export function offerBeside(controls, adapters, chosen) {
  const alike = (one, other) => !one || !other || one === other;
  const fits = (entry) => alike(entry.family, chosen?.family) && alike(entry.made_for, chosen?.made_for);
  // A model that sees a map itself is called so among those that follow one.
  const own = chosen?.own_map === undefined ? [] : [{ name: OWN, map: chosen.own_map, types: [] }];
  offered = { control: [...own, ...controls.filter(fits)], references: adapters.filter(fits) };
  describe();
}

/** Why no more pictures can be taken for it; "" where they can. */
export const besideRefusal = (name) => (items[name].length >= MOST[name] ? t("beside.most", { n: MOST[name] }) : isAbsent(name) ? t("control.absent") : "");

/** A picture for one of the two, from a file; says beside the place for it where that can't be. */
export async function takeBeside(name, blob, title) {
  const group = groupOf(name);
  const error = group.querySelector(":scope > .error");
  show(error, false);
  byId("beside").open = true;
  if (besideRefusal(name)) return refuse(error, besideRefusal(name));
  try {
    const item = { ...(await measured(blob, LARGEST[name])), name: title, said: {} };
    if (name === "control") setModel(item, usualControl()?.name ?? "");
    items[name].push(item);
  } catch (problem) {
    if (!(problem instanceof PictureError)) throw problem;
    return refuse(error, t(problem.message));
  }
  changed();
  await keep();
  drawAll();
  return true;
}

export async function startBeside(onChange) {
  changed = onChange;
  for (const name of Object.keys(items)) {
    const group = groupOf(name);
    const file = group.querySelector("input[type=file]");
    group.querySelector("[data-add]").addEventListener("click", () => file.click());
    file.addEventListener("change", async () => {
      const files = [...file.files];
      file.value = "";
      for (const one of files) await takeBeside(name, one, one.name);
    });
    group.addEventListener("input", ({ target }) => heard(name, target));
    group.addEventListener("change", ({ target }) => heard(name, target));
    group.addEventListener("click", ({ target }) => { if (target.closest("[data-out]")) leave(name, target.closest(".beside-row")); });
  }
  inEveryLanguage(drawAll);
  for (const name of Object.keys(items)) {
    const kept = await draft(name).catch(() => null);
    if (Array.isArray(kept) && !items[name].length) items[name] = kept;
  }
  drawAll();
}

const offersOf = (name) => offered?.[name] ?? [];
/** A ControlNet whose name tells its map, before its relatives. */
const usualControl = () => offersOf("control").find((one) => one.map && (!one.variant || one.made_for)) ?? offersOf("control")[0];
/** Is it known that nothing here can follow a picture? */
const isAbsent = (name) => name === "control" && offered !== null && offered.control.length === 0;
const groupOf = (name) => document.querySelector(`[data-beside="${name}"]`);
const rowsOf = (name) => all(".beside-row", groupOf(name));

async function measured(blob, most = Infinity) {
  const { blob: sent, width, height } = await scaled(blob, most);
  return { blob: sent, width, height };
}

function refuse(error, sentence) {
  error.textContent = sentence;
  show(error, true);
  return false;
}

async function keep() {
  try {
    for (const [name, list] of Object.entries(items)) await keepDraft(name, list.length ? list : null);
  } catch { /* no room in the browser: they stay for as long as the page is open */ }
}

async function leave(name, { item }) {
  items[name] = items[name].filter((one) => one !== item); // of rows, more may have left that are still seen
  changed();
  await keep();
  drawAll();
  groupOf(name).querySelector("[data-add]").focus();
}

/** A control has a model, and what makes its map: what the model is for, as the server says. */
function setModel(item, name) {
  const entry = offersOf("control").find((one) => one.name === name);
  item.said = { ...item.said, model: name, preprocess: choicesOf("control.preprocess").includes(entry?.map) ? entry.map : NO_MAP };
  delete item.said.digest;
  delete item.said.preprocessor;
  setType(item);
}

/** Of a file for several kinds of maps it has to be said which a map is that is given as it is. */
function setType(item) {
  const kinds = typesOf(item);
  if (!kinds.length) delete item.said.type;
  else if (!kinds.includes(item.said.type)) item.said.type = kinds[0];
}

const typesOf = (item) => ((item.said.preprocess ?? NO_MAP) === NO_MAP ? (offersOf("control").find((one) => one.name === item.said.model)?.types ?? []) : []);

async function heard(name, target) {
  const row = target.closest(".beside-row");
  if (!row) return;
  const { item } = row;
  const key = target.dataset.key;
  if (target.type === "range") row.querySelector("[data-key=strength]").value = written(Number(target.value));
  if (key === "model") setModel(item, target.value);
  else if (["preprocess", "kind", "type"].includes(key)) item.said[key] = target.value;
  if (key === "preprocess") setType(item);
  check(name, row);
  changed();
  describeRow(name, row, item);
  await keep();
}

/** Is what the row says something that can be asked for? */
function check(name, row) {
  const { item } = row;
  const input = row.querySelector("[data-key=strength]");
  const value = input.value.trim() === "" || item.said.model === OWN ? STRENGTH[name] : numberIn(input.value);
  const most = field(`${name}.strength`)?.max ?? 2;
  const wrong = !(value >= 0 && value <= most) ? t("beside.strength.not", { max: most }) : name === "control" && !item.said.model ? t(isAbsent(name) ? "control.absent" : "control.none") : "";
  input.toggleAttribute("aria-invalid", wrong !== "");
  const error = row.querySelector(".error");
  say(error, wrong);
  show(error, wrong !== "");
  if (!wrong) item.said.strength = value;
  return !wrong;
}

function drawAll() {
  for (const [name, list] of Object.entries(items)) {
    const rows = groupOf(name).querySelector(".rows");
    rows.replaceChildren(...list.map((item) => rowOf(name, item)));
    for (const row of rowsOf(name)) describeRow(name, row, row.item);
  }
  describe();
}

function describe() {
  for (const name of Object.keys(items)) {
    show(groupOf(name).querySelector("[data-add]"), items[name].length < MOST[name] && !isAbsent(name));
    for (const row of rowsOf(name)) describeRow(name, row, row.item);
  }
  tell("control-note", isAbsent("control") ? t("control.absent") : "");
  tell("references-note", items.references.length && offered?.references.length === 0 ? t("references.start") : "");
}

function tell(id, sentence) {
  byId(id).textContent = sentence;
  show(byId(id), sentence !== "");
}

function rowOf(name, item) {
  const slider = make("input", { type: "range", min: 0, max: name === "control" ? 2 : 1.5, step: 0.05 });
  const strength = make("input", { type: "text", inputMode: "decimal", spellcheck: false, value: written(item.said.strength ?? STRENGTH[name]), "data-key": "strength" });
  const choice = name === "control"
    ? [make("select", { "data-key": "model" }), make("select", { "data-key": "preprocess" }), make("select", { "data-key": "type" })]
    : [make("select", { "data-key": "kind" })];
  const thumbs = make("div", { className: "beside-thumbs" }, canvas("picture"), ...(name === "control" ? [canvas("map")] : []));
  return make("div", { className: "beside-row", item }, thumbs,
    make("div", { className: "beside-about" },
      make("div", { className: "lora-head" }, make("span", { className: "lora-name", dir: "auto" }, item.name), make("button", { type: "button", className: "text-button", "data-out": "" })),
      ...choice, make("div", { className: "slider" }, slider, strength),
      make("p", { className: "hint" }), make("p", { className: "error", role: "alert", hidden: true })));
}

function canvas(what) {
  return make("canvas", { className: "source-thumb", width: 192, height: 192, role: "img", "data-shows": what });
}

/** What depends on the language, on what the server has, and on what is chosen. */
function describeRow(name, row, item) {
  const called = { name: item.name };
  const out = row.querySelector("[data-out]");
  out.textContent = t("source.remove");
  out.setAttribute("aria-label", t("beside.remove", called));
  for (const input of all(".slider input", row)) input.setAttribute("aria-label", t("beside.strength", called));
  if (name === "control") {
    fillChoices(row, "model", offersOf("control").map((one) => [one.name, one.name === OWN ? t("control.own") : one.name]), item.said.model, t("control.model", called));
    fillChoices(row, "preprocess", choicesOf("control.preprocess").map((one) => [one, named("map", one)]), item.said.preprocess ?? NO_MAP, t("control.preprocess", called));
    fillChoices(row, "type", typesOf(item).map((one) => [one, named("map", one)]), item.said.type ?? "", t("control.type", called));
    show(row.querySelector("[data-key=type]"), typesOf(item).length > 0);
    show(row.querySelector(".slider"), item.said.model !== OWN); // it sees all of its map
    showMap(row, item);
  } else {
    fillChoices(row, "kind", choicesOf("references.kind").map((one) => [one, named("kind", one)]), item.said.kind ?? "subject", t("references.kind", called));
  }
  const slider = row.querySelector("[type=range]");
  slider.value = item.said.strength ?? STRENGTH[name];
  slider.style.setProperty("--at", slider.value / slider.max);
  drawPicture(row.querySelector("[data-shows=picture]"), item.blob, t("source.alt", called));
}

const choicesOf = (name) => field(name)?.choices ?? [];
const named = (start, value) => (hasText(`${start}.${value}`) ? t(`${start}.${value}`) : value);

function fillChoices(row, key, choices, value, label) {
  const select = row.querySelector(`[data-key=${key}]`);
  const known = choices.some(([one]) => one === value) || !value ? choices : [...choices, [value, value]];
  const said = JSON.stringify(known);
  if (select.dataset.said !== said) {
    select.dataset.said = said;
    select.replaceChildren(...known.map(([one, text]) => make("option", { value: one }, text)));
  }
  select.value = value ?? "";
  select.setAttribute("aria-label", label);
}

async function drawPicture(target, blob, label) {
  target.setAttribute("aria-label", label);
  if (target.blob === blob) return;
  target.blob = blob;
  await cover(target, blob);
}

/** Shows the map that the server makes of a control's picture; the picture itself where it is the map. */
function showMap(row, item) {
  const target = row.querySelector("[data-shows=map]");
  const hint = row.querySelector(".hint");
  const wanted = item.said.preprocess ?? NO_MAP;
  const made = wanted !== NO_MAP && makesMaps();
  show(target, made);
  if (!made) hint.textContent = "";
  show(hint, hint.textContent !== "");
  if (!made || (target.of === item.blob && target.dataset.map === wanted)) return;
  target.of = item.blob;
  target.dataset.map = wanted;
  clearTimeout(target.timer);
  target.timer = setTimeout(async () => {
    hint.textContent = "";
    try {
      const answer = await ask("/preprocess", { method: "POST", body: JSON.stringify({ img: await base64From(item.blob), preprocess: wanted }), headers: { "Content-Type": "application/json" } });
      if (target.dataset.map === wanted) await drawPicture(target, blobFrom(answer.img, "image/png"), t("control.map", { name: item.name }));
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      show(target, false);
      hint.textContent = error.words;
    }
    show(hint, hint.textContent !== "");
  }, WAIT);
}
