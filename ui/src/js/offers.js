// What the server has to offer: models, samplers and styles; and which of them the form means now.

import { ask } from "./api.js";
import { control, defaultOf, setFields } from "./controls.js";
import { hasText, language, t } from "./i18n.js";
import { remember, remembered, whenRemembered } from "./memory.js";
import { fieldsFrom } from "./schema.js";

const SIDE = 512; // of a model that doesn't tell its own
const SET_BY_STYLES = ["num_steps", "guidance", "true_cfg", "sampler", "schedule", "width", "height", "neg"];
let resampling = []; // what enlarges without a file
let own = [remembered("styles", [])].flat();
whenRemembered("styles", (text) => { own = [JSON.parse(text)].flat(); });
let offers = { models: [], details: [], others: [], samplers: [], presets: [], default: null, maps: false };

/** Names of the models that make pictures, and files of another kind. */
export const models = () => offers.models;
export const entriesOf = (kind) => offers.others.filter((entry) => entry.kind === kind && !entry.problem);
export const filesOf = (kind) => entriesOf(kind).map((entry) => entry.name);
export const enlargers = () => [...resampling, ...filesOf("upscaler")];
export const samplers = () => offers.samplers;

/** Styles of this browser's own, as presets are, each with an `id`; all that there are, these first. */
export const ownStyles = () => own;
export const presets = () => [...own, ...offers.presets.filter(({ name }) => !own.some((one) => one.name === name))];

/** Keeps them, for all tabs; false where there is no room, and they last until the page is closed. */
export function keepStyles(list) {
  own = list;
  return remember("styles", list);
}

/** The embeddings that go with the chosen model, as the server tells it: by families, and by how many numbers a vector is. */
export function fittingEmbeddings() {
  const { embedding_families: families = [], context } = chosenModel() ?? {};
  const fits = (one) => !(one.family && families.length && !families.includes(one.family)) && (!one.context || !context || one.context === context || families.indexOf(one.family) > 0);
  return entriesOf("embedding").filter(fits).map((one) => one.name);
}

/** An embedding as a prompt says it: one that is no word of its own in brackets. */
export const embeddingWord = (name) => (/^[\p{L}\p{N}_.-]+$/u.test(name) ? name : `<${name}>`);

/** Does the server make maps of pictures? */
export const makesMaps = () => offers.maps;

/** The model of a request that names none; null where nothing settles that. */
export const defaultModel = () => offers.default ?? null;

/** Asks for everything. Throws ServerError. */
export async function learnOffers() {
  const [document, found] = await Promise.all([ask("/openapi.json"), ask("/models")]);
  const styles = document.paths["/presets"] ? await ask("/presets") : { presets: [] };
  const maps = Boolean(document.paths["/preprocess"]);
  offers = { ...offers, default: null, ...found, presets: styles.presets ?? [], maps };
  resampling = document.components.schemas.UpscaleRequest?.properties.upscaler.examples ?? [];
  setFields(fieldsFrom(document));
}

/** Looks which models there are by now. */
export async function learnModels() {
  offers = { ...offers, default: null, ...(await ask("/models")) };
}

/** The samplers of the chosen model. */
export async function learnSamplers() {
  const model = control("model").value;
  const known = model && offers.models.includes(model);
  offers.samplers = (await ask(`/samplers${known ? `?model=${encodeURIComponent(model)}` : ""}`)).samplers;
}

export const detailsOf = (name) => offers.details.find((entry) => entry.name === name);
export const chosenModel = () => detailsOf(control("model").value);

/** The model to begin with where nobody has said one: the server's, else one of one's own, best one that is loaded. */
export function firstModel() {
  const own = offers.details.filter((entry) => !entry.shipped);
  const first = own.find((entry) => entry.loaded) ?? own[0] ?? offers.details[0];
  return defaultModel() ?? first?.name ?? offers.models[0] ?? "";
}

/** The side of the square that the chosen model makes best. */
export const nativeSide = () => chosenModel()?.resolution || SIDE;

/** The sampler that is set, or would be taken, with its schedules and bounds. */
export function samplerNow() {
  const name = control("sampler").value || defaultOf("sampler");
  return offers.samplers.find((row) => row.name === name);
}

export const chosenPreset = () => presets().find((one) => one.name === control("preset")?.value);

/** What a style sets where the request doesn't, as far as it makes sense on the chosen model. */
export function presetDefaults(one = chosenPreset()) {
  const said = Object.entries(one ?? {});
  const set = said.filter(([name, value]) => SET_BY_STYLES.includes(name) && value !== null);
  return Object.fromEntries(set.map(([name, value]) => [name, withinBounds(name, value)]));
}

function withinBounds(name, value) {
  const limits = chosenModel()?.bounds?.[name];
  return limits ? Math.min(Math.max(value, limits[0]), limits[1]) : value;
}

/** A style's name and a few words on it in the page's language, where the style or the page has them. */
export const presetTitle = (one) => styleText(one, "", one.title) ?? one.name;
export const presetAbout = (one) => styleText(one, ".about") ?? one.description ?? "";

function styleText(one, part, own) {
  if (own) return typeof own === "string" ? own : (own[language()] ?? own.en);
  const key = `preset.${one.name}${part}`;
  return one.shipped && hasText(key) ? t(key) : undefined;
}
