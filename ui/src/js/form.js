// The form as a whole: what is asked for, what the server offers for it, and that it survives a reload.

import { ask } from "./api.js";
import { clearErrors, control, controls, defaultOf, defaultText, field, focusFirstError, followSlider, nameControls, setChoices, setFields, setModelDefaults, setValue, showError, valueOf } from "./controls.js";
import { all, byId, press, show } from "./dom.js";
import { fileSize, inEveryLanguage, t } from "./i18n.js";
import { remember, remembered } from "./memory.js";
import { fieldsFrom } from "./schema.js";

const PREVIEW_EVERY = 2;
const SHAPES = { "1:1": 1, "4:3": 4 / 3, "3:4": 3 / 4, "16:9": 16 / 9, "9:16": 9 / 16 };
const OF_PICTURE = ["strength", "resize", "extend."];
const CHANGES_NO_PIXEL = new Set(["stream", "preview", "keep_alive"]);
let offers = { models: [], details: [], others: [], samplers: [], presets: [] };
let withPicture = false;
let buckets;

/** Where the form has been filled in from the server: before, only what was typed is known. */
export const isReady = () => field("prompt") !== undefined;

/** Asks the server what it can do. Throws ServerError. */
export async function learn() {
  const [document, models] = await Promise.all([ask("/openapi.json"), ask("/models")]);
  const presets = document.paths["/presets"] ? await ask("/presets") : { presets: [] };
  setFields(fieldsFrom(document));
  offers = { ...offers, ...models, presets: presets.presets ?? [] };
  restore();
  await learnSamplers();
  describe();
}

/** Looks which models there are by now. */
export async function learnModels() {
  if (!isReady()) return;
  offers = { ...offers, ...(await ask("/models")) };
  describe();
}

/** The request that the form makes, without pictures; null where something in it can't be used, which is then marked. */
export function request() {
  clearErrors();
  const said = {};
  let wrong = false;
  for (const each of controls()) {
    const name = each.dataset.field;
    if (!withPicture && OF_PICTURE.some((start) => name.startsWith(start))) continue;
    try {
      const value = valueOf(name);
      if (value !== undefined) place(said, name, value);
    } catch (sentence) {
      if (typeof sentence !== "string") throw sentence;
      wrong = showError(name, sentence);
    }
  }
  if (!said.prompt?.trim()) wrong = showError("prompt", t("error.required"));
  wrong = stepsAreWrong(said) || wrong;
  if (wrong) {
    focusFirstError();
    return null;
  }
  return tidied(said);
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
  buckets = said.buckets;
  const known = new Set(controls().map((each) => each.dataset.field));
  for (const name of known) setValue(name, values[name]);
  byId("no-neg").checked = said.neg === "" && Boolean(field("neg")?.default);
  const unknown = Object.keys(values).filter((name) => !known.has(name) && name !== "buckets");
  keep();
  describe();
  learnSamplers().then(describe, () => {});
  return unknown;
}

export function change(name, value) {
  setValue(name, value);
  changed(control(name));
}

export function setWithPicture(there) {
  withPicture = there;
  describe();
}

export const detailsOf = (name) => offers.details.find((entry) => entry.name === name);

const onlyModel = () => (offers.models.length === 1 ? offers.models[0] : null);

const chosenModel = () => detailsOf(control("model").value || onlyModel());

/** The side of the square that the chosen model makes best. */
export const nativeSide = () => chosenModel()?.resolution || 512;

export const onlyShipped = () => offers.details.length > 0 && offers.details.every((entry) => entry.shipped);

/** The longest side of a picture that can come out: larger ones needn't be sent. */
export const longestSide = () => field("width")?.max ?? 2048;

export function startForm() {
  byId("form").addEventListener("input", (event) => {
    const slider = event.target.dataset?.slide;
    if (slider) control(slider).value = event.target.value;
    const each = slider ? control(slider) : event.target;
    if (each.dataset.field || each.id === "no-neg") changed(each);
  });
  byId("form").addEventListener("change", (event) => {
    const name = event.target.dataset?.field;
    if (name === "model" || name === "sampler") learnSamplers().then(describe, () => {});
  });
  control("model").addEventListener("focus", () => learnModels().catch(() => {}));
  for (const chip of all("[data-shape]")) chip.addEventListener("click", () => takeShape(chip.dataset.shape));
  byId("swap").addEventListener("click", swap);
  byId("seed-random").addEventListener("click", () => { change("seed", ""); control("seed").focus(); });
  if (innerWidth <= 860) byId("settings").open = false;
  inEveryLanguage(() => { if (isReady()) { nameControls(); describe(); } });
  fillRaw(remembered("form", { stream: PREVIEW_EVERY }));
}

/** Another picture to start from: the batches that a recipe's steps ran in mean nothing any more. */
export function forgetBuckets() {
  buckets = undefined;
  keep();
}

export function reset() {
  fill({ stream: PREVIEW_EVERY });
  control("prompt").focus();
}

function restore() {
  const { buckets: kept, ...said } = remembered("form", { stream: PREVIEW_EVERY });
  fillRaw(said);
  buckets = kept;
}

