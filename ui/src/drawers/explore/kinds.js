// What can be an axis: any setting that the form has a control for, and what only an axis is: a part of the prompt, sizes,
// the weight of one LoRA. How its values are written and named, and what they make of a request.

import { control, controls, defaultOf, defaultText, field, nameOf } from "../../js/controls.js";
import { byId } from "../../js/dom.js";
import { number, t } from "../../js/i18n.js";
import { isLoras, lorasIn } from "../../js/loras.js";
import { isNames } from "../../js/names.js";
import { chosenModel, entriesOf, presets } from "../../js/offers.js";
import { hasSource } from "../../js/size.js";
import { styled } from "../../js/styled.js";
import { linesIn, numbersIn, seedsIn, sizesIn } from "./values.js";

const NEVER = new Set(["prompt", "neg", "count", "stream", "preview", "keep_alive", "width", "height", "watermark"]);
const OF_PICTURE = ["strength", "resize", "mask_padding"];
const SEEDS = new Set(["seed", "subseed"]);
const SEED = 2n ** 64n - 1n;
const WEIGHT = { type: "number", min: -4, max: 4 };
const LORA = "lora:";
const TO_LOAD = ["model", "vae", "text_encoders", "refiner"]; // the cells of one of these are made one after the other
const WHOLE = ["prompt", "neg"]; // before a part of them is replaced
export const WORDS = "words";

/** The kinds that there are now, in their order: `{ field, how }`; `how` is list, seeds, sizes, lines or ticks. */
export function kinds() {
  const own = [{ field: WORDS, how: "lines" }, { field: "prompt", how: "lines" }, { field: "neg", how: "lines" }];
  const said = controls().filter(isOffered).map(({ dataset }) => ({ field: dataset.field, how: howOf(dataset.field) }));
  const at = said.findIndex((one) => one.field === "num_steps");
  said.splice(at, 0, { field: "size", how: "sizes" });
  const loras = chosenLoras().map(({ name }) => ({ field: LORA + name, how: "list" }));
  const there = entriesOf("lora").length ? [{ field: "loras", how: "ticks" }] : [];
  return [...own, ...said, ...there, ...loras];
}

export const kindOf = (name) => kinds().find((one) => one.field === name);

function isOffered(each) {
  const { field: name } = each.dataset;
  const said = field(name);
  if (!said || NEVER.has(name) || name.startsWith("extend.") || isNames(each) || isLoras(each)) return false;
  if (OF_PICTURE.includes(name) && !hasSource()) return false;
  return each.closest(".field[hidden], #preset-row[hidden]") === null;
}

function howOf(name) {
  const each = control(name);
  if (each.tagName === "SELECT" || each.type === "checkbox") return "ticks";
  if (SEEDS.has(name)) return "seeds";
  return ["integer", "number"].includes(field(name).type) ? "list" : "lines";
}

function chosenLoras() {
  try {
    return lorasIn(control("loras")) ?? [];
  } catch {
    return []; // a weight is half written
  }
}

export function axisName(name) {
  if (name.startsWith(LORA)) return t("axis.lora", { name: name.slice(LORA.length) });
  if (name.startsWith("hires.")) return `${nameOf("hires")}: ${nameOf(name).toLowerCase()}`;
  return { [WORDS]: t("axis.words"), size: t("size"), loras: t("axis.loras"), walk: t("explore.walk") }[name] ?? nameOf(name);
}

/** `[value, text]` of what is ticked; null is what isn't said. */
export function choicesOf(name) {
  if (name === "loras") {
    const fitting = chosenModel()?.lora_families ?? [];
    const fits = ({ family }) => !family || !fitting.length || fitting.includes(family);
    return [[null, t("axis.loras.none")], ...entriesOf("lora").filter(fits).map((one) => [one.name, one.name])];
  }
  const each = control(name);
  if (each.type === "checkbox") return [[null, t("no")], [true, t("axis.yes")]];
  return [...each.options].map(({ value, text }) => [value === "" ? null : value, text]);
}

/** The values that a text means. Throws a sentence. */
export function valuesIn(name, text) {
  const { how } = kindOf(name);
  if (how === "seeds") return seedsIn(text, seedFrom);
  if (how === "sizes") return sizesIn(text, field("width"));
  if (how === "list") return numbersIn(text, name.startsWith(LORA) ? WEIGHT : field(name));
  const lines = linesIn(text);
  if (name === WORDS && lines.length && ![byId("f-prompt"), byId("f-neg")].some((each) => each.value.includes(lines[0]))) throw t("axis.words.not", { words: lines[0] });
  return lines;
}

