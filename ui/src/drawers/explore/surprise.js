// A surprise within bounds: what a person ticks is rolled anew, within what suits the chosen model; all else stays. What
// comes of it is an ordinary form, and one notice brings back what stood.

import { ask, ServerError } from "../../js/api.js";
import { control, defaultOf, field } from "../../js/controls.js";
import { all, byId, make, show } from "../../js/dom.js";
import { drawer } from "../../js/drawers.js";
import { change } from "../../js/form.js";
import { inEveryLanguage, language, t } from "../../js/i18n.js";
import { remember, remembered } from "../../js/memory.js";
import { notice } from "../../js/notices.js";
import { chosenModel, presets, samplers } from "../../js/offers.js";
import { undoToNow } from "../../js/undo.js";
import { someSeed } from "./feed.js";

const MAY = ["subject", "words", "lists", "style", "shape", "steps", "sampler", "seed"];
const FIRST = ["subject", "words", "shape", "seed"]; // ticked until somebody says otherwise
const KEPT = "surprise";
const PARTS = 2; // of the picture, of which words are added
const STEPS = [0.75, 1.5]; // of the model's own number
const GUIDANCE = [0.7, 1.3];
const ORDINARY = 1; // guidance without effect
let added = ""; // what the last surprise put behind the prompt

const random = () => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
const oneOf = (list) => list[Math.floor(random() * list.length)];
const between = (low, high) => low + random() * (high - low);
const shuffled = (list) => list.map((one) => [random(), one]).sort(([a], [b]) => a - b).map(([, one]) => one);
const ticked = () => all("#surprise-may label:not([hidden]) input:checked").map((box) => box.value);

/** Rolls the form. Returns whether it is to be drawn. */
export async function surprise() {
  const may = ticked();
  const action = undoToNow();
  const lists = may.includes("lists") ? await listNames() : [];
  const ideas = (await drawer("builder"))?.ideas() ?? {};
  rollWords(may, ideas, lists);
  if (may.includes("style") && presets().length) change("preset", oneOf(["", ...presets().filter(suits).map((one) => one.name)]));
  if (may.includes("shape")) oneOf(all("[data-shape]").filter((chip) => chip.dataset.shape !== "auto")).click();
  if (may.includes("sampler")) rollSampler();
  if (may.includes("steps")) rollNumbers();
  if (may.includes("seed")) change("seed", someSeed());
  notice(t("surprise.done"), { about: "surprise", action });
  return byId("surprise-draw").checked;
}

async function listNames() {
  try {
    return (await ask("/wildcards")).wildcards;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return [];
  }
}

/** A style that is meant for another model would bring that along. */
const suits = ({ model }) => !model || model === control("model").value;

/** A subject, words of some parts behind it, and a list of which the server takes a word by the seed. */
function rollWords(may, ideas, lists) {
  const { subject = [], ...others } = ideas;
  const told = chosenModel()?.examples ?? {};
  const own = told[language()] ?? Object.values(told)[0] ?? []; // what the model says that it can paint
  const before = byId("f-prompt").value;
  const kept = added && before.endsWith(added) ? before.slice(0, -added.length) : before;
  const base = may.includes("subject") || !kept.trim() ? oneOf(own.length ? own : subject) ?? kept : kept.trimEnd();
  const parts = may.includes("words") ? shuffled(Object.values(others)).slice(0, PARTS).map(oneOf) : [];
  const list = lists.length ? [`__${oneOf(lists)}__`] : [];
  added = [...parts, ...list].map((words) => `, ${words}`).join("");
  if (base + added !== before) change("prompt", base + added);
  if (list.length && field("wildcards")) change("wildcards", true);
}

/** One that can do as many steps as are asked for. */
function rollSampler() {
  const steps = Number(control("num_steps").value || defaultOf("num_steps"));
  const able = samplers().filter((row) => row.schedules.includes("default") && steps >= row.min_steps.default && steps <= row.max_steps);
  if (!able.length) return;
  change("schedule", "");
  change("sampler", oneOf(able).name);
}

/** Around what the model takes by itself; a model that is taught few steps stays near them, and one without guidance without. */
function rollNumbers() {
  const row = samplers().find(({ name }) => name === (control("sampler").value || defaultOf("sampler")));
  const [steps, guidance] = [Number(defaultOf("num_steps")), Number(defaultOf("guidance"))];
  const least = row?.min_steps[control("schedule").value || (defaultOf("schedule") ?? "default")] ?? field("num_steps").min;
  const bounded = (name, value, low = -Infinity, high = Infinity) => {
    const [min, max] = chosenModel()?.bounds?.[name] ?? [field(name).min, field(name).max];
    return Math.min(Math.max(value, min, low), max, high);
  };
  change("num_steps", Math.round(bounded("num_steps", between(steps * STEPS[0], steps * STEPS[1]), least, row?.max_steps)));
  if (guidance > ORDINARY) change("guidance", Math.round(bounded("guidance", between(guidance * GUIDANCE[0], guidance * GUIDANCE[1])) * 2) / 2);
}

/** What there is nothing of isn't offered. */
export async function offerSurprise() {
  const offered = { lists: (await listNames()).length > 0, style: presets().length > 0 };
  for (const [name, there] of Object.entries(offered)) show(byId("surprise-may").querySelector(`[value=${name}]`).parentElement, there);
}

export function startSurprise() {
  const kept = remembered(KEPT, { may: FIRST, draw: true });
  byId("surprise-may").append(...MAY.map((name) => make("label", { className: "check" }, make("input", { type: "checkbox", value: name, checked: kept.may?.includes(name) ?? false }), make("span", { "data-t": `surprise.${name}` }))));
  byId("surprise-draw").checked = kept.draw !== false;
  const keep = () => {
    remember(KEPT, { may: all("#surprise-may input:checked").map((box) => box.value), draw: byId("surprise-draw").checked });
    describe();
  };
  const describe = () => {
    byId("surprise-go").disabled = ticked().length === 0;
    byId("surprise-said").textContent = ticked().length ? "" : t("surprise.none");
  };
  byId("surprise-may").addEventListener("change", keep);
  byId("surprise-draw").addEventListener("change", keep);
  inEveryLanguage(() => {
    for (const each of all("#surprise-may [data-t]")) each.textContent = t(each.dataset.t);
    describe();
  });
}
