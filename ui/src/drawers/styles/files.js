// One's own styles as a file: written as the server's preset files are, so that it takes them, too; read in that form,
// and in those of other programs' styles.

import { field, nameOf, numberFrom } from "../../js/controls.js";
import { freshId } from "../../js/database.js";
import { byId } from "../../js/dom.js";
import { t } from "../../js/i18n.js";
import { notice } from "../../js/notices.js";
import { ownStyles } from "../../js/offers.js";
import { download } from "../../js/pictures.js";
import { bare, freeName, keepList, listed, MOST, SET } from "./own.js";

const LARGEST = 2 ** 20; // bytes, as the server's
const READ = 1000; // styles of a file, at most
const LONGEST = { name: 200, text: 4000, choice: 200 }; // characters
const CONTAINERS = ["presets", "styles", "cartoon_styles", "cartoon_presets"];
const SPELLINGS = {
  prefix: "prompt_prefix", suffix: "prompt_suffix", negative_prompt: "neg", negative: "neg", guidance_scale: "guidance", cfg_scale: "guidance", cfg: "guidance", true_cfg_scale: "true_cfg",
  steps: "num_steps", num_inference_steps: "num_steps", sampler_name: "sampler", scheduler: "schedule", lora: "loras",
};
const WORDS = ["description", "prompt_prefix", "prompt_suffix", "neg"];
const CHOICES = ["sampler", "schedule", "model"];
const WEIGHT = { min: -4, max: 4 };
const MOST_LORAS = 8;

export function startFiles(say) {
  byId("styles-export").addEventListener("click", () => { byId("styles-menu").open = false; save(say); });
  byId("styles-import").addEventListener("click", () => { byId("styles-menu").open = false; byId("styles-file").click(); });
  byId("styles-file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) load(file, say);
  });
}

function save(say) {
  if (!ownStyles().length) return say(t("styles.export.none"));
  const presets = Object.fromEntries(ownStyles().map(({ id, own, name, ...says }) => [name, says]));
  download(new Blob([JSON.stringify({ presets }, null, 2)], { type: "application/json" }), "imagine-styles.json");
  return say("");
}

/** Takes the styles of a file; of those that can't be used it says why. */
async function load(file, say) {
  const found = file.size <= LARGEST ? await namedIn(file) : null;
  if (!found?.length) return say(t(found ? "styles.import.none" : "styles.import.not", { name: file.name }));
  const more = [];
  const list = [];
  const room = Math.max(0, MOST - ownStyles().length);
  let same = 0;
  for (const [name, raw] of found.slice(0, READ)) {
    try {
      const { one, unknown } = styleOf(name, raw);
      if (unknown.length) more.push(t("styles.import.unknown", { name, names: unknown.slice(0, 8).join(", ") }));
      if (ownStyles().some((mine) => alike(mine, one))) same += 1;
      else if (list.length <= room) list.push({ ...one, name: freeName(one.name, [...ownStyles(), ...list]) });
    } catch (sentence) {
      if (typeof sentence !== "string") throw sentence;
      more.push(t("styles.import.wrong", { name: String(name).slice(0, 80), why: sentence }));
    }
  }
  if (list.length > room || found.length > READ) more.push(t("styles.most", { n: MOST }));
  if (same) more.push(t("styles.import.same", { n: same }));
  keepList([...list.slice(0, room), ...ownStyles()]);
  say("");
  return notice(t("styles.imported", { n: Math.min(room, list.length) }), { about: "styles", more: more.slice(0, 12), bad: list.length === 0 && !same });
}

const alike = ({ id: one, ...mine }, { id: other, ...theirs }) => JSON.stringify(Object.entries(mine).sort()) === JSON.stringify(Object.entries(theirs).sort());

/** What a file holds, by name; null for what is no JSON. */
async function namedIn(file) {
  let value;
  try {
    value = JSON.parse(await file.text());
  } catch {
    return null;
  }
  return named(value);
}

const isPlain = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function named(value) {
  if (Array.isArray(value)) return value.filter(isPlain).map((raw) => [raw.name, raw]);
  if (!isPlain(value)) return [];
  const outer = { ...value, ...(isPlain(value.image_generation) ? value.image_generation : {}) };
  const tables = CONTAINERS.filter((key) => typeof outer[key] === "object" && outer[key] !== null).map((key) => outer[key]);
  return tables.length ? tables.flatMap(named) : Object.entries(value).filter(([, raw]) => typeof raw === "string" || isPlain(raw));
}

/** The style that `raw` says: `{ one, unknown }`. Throws a sentence for what can't be one. */
function styleOf(name, raw) {
  if (typeof name !== "string" || !name.trim()) throw t("styles.nameless");
  if (name.trim().length > LONGEST.name) throw t("styles.import.long", { field: t("styles.name"), n: LONGEST.name });
  const said = flat(typeof raw === "string" ? { prompt_suffix: raw } : raw);
  const one = { id: freshId(), own: true, name: name.trim() };
  for (const key of WORDS) one[key] = text(said[key], key, LONGEST.text);
  for (const key of SET) one[key] = CHOICES.includes(key) ? text(said[key], key, LONGEST.choice) : numberOf(said[key], key);
  one.loras = lorasOf(said.loras);
  const known = new Set(["name", ...WORDS, ...SET, "loras"]);
  return { one: bare(one), unknown: Object.keys(said).filter((key) => !known.has(key)) };
}

/** One spelling; a size as two sides, and `prompt` as what stands around `{prompt}`. */
function flat(raw) {
  const said = {};
  const all = { ...raw, ...(isPlain(raw.preset_data) ? { prompt: raw.preset_data.positive_prompt, negative_prompt: raw.preset_data.negative_prompt } : {}) };
  for (const [key, value] of Object.entries(all)) if (key !== "preset_data") said[SPELLINGS[key.replaceAll("-", "_")] ?? key.replaceAll("-", "_")] = value;
  if (typeof said.size === "string" && /^\s*\d+\s*[x×]\s*\d+\s*$/i.test(said.size)) [said.width, said.height] = said.size.split(/[x×]/i).map(Number);
  if (typeof said.prompt === "string") {
    const [before, ...after] = said.prompt.split("{prompt}");
    Object.assign(said, after.length ? { prompt_prefix: before, prompt_suffix: after.join("{prompt}") } : { prompt_suffix: before });
  }
  const { size, prompt, ...rest } = said;
  return { ...rest, ...(size !== undefined && rest.width === undefined ? { size } : {}), ...(prompt !== undefined && typeof prompt !== "string" ? { prompt } : {}) };
}

function text(value, key, most) {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw t("styles.import.text", { field: called(key) });
  if (value.length > most) throw t("styles.import.long", { field: called(key), n: most });
  return value.trim();
}

function numberOf(value, key) {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number") throw t("styles.import.number", { field: called(key) });
  try {
    return numberFrom(String(value), field(key) ?? {});
  } catch (sentence) {
    throw typeof sentence === "string" ? t("styles.import.field", { field: called(key), why: sentence }) : sentence;
  }
}

function lorasOf(value) {
  const list = listed(value);
  const fits = list.every(({ name, weight }) => typeof name === "string" && name && typeof weight === "number" && weight >= WEIGHT.min && weight <= WEIGHT.max);
  if (!fits || list.length > MOST_LORAS) throw t("styles.import.loras", { n: MOST_LORAS });
  return list.length ? list.map(({ name, weight }) => ({ name, weight })) : undefined;
}

const called = (key) => (key === "prompt_prefix" ? t("styles.before") : key === "prompt_suffix" ? t("styles.after") : nameOf(key));
