// The form as a whole: what is asked for, and that it survives a reload.

import { describeChoices, offerModels } from "./choices.js";
import { clearErrors, control, controls, defaultOf, field, focusFirstError, followSlider, isAuto, markUnsaid, nameControls, setValue, showError, valueOf } from "./controls.js";
import { all, byId } from "./dom.js";
import { inEveryLanguage, t } from "./i18n.js";
import { isLoras, lorasIn, startLoras } from "./loras.js";
import { remember, remembered, rememberedHere, rememberHere, whenRemembered } from "./memory.js";
import { isNames, tickedIn } from "./names.js";
import { notice } from "./notices.js";
import { numberIn, startStepping, written } from "./numbers.js";
import { chosenPreset, defaultModel, learnModels, learnOffers, learnSamplers, models, samplerNow } from "./offers.js";
import { hasSource, setSource, startSize } from "./size.js";
import { styled } from "./styled.js";
import { startWords } from "./words.js";

const PREVIEW_EVERY = 2;
const OF_PICTURE = ["strength", "resize", "extend."];
const CHANGES_NO_PIXEL = new Set(["stream", "preview", "keep_alive"]);
const CHANGES_NO_CHOICE = new Set(["prompt", "neg"]); // typed into, while all choices would be gone through at each key
const OF_RECIPE = { buckets: null, template: ["prompt"], neg_template: ["neg"], embeddings: ["prompt", "neg", "model"], assisted: ["prompt"] }; // no controls; each until one of these changes, null: until any does
let exact = {};
const described = [];
let warned = false; // that nothing can be kept

/** Where the form has been filled in from the server: before, only what was typed is known. */
export const isReady = () => field("prompt") !== undefined;

/** `act` whenever something in the form has changed. */
export const whenChanged = (act) => { described.push(act); };

/** Was the prompt that stands there made of a wish already? */
export const isPlanned = () => exact.assisted !== undefined;

/** Asks the server what it can do. Throws ServerError. */
export async function learn() {
  await learnOffers();
  restore();
  offerModels();
  await learnSamplers();
  describe();
}

/** The request that the form makes, without pictures; null where something in it can't be used, which is then marked, unless
 * `quiet`. */
export function request(quiet) {
  const refuse = quiet ? () => true : showError;
  if (!quiet) clearErrors();
  const said = {};
  let wrong = false;
  for (const each of controls()) {
    const name = each.dataset.field;
    if (!hasSource() && OF_PICTURE.some((start) => name.startsWith(start))) continue;
    if (name === "mask_padding" && byId("mask-around").hidden) continue; // there is no mask
    try {
      const value = valueOf(name);
      if (value !== undefined) place(said, name, value);
    } catch (sentence) {
      if (typeof sentence !== "string") throw sentence;
      wrong = refuse(name, sentence);
    }
  }
  if (isAuto(control("model")) && defaultModel() === null && control("model").value) said.model = control("model").value;
  if (!said.prompt?.trim()) wrong = refuse("prompt", t("error.required"));
  wrong = stepsAreWrong(said, refuse) || wrong;
  if (wrong) {
    if (!quiet) focusFirstError();
    return null;
  }
  return styled(tidied(said));
}

/** What is set, whether it could be sent or not. */
export function settings() {
  const said = {};
  for (const each of controls()) {
    try {
      const value = valueOf(each.dataset.field);
      if (value !== undefined) place(said, each.dataset.field, value);
    } catch { /* what can't be read now isn't kept */ }
  }
  return tidied(said);
}

/** Fills the form in from a request or a recipe; what that doesn't say is left to the server. Names what has no place. */
export function fill(said) {
  clearErrors();
  const values = flatten(said);
  exact = recipeOf(said);
  const known = new Set(controls().map((each) => each.dataset.field));
  for (const name of known) setValue(name, values[name]);
  byId("no-neg").checked = said.neg === "" && Boolean(field("neg")?.default);
  const unknown = Object.keys(values).filter((name) => !known.has(name) && !(name in OF_RECIPE));
  keep();
  describe();
  learnSamplers().then(() => describe(), () => {});
  return unknown;
}

export function change(name, value) {
  setValue(name, value);
  changed(control(name));
}

/** Another picture to start from, or none: `fresh` where a person has just given it. */
export function setWithPicture(source, fresh) {
  setSource(source, fresh);
  if (isReady()) keep();
  describe();
}

/** Nothing is painted beyond the picture's edges any more. */
export function dropMargins() {
  for (const { dataset, value } of controls()) if (value && dataset.field.startsWith("extend.")) change(dataset.field);
}

/** Everything that is written and set, as it stands, to bring it back by `restoreForm`. */
export function formState() {
  const value = (each) => (each.type === "checkbox" ? each.checked : isNames(each) ? tickedIn(each) : isLoras(each) ? chosenOf(each) : isAuto(each) ? undefined : each.value);
  return { values: Object.fromEntries(controls().map((each) => [each.dataset.field, value(each)])), noNeg: byId("no-neg").checked, exact };
}

/** The LoRAs as they stand, a weight that can't be read left out. */
function chosenOf(group) {
  try {
    return lorasIn(group);
  } catch {
    return undefined;
  }
}