function fillRaw(said) {
  const values = flatten(said);
  for (const each of controls()) setValue(each.dataset.field, values[each.dataset.field]);
  byId("no-neg").checked = said.neg === "" && Boolean(field("neg")?.default);
}

function changed(each) {
  clearErrors(each);
  if (!CHANGES_NO_PIXEL.has(each.dataset.field)) buckets = undefined;
  if (each.dataset.field) followSlider(each.dataset.field);
  keep();
  describe();
}

function keep() {
  remember("form", settings());
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
  if (buckets !== undefined) said.buckets = buckets;
  return said;
}

/** What is said, by the names of the controls: `hires: 1.5` is `hires.scale`. */
export function flatten(said) {
  const values = {};
  for (const [name, value] of Object.entries(said)) {
    if (name === "extend" && typeof value === "number") for (const side of ["left", "top", "right", "bottom"]) values[`extend.${side}`] = value;
    else if (name === "hires" && typeof value === "number") values["hires.scale"] = value;
    else if (value !== null && typeof value === "object") for (const [part, inner] of Object.entries(value)) values[`${name}.${part}`] = inner;
    else values[name] = value;
  }
  return values;
}

async function learnSamplers() {
  const model = control("model").value;
  const known = model && offers.models.includes(model);
  offers.samplers = (await ask(`/samplers${known ? `?model=${encodeURIComponent(model)}` : ""}`)).samplers;
}

function samplerNow() {
  const name = control("sampler").value || defaultOf("sampler");
  return offers.samplers.find((row) => row.name === name);
}

function stepsAreWrong(said) {
  const row = samplerNow();
  const steps = said.num_steps ?? defaultOf("num_steps");
  const schedule = said.schedule ?? defaultOf("schedule") ?? "default";
  const min = row?.min_steps[schedule];
  if (min === undefined || (steps >= min && steps <= row.max_steps)) return false;
  return showError("num_steps", t("error.steps", { sampler: row.name, schedule, min, max: row.max_steps }));
}

/** Everything that is said beside the controls, and the choices that depend on other choices. */
function describe() {
  if (!isReady()) return;
  const names = (list) => list.map((name) => [name, name]);
  setChoices("model", names(offers.models), onlyModel() ?? t("model.any"));
  setModelDefaults(chosenModel()?.defaults);
  setChoices("sampler", names(offers.samplers.map((row) => row.name)), defaultText("sampler"));
  setChoices("schedule", names(samplerNow()?.schedules ?? field("schedule").examples), defaultText("schedule"));
  setChoices("preset", offers.presets.map((one) => [one.name, one.description ? `${one.name} – ${one.description}` : one.name]), t("preset.none"));
  show(byId("preset-row"), offers.presets.length > 0);
  offerFiles("vae", offers.others.filter((entry) => entry.kind === "vae" && !entry.problem).map((entry) => entry.name), t("default"));
  offerFiles("refiner", offers.models.length > 1 ? offers.models : [], t("no"));
  if (control("refiner_at")) show(control("refiner_at").closest(".field"), Boolean(control("refiner")?.value));
  describeModel(chosenModel());
  const side = nativeSide();
  for (const name of ["width", "height"]) control(name).placeholder = withPicture ? t("size.auto") : String(defaultOf(name) ?? side);
  const standing = defaultOf("neg");
  control("neg").placeholder = standing ? t("neg.default", { value: standing }) : t("neg.placeholder");
  show(byId("no-neg-row"), Boolean(standing));
  const [width, height] = [control("width").value, control("height").value];
  for (const chip of all("[data-shape]")) press(chip, shapeSize(chip.dataset.shape).join() === `${width},${height}`);
}

/** A choice among files of the server's, out of sight where there is nothing to choose. */
function offerFiles(name, found, nothing) {
  if (!control(name)) return;
  setChoices(name, found.map((one) => [one, one]), nothing);
  show(control(name).closest(".field"), found.length > 0 || control(name).value !== "");
}

function describeModel(detail) {
  const about = byId("model-about");
  if (offers.models.length === 0) about.textContent = t("model.none");
  else if (!detail) about.textContent = "\u00a0";
  else {
    const family = [detail.family.replaceAll("_", " "), detail.variant].filter(Boolean).join(" ");
    const native = detail.resolution ? `${detail.resolution} px` : "";
    about.textContent = [family, native, detail.size >= 1e5 ? fileSize(detail.size) : "", detail.loaded ? t("model.loaded") : "", detail.shipped ? t("model.shipped") : ""].filter(Boolean).join(" · ");
  }
}

function shapeSize(shape) {
  if (shape === "auto") return ["", ""];
  const side = nativeSide();
  const multiple = side >= 512 ? 64 : 8;
  const bounded = (value) => Math.min(Math.max(Math.round(value / multiple) * multiple, field("width")?.min ?? 64), longestSide());
  const root = Math.sqrt(SHAPES[shape]);
  return [bounded(side * root), bounded(side / root)];
}

function takeShape(shape) {
  const [width, height] = shapeSize(shape);
  setValue("width", width);
  setValue("height", height);
  clearErrors(control("width"));
  clearErrors(control("height"));
  changed(control("width"));
}

function swap() {
  const [width, height] = [control("width").value, control("height").value];
  setValue("width", height);
  setValue("height", width);
  changed(control("width"));
}
