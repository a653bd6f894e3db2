// A walk between the noises of seeds: on the sphere, as the server mixes a second seed in; and what one sees of it, step
// by step.

import { fileOf } from "../../js/collection.js";
import { byId, show } from "../../js/dom.js";
import { t } from "../../js/i18n.js";
import { numberIn } from "../../js/numbers.js";
import { chosenEntry } from "../../js/stage.js";
import { cellAt, someSeed, theGrid } from "./feed.js";
import { labelOf, seedFrom } from "./kinds.js";
import { MOST, seedsIn } from "./values.js";

const LEAST = 2; // seeds, and steps from one to the next
let seen = null; // the picture that is large: its id and address
let changed = () => {};

/** The walk that is set, as an axis; null where it can't be used, which is said. */
export function walkSet(aloud = false) {
  try {
    const seeds = seedsIn(byId("walk-seeds").value, seedFrom);
    const frames = numberIn(byId("walk-frames").value);
    if (seeds.length < LEAST) throw aloud ? t("walk.few") : "";
    if (!Number.isInteger(frames) || frames < LEAST || frames > MOST) throw t("error.range", { min: LEAST, max: MOST });
    show(byId("walk-error"), false);
    return [{ field: "walk", values: stepsOf(seeds, frames) }];
  } catch (sentence) {
    if (typeof sentence !== "string") throw sentence;
    byId("walk-error").textContent = sentence;
    show(byId("walk-error"), sentence !== "");
    if (aloud) byId("walk-seeds").focus();
    return null;
  }
}

function stepsOf(seeds, frames) {
  const legs = seeds.slice(1).flatMap((next, at) => Array.from({ length: frames }, (_, step) => (step === 0 ? { seed: seeds[at] } : { seed: seeds[at], subseed: next, subseed_strength: Math.round((step / frames) * 1000) / 1000 })));
  return [...legs, { seed: seeds.at(-1) }];
}

/** Sets it from a recipe's steps. */
export function setWalk(values) {
  const seeds = values.filter((one) => !one.subseed_strength).map((one) => one.seed);
  byId("walk-seeds").value = seeds.join("; ");
  byId("walk-frames").value = String(Math.max(LEAST, Math.round((values.length - 1) / Math.max(1, seeds.length - 1))));
  changed();
}

/** It begins with the seed of the chosen picture, else of the form. */
export function offerWalk() {
  const first = chosenEntry()?.seed || byId("f-seed").value.trim();
  if (byId("walk-seeds").value === "" && first) byId("walk-seeds").value = `${first}; ${someSeed()}`;
  byId("walk-take").hidden = chosenEntry() === null;
}

export const isWalk = () => theGrid()?.axes[0].field === "walk";

/** Shows the step that is chosen, as large as there is room. */
export async function describeWalk() {
  const grid = theGrid();
  show(byId("walk-steps"), isWalk());
  if (!isWalk()) return release();
  const { values } = grid.axes[0];
  const slider = byId("walk-at");
  slider.max = String(values.length - 1);
  const at = Number(slider.value);
  const name = labelOf("walk", values[at]);
  byId("walk-name").textContent = t("walk.at", { n: at + 1, of: values.length, name });
  slider.setAttribute("aria-valuetext", name);
  slider.setAttribute("aria-label", t("explore.walk"));
  slider.style.setProperty("--at", values.length > 1 ? at / (values.length - 1) : 0);
  const id = cellAt(at).id ?? null;
  if (seen?.id === id) return undefined;
  const file = id === null ? null : await fileOf({ id });
  if (Number(slider.value) !== at || theGrid() !== grid) return undefined; // one has gone on meanwhile
  release();
  if (file) {
    seen = { id, url: URL.createObjectURL(file) };
    byId("walk-seen").src = seen.url;
    byId("walk-seen").alt = name;
  }
  return undefined;
}

function release() {
  if (seen) URL.revokeObjectURL(seen.url);
  seen = null;
  byId("walk-seen").removeAttribute("src");
  byId("walk-seen").alt = "";
}

export function startWalk(act) {
  changed = act;
  for (const id of ["walk-seeds", "walk-frames"]) byId(id).addEventListener("input", act);
  byId("walk-at").addEventListener("input", describeWalk);
  byId("walk-random").addEventListener("click", () => {
    const before = byId("walk-seeds").value.trim().replace(/[,;]$/, "");
    byId("walk-seeds").value = [before, someSeed()].filter(Boolean).join("; ");
    act();
  });
}