export function restoreForm(state) {
  clearErrors();
  for (const each of controls()) setValue(each.dataset.field, state.values[each.dataset.field]);
  byId("no-neg").checked = state.noNeg;
  exact = state.exact;
  keep();
  describe();
  learnSamplers().then(() => describe(), () => {});
}

export function startForm() {
  byId("form").addEventListener("input", (event) => {
    const slider = event.target.dataset?.slide;
    if (slider) control(slider).value = written(event.target.value);
    const each = slider ? control(slider) : (event.target.closest("[data-field]") ?? event.target);
    if (each.dataset.field || each.id === "no-neg") changed(each);
  });
  byId("form").addEventListener("change", (event) => {
    const name = event.target.dataset?.field;
    if (name === "preset") takePresetsModel();
    if (["model", "preset", "sampler"].includes(name)) learnSamplers().then(() => describe(), () => {});
  });
  control("model").addEventListener("focus", () => { if (isReady()) learnModels().then(() => describe(), () => {}); });
  startStepping(byId("form"), ({ dataset: { field: name } }) => {
    const { min = 0, max = Infinity } = field(name) ?? {};
    const from = defaultOf(name) ?? (numberIn(control(name).placeholder) || min);
    return { from, min, max };
  });
  startWords();
  startLoras(control("loras"));
  startSize(() => changed(control("width")));
  byId("seed-random").addEventListener("click", () => { change("seed", ""); control("seed").focus(); });
  if (innerWidth <= 860) byId("settings").open = false;
  document.documentElement.dataset.started = "";
  inEveryLanguage(() => { if (isReady()) { nameControls(); describe(); } });
  whenRemembered("styles", () => { if (isReady()) describe(); });
  fillRaw(kept());
}

/** Another picture to start from: the batches that a recipe's steps ran in mean nothing any more. */
export function forgetBuckets() {
  delete exact.buckets;
  keep();
}

export function reset() {
  fill({ stream: PREVIEW_EVERY });
}

function restore() {
  const said = kept();
  fillRaw(said);
  exact = recipeOf(said);
}

function fillRaw(said) {
  const values = flatten(said);
  for (const each of controls()) setValue(each.dataset.field, values[each.dataset.field]);
  byId("no-neg").checked = said.neg === "" && Boolean(field("neg")?.default);
}

function changed(each) {
  clearErrors(each);
  delete each.dataset.auto;
  if (!CHANGES_NO_PIXEL.has(each.dataset.field)) forgetOf(each.dataset.field);
  if (each.dataset.field) followSlider(each.dataset.field);
  if (each.tagName === "SELECT") markUnsaid(each);
  keep();
  describe(!CHANGES_NO_CHOICE.has(each.dataset.field));
}

/** What was in this tab's form; a new tab begins with the latest of any. */
const kept = () => rememberedHere("form") ?? remembered("form", { stream: PREVIEW_EVERY });

function keep() {
  const said = settings();
  rememberHere("form", said);
  if (remember("form", said) || warned) return;
  warned = true;
  notice(t("form.full"), { about: "form", bad: true });
}

/** A style that is meant for a model brings that model along. */
function takePresetsModel() {
  const model = chosenPreset()?.model;
  if (model && models().includes(model)) change("model", model);
}

function place(said, path, value) {
  const [name, part] = path.split(".");
  if (part) said[name] = { ...said[name], [part]: value };
  else said[name] = value;
}

function tidied(said) {
  if (said.hires && !(said.hires.scale > 1)) delete said.hires;
  else if (said.hires && Object.keys(said.hires).length === 1) said.hires = said.hires.scale;
  if (said.extend && !Object.values(said.extend).some(Boolean)) delete said.extend;
  if (byId("no-neg").checked && !said.neg) said.neg = "";
  return Object.assign(said, exact);
}

const recipeOf = (said) => Object.fromEntries(Object.keys(OF_RECIPE).filter((name) => said[name] != null).map((name) => [name, said[name]]));

function forgetOf(changed) {
  exact = Object.fromEntries(Object.entries(exact).filter(([name]) => OF_RECIPE[name] && !OF_RECIPE[name].includes(changed)));
}

/** What is said, by the names of the controls: `hires: 1.5` is `hires.scale`. */
export function flatten(said) {
  const values = {};
  for (const [name, value] of Object.entries(said)) {
    if (name === "extend" && typeof value === "number") for (const side of ["left", "top", "right", "bottom"]) values[`extend.${side}`] = value;
    else if (name === "hires" && typeof value === "number") values["hires.scale"] = value;
    else if (name === "loras" || name in OF_RECIPE) values[name] = value;
    else if (value !== null && typeof value === "object" && !Array.isArray(value)) for (const [part, inner] of Object.entries(value)) values[`${name}.${part}`] = inner;
    else values[name] = value;
  }
  return values;
}

function stepsAreWrong(said, refuse) {
  const row = samplerNow();
  const steps = said.num_steps ?? defaultOf("num_steps");
  const schedule = said.schedule ?? defaultOf("schedule") ?? "default";
  const min = row?.min_steps[schedule];
  if (min === undefined || (steps >= min && steps <= row.max_steps)) return false;
  return refuse("num_steps", t("error.steps", { sampler: row.name, schedule, min, max: row.max_steps }));
}

function describe(choices = true) {
  if (choices && isReady()) describeChoices();
  for (const act of described) act();
}
