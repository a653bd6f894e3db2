// The controls of the form, each for one field of the request (`data-field`): what they hold, their bounds, their errors.
//
// An empty control says nothing: the field is not sent, and what the server would take for it shows as a placeholder.

import { all, byId, describeBy, make, show } from "./dom.js";
import { hasText, number, t } from "./i18n.js";
import { isLoras, lorasIn, setLoras } from "./loras.js";
import { isNames, tick, tickedIn } from "./names.js";
import { isNumeric, numberIn, written } from "./numbers.js";

const MAX_SEED = 2n ** 64n - 1n;
const NAMED = new Set(["vae", "refiner"]); // by the names of files, which the form fills in
const NEVER_SHOWN = new Set(["img", "mask", "progress", "buckets", "environment", "digest", "parts", "template", "neg_template", "embeddings", "control", "references", "variations", "distilled_cfg_scale", "moderation", "assist", "assisted", "description", "mask_fill", "seed_width", "seed_height", "noise", "sampler_options", "hires.prompt", "hires.neg", "hires.guidance", "hires.sampler", "hires.schedule"]);
let fields = {};
let own = {};

export const field = (name) => fields[name];
export const controls = () => all("[data-field]");
export const control = (name) => document.querySelector(`[data-field="${CSS.escape(name)}"]`);

/** Takes the server's word for bounds, choices and defaults; makes controls for fields that the page has none for. */
export function setFields(found) {
  fields = found;
  for (const [name, said] of Object.entries(fields)) {
    const parent = Object.keys(fields).some((other) => other.startsWith(`${name}.`));
    if (!control(name) && !parent && !NEVER_SHOWN.has(name.split(".")[0]) && !NEVER_SHOWN.has(name) && said.type !== "object") byId("more-fields").append(made(name, said));
  }
  nameControls();
}

/** Everything in the controls that depends on the language or on the server's word. */
export function nameControls() {
  for (const each of controls()) {
    const name = each.dataset.field;
    const said = fields[name];
    if (!said) continue;
    if (said.type === "choice") setChoices(name, said.choices.map((value) => [value, choiceText(name, value)]), defaultText(name));
    showDefault(each);
    if (isNumeric(each) && !Number.isNaN(numberIn(each.value))) each.value = written(numberIn(each.value));
    for (const label of all(`label[for="${each.id}"][data-name]`)) label.textContent = nameOf(name);
  }
  for (const slider of all("[data-slide]")) {
    const said = fields[slider.dataset.slide];
    if (!said) continue;
    [slider.min, slider.max] = [said.min, said.max];
    slider.step = control(slider.dataset.slide).dataset.step;
    followSlider(slider.dataset.slide);
  }
}

export const nameOf = (name) => (hasText(`field.${name}`) ? t(`field.${name}`) : hasText(name) ? t(name) : name);

/** What the server would take for a field that isn't said, with the chosen model. */
export const defaultOf = (name) => own[name] ?? fields[name]?.default;

/** Takes the defaults of the chosen model and style, which go before those of all. */
export function setOwnDefaults(defaults) {
  own = defaults;
  controls().forEach(showDefault);
  for (const slider of all("[data-slide]")) if (fields[slider.dataset.slide]) followSlider(slider.dataset.slide);
}

function showDefault(each) {
  const value = defaultOf(each.dataset.field);
  if (isNumeric(each) && typeof value === "number") each.placeholder = written(value);
}

export function defaultText(name) {
  const value = defaultOf(name);
  return value === null || value === undefined || value === "" ? t("default") : t("default.is", { value: choiceText(name, value) });
}

/** The options of a select: `[value, text]` behind one that says nothing, where that is a choice. What is chosen stays,
 * and so do options that are the same already: made anew, they would shut the list that a person looks at. */
export function setChoices(name, choices, nothing) {
  const select = control(name);
  const wanted = nothing === null ? choices : [["", nothing], ...choices];
  const there = [...select.options].filter((one) => one.dataset.unknown === undefined || !one.selected);
  if (there.length === wanted.length && wanted.every(([value, text], at) => there[at].value === String(value) && there[at].textContent === text)) return;
  const chosen = select.value;
  select.replaceChildren(...wanted.map(([value, text]) => make("option", { value }, text)));
  choose(select, chosen);
}

/** A select's value that the page has chosen, not a person: shown, but not said. */
export function setAuto(name, value) {
  setValue(name, value);
  control(name).dataset.auto = "";
}

export const isAuto = (each) => each.dataset.auto !== undefined;