export function seedFrom(text) {
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > SEED) throw t("error.seed");
  return String(BigInt(text));
}

/** How a value is called. */
export function labelOf(name, value) {
  if (name === "walk") return stepName(value);
  if (Array.isArray(value)) return value.join(" × ");
  if (typeof value === "number") return number(value, 4);
  if (value === null && name !== "loras") return kindOf(name) ? (choicesOf(name).find(([one]) => one === null)?.[1] ?? defaultText(name)) : t("default");
  if (kindOf(name)?.how === "ticks") return choicesOf(name).find(([one]) => one === value)?.[1] ?? String(value);
  return String(value);
}

const stepName = ({ seed, subseed, subseed_strength: part }) => (part ? t("walk.step", { seed, other: subseed, part: number(part * 100, 0) }) : t("about.seed", { seed }));

/** What an axis makes of a request, without its pictures. */
function apply(said, { field: name, values }, value) {
  if (name === WORDS) for (const one of WHOLE) { if (said[one]) said[one] = said[one].replaceAll(values[0], () => value); }
  else if (name === "size") [said.width, said.height] = value;
  else if (name === "walk") Object.assign(said, { subseed: undefined, subseed_strength: undefined }, value); // instead of the form's
  else if (name === "loras") said.loras = [...(said.loras ?? []), ...(value === null || said.loras?.some((one) => one.name === value) ? [] : [{ name: value, weight: 1 }])];
  else if (name.startsWith(LORA)) said.loras = (said.loras ?? []).map((one) => (one.name === name.slice(LORA.length) ? { ...one, weight: value } : one));
  else set(said, name, value);
}

function set(said, path, value) {
  const [name, part] = path.split(".");
  const whole = typeof said[name] === "number" ? { scale: said[name] } : said[name];
  if (part) said[name] = { ...whole, [part]: value };
  else said[name] = value;
  if (value === null) part ? delete said[name][part] : delete said[name];
}

const rank = ({ field: name }) => (WHOLE.includes(name) ? 0 : name === WORDS ? 1 : 2);

/** The place of each value in a cell: of the first axis, the second and the third. */
export function placesOf(axes, at) {
  let rest = at;
  return axes.map(({ values }) => {
    const place = rest % values.length;
    rest = Math.floor(rest / values.length);
    return place;
  });
}

export const countOf = (axes) => axes.reduce((count, { values }) => count * values.length, 1);

/** The request of one cell. */
export function saidAt(base, axes, at) {
  const said = structuredClone(base);
  const places = placesOf(axes, at);
  const values = axes.map((axis, place) => [axis, axis.values[places[place]]]);
  for (const [axis, value] of values.sort(([one], [other]) => rank(one) - rank(other))) apply(said, axis, value);
  if (said.loras?.length === 0) delete said.loras;
  return styled(said, presets().find(({ name, own }) => own && name === said.preset) ?? null); // no server knows it
}

/** All cells in the order in which they are made: those that need the same files together, and else as they are read. */
export function turns(axes) {
  const heavy = axes.map((axis, place) => place).filter((place) => TO_LOAD.includes(axes[place].field));
  const cells = Array.from({ length: countOf(axes) }, (_, at) => ({ at, places: placesOf(axes, at) }));
  const before = (one, other) => heavy.reduceRight((order, place) => order || one.places[place] - other.places[place], 0) || one.at - other.at;
  return cells.sort(before).map(({ at }) => at);
}

/** How a cell is called: `Steps 8, Guidance 3`. */
export function cellName(axes, at) {
  const places = placesOf(axes, at);
  const one = ({ field: name, values }, place) => (name === "walk" ? labelOf(name, values[place]) : t("axis.named", { name: axisName(name), value: labelOf(name, values[place]) }));
  return axes.map((axis, place) => one(axis, places[place])).join(", ");
}

/** How much there is to do for a request: steps times pixels. */
export function workOf(said, side) {
  const [width, height] = [said.width ?? defaultOf("width") ?? side, said.height ?? defaultOf("height") ?? side];
  return Number(said.num_steps ?? defaultOf("num_steps") ?? 1) * Number(width) * Number(height);
}
