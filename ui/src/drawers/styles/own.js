// Styles of one's own: made of what the form says, kept in this browser for all of its tabs, deleted, and brought back.

import { control } from "../../js/controls.js";
import { freshId, get, put, take } from "../../js/database.js";
import { tell } from "../../js/dom.js";
import { change, settings } from "../../js/form.js";
import { seenOf } from "../../js/collection.js";
import { t } from "../../js/i18n.js";
import { notice } from "../../js/notices.js";
import { chosenPreset, keepStyles, ownStyles, presets } from "../../js/offers.js";
import { thumbnail } from "../../js/pictures.js";
import { chosenEntry } from "../../js/stage.js";

export const MOST = 200;
export const SIDE = 256; // of a small picture
/** What a style may set besides words, in the order in which it is told. */
export const SET = ["num_steps", "guidance", "true_cfg", "sampler", "schedule", "width", "height", "model"];
const WITHOUT = ["model"]; // that a style has only where somebody wants it
const listeners = [];
const pictured = new Map(); // id → blob

/** `act` whenever a style is kept, changed or deleted. */
export const whenKept = (act) => listeners.push(act);
/** The picture that one's own style was kept with; undefined for none. */
export const ownPicture = ({ id }) => pictured.get(id);
export const ownKey = ({ id }) => JSON.stringify(["style of one's own", id]);

/** Reads the pictures of those that are here. */
export async function learnOwnPictures() {
  for (const one of ownStyles()) {
    const blob = pictured.get(one.id) ?? (await get("thumbs", ownKey(one)).catch(() => undefined));
    if (blob) pictured.set(one.id, blob);
  }
}

/** Keeps this list, the first one first. */
export function keepList(list) {
  if (!keepStyles(list)) notice(t("styles.full"), { about: "styles", bad: true });
  for (const act of listeners) act();
}

/** Keeps a style in the place of the one of its id, or before all others. */
export function keepOne(one) {
  const list = ownStyles();
  const there = list.findIndex(({ id }) => id === one.id);
  keepList(there < 0 ? [one, ...list] : list.with(there, one));
}

/** A name that no style has yet. */
export function freeName(name, among = presets()) {
  const taken = new Set(among.map((one) => one.name));
  for (let n = 2, other = name; ; n += 1) {
    if (!taken.has(other)) return other;
    other = `${name.slice(0, 190)} ${n}`;
  }
}

/** What the form says as a style, kept with the picture on the stage: `{ kept }`, or `{ error }` where there is none. */
export async function keepForm() {
  const one = styleFrom(settings());
  const { id, own, name, ...says } = one;
  if (!Object.keys(says).length) return { error: t("styles.nothing") };
  if (ownStyles().length >= MOST) return { error: t("styles.most", { n: MOST }) };
  const seen = chosenEntry() && (await seenOf(chosenEntry()).catch(() => undefined));
  if (seen) pictured.set(one.id, (await thumbnail(seen, SIDE)).thumb);
  keepOne(one);
  await keepPicture(one);
  tell(t("styles.kept", { name: one.name }));
  return { kept: one };
}

/** After the style itself: a picture of no style is taken out, by whichever tab comes upon it. */
async function keepPicture(one) {
  const seen = pictured.get(one.id);
  if (seen) await put("thumbs", ownKey(one), seen).catch(() => {}); // it lasts as long as the page, then
}

/** The words behind the subject, what isn't to be seen, and all that is set; with what the chosen style adds already. */
function styleFrom(said) {
  const base = chosenPreset() ?? {};
  const [, ...words] = phrases(said.prompt ?? "");
  const set = SET.filter((name) => !WITHOUT.includes(name)).map((name) => [name, said[name] ?? base[name]]);
  const loras = [...(said.loras ?? []), ...listed(base.loras).filter(({ name }) => !said.loras?.some((lora) => lora.name === name))];
  const one = {
    id: freshId(), own: true, name: freeName(t("styles.new")), prompt_prefix: base.prompt_prefix,
    prompt_suffix: [base.prompt_suffix?.trim(), ...words].filter(Boolean).join(", "), neg: said.neg ?? base.neg, ...Object.fromEntries(set), loras: loras.length ? loras : undefined,
  };
  return bare(one);
}

/** Without what says nothing. */
export const bare = (one) => Object.fromEntries(Object.entries(one).filter(([, value]) => value !== undefined && value !== null && value !== ""));

/** LoRAs in any of the forms that presets have them in. */
export function listed(said) {
  if (!said) return [];
  const list = Array.isArray(said) ? said : typeof said === "string" ? [said] : Object.entries(said).map(([name, weight]) => ({ name, weight }));
  return list.map((one) => (typeof one === "string" ? { name: one, weight: 1 } : { weight: 1, ...one }));
}

/** What stands between commas, outside of brackets; tags by themselves. */
function phrases(prompt) {
  const found = [""];
  let depth = 0;
  for (const part of prompt.split(/(<[^<>]*>|[()[\],])/)) {
    if (part.startsWith("<")) found.push(part, "");
    else if (part === "," && depth === 0) found.push("");
    else {
      depth += part === "(" || part === "[" ? 1 : part === ")" || part === "]" ? -1 : 0;
      found[found.length - 1] += part;
    }
  }
  const [subject, ...rest] = found.map((part) => part.trim());
  return [subject, ...rest.filter(Boolean)];
}

/** Takes one out, which a notice brings back: into its place, and into the form where that had it. */
export function deleteStyle(name) {
  const before = ownStyles();
  const place = before.findIndex((one) => one.name === name);
  const one = before[place];
  const wasChosen = control("preset").value === name;
  const taken = take("thumbs", ownKey(one)).catch(() => undefined); // it may not have been read yet
  keepList(before.toSpliced(place, 1));
  if (wasChosen) change("preset", "");
  const act = async () => {
    const back = { ...one, name: freeName(one.name, ownStyles()) };
    const seen = pictured.get(one.id) ?? (await taken);
    if (seen) pictured.set(one.id, seen);
    keepList(ownStyles().toSpliced(place, 0, back));
    if (wasChosen && !control("preset").value) change("preset", back.name);
    await keepPicture(one);
  };
  notice(t("styles.deleted", { name }), { about: "styles", action: { text: t("undo"), act, undo: true } });
}