/** The value of a field as a request says it; undefined for none. Throws a sentence for what can't be one. */
export function valueOf(name) {
  const each = control(name);
  const said = fields[name] ?? {};
  if (each.type === "checkbox") return each.checked || undefined;
  if (isNames(each)) return tickedIn(each).length ? tickedIn(each) : undefined;
  if (isLoras(each)) return lorasIn(each);
  if (isAuto(each)) return undefined;
  const text = each.tagName === "TEXTAREA" ? each.value : each.value.trim();
  if (text.trim() === "") return undefined;
  if (name === "seed" || name === "subseed") return seedFrom(text);
  if (isNumeric(each)) return numberFrom(text, said);
  if (said.numeric && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  return text;
}

export function setValue(name, value) {
  const each = control(name);
  delete each.dataset.auto;
  if (each.type === "checkbox") each.checked = Boolean(value);
  else if (isNames(each)) tick(each, [value ?? []].flat().map(String));
  else if (isLoras(each)) setLoras(each, value);
  else if (each.tagName === "SELECT") choose(each, value === undefined || value === null ? "" : String(value));
  else if (value === undefined || value === null) each.value = "";
  else each.value = isNumeric(each) ? written(value) : String(value);
  followSlider(name);
}

/** Puts the slider where its number is, or where the default is. */
export function followSlider(name) {
  const slider = document.querySelector(`[data-slide="${CSS.escape(name)}"]`);
  if (!slider) return;
  const text = control(name).value;
  const value = numberIn(text);
  slider.value = Number.isNaN(value) ? (defaultOf(name) ?? slider.min) : value;
  slider.classList.toggle("unsaid", text === "");
  const span = slider.max - slider.min;
  slider.style.setProperty("--at", span > 0 ? (slider.value - slider.min) / span : 0);
}

/** Puts a sentence beside the field or the picture that it is about, opens what hides it, and says whether there is such a one. */
export function showError(name, sentence) {
  const each = [name, `${name}.scale`, `${name}.left`, name.split(".")[0]].map(control).find((one) => one && !one.closest("[hidden]"));
  const error = each ? errorOf(each) : pictureError(...name.split("."));
  if (!error) return false;
  error.textContent = sentence;
  error.dataset.refused = "";
  show(error, true);
  if (each) {
    each.setAttribute("aria-invalid", "true");
    describeBy(each, error.id, true);
  }
  for (let at = error.closest("details"); at; at = at.parentElement.closest("details")) at.open = true;
  return true;
}

function errorOf(each) {
  const box = each.closest(".field");
  const there = [...box.children].find((child) => child.classList.contains("error"));
  if (!there) box.append(make("p", { className: "error", id: `error-${each.id}`, role: "alert" }));
  return there ?? box.lastChild;
}

/** Of several pictures each has its own place for what is wrong with it. */
function pictureError(whole, place) {
  if (whole === "img" || whole === "mask") return byId("source-error");
  const group = document.querySelector(`[data-beside="${CSS.escape(whole)}"]`);
  return group && (all(".beside-row .error", group)[place] ?? group.querySelector(":scope > .error"));
}

export function clearErrors(only = null) {
  for (const each of only ? [only] : all("[aria-invalid]")) {
    each.removeAttribute("aria-invalid");
    describeBy(each, `error-${each.id}`, false);
    const error = byId(`error-${each.id}`);
    if (error) show(error, false);
  }
  if (!only) for (const error of all("[data-refused]")) show(error, false);
}

export function focusFirstError() {
  const first = document.querySelector("#form [aria-invalid]");
  if (first) (first.matches("fieldset") ? first.querySelector("input") : first).focus();
  else document.querySelector("[data-refused]:not([hidden])")?.scrollIntoView({ block: "center" });
}

function choose(select, value) {
  if (value !== "" && ![...select.options].some((option) => option.value === value)) {
    const text = select.dataset.field === "model" ? t("model.here", { name: value }) : value;
    select.append(make("option", { value, "data-unknown": "" }, text));
  }
  select.value = value;
  markUnsaid(select);
}

/** What the server would take shows in gray. */
export const markUnsaid = (select) => select.classList.toggle("unsaid", select.value === "");

function choiceText(name, value) {
  const key = `${name.split(".").at(-1)}.${value}`;
  return hasText(key) ? t(key) : String(value);
}

/** The number that a person wrote for a field. Throws a sentence for what can't be one. */
export function numberFrom(text, said) {
  const value = numberIn(text);
  if (!Number.isFinite(value)) throw t("error.number");
  if (said.type === "integer" && !Number.isInteger(value)) throw t("error.whole");
  if (value < (said.min ?? -Infinity) || value > (said.max ?? Infinity)) {
    throw said.max === undefined ? t("error.least", { min: number(said.min) }) : t("error.range", { min: number(said.min, 2), max: number(said.max, 2) });
  }
  return value;
}

function seedFrom(text) {
  if (text === "-1") return undefined;
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > MAX_SEED) throw t("error.seed");
  return String(BigInt(text));
}

function made(name, said) {
  const id = `f-${name.replace(".", "-")}`;
  const label = make("label", { htmlFor: id, "data-name": name }, nameOf(name));
  const about = { id, "data-field": name, title: hasText(`field.${name}`) ? undefined : said.description };
  if (said.type === "boolean") {
    const box = make("input", { type: "checkbox", ...about });
    label.className = "check";
    label.removeAttribute("data-name");
    label.replaceChildren(box, make("span", { "data-t": `field.${name}` }, nameOf(name)));
    return make("div", { className: "field" }, label);
  }
  if (said.type === "choice" || NAMED.has(name)) return make("div", { className: "field" }, label, make("select", about));
  const kind = said.type === "text" ? { type: "text", placeholder: String(said.examples[0] ?? "") } : { type: "text", inputMode: said.type === "integer" ? "numeric" : "decimal", "data-step": said.type === "integer" ? "1" : "0.1" };
  return make("div", { className: "field" }, label, make("input", { ...kind, ...about }));
}
