// How long a picture would take with a model, by those that it made last: each tells its seconds, steps and pixels.

import { entryOf, gallery } from "../../js/collection.js";

const LOOKED = 3; // at so many of its last ones; the quickest counts, since others may have shared the device
const WAITING = ["loading"]; // what isn't a picture's own
const known = new Map(); // by model: seconds for a step and pixel, the latest last

/** Seconds for so much work, which `workOf` tells; null where nothing is known of the model yet. */
export function secondsFor(model, work) {
  const paces = known.get(model) ?? [];
  return paces.length ? Math.min(...paces) * work : null;
}

export const workOf = ({ steps, width, height }) => steps * width * height;

/** Learns from a picture that is done. */
export function learnPace({ meta, timings }) {
  const work = workDone(meta);
  if (!(timings?.denoising > 0) || !(work > 0)) return;
  const seconds = Object.entries(timings).reduce((sum, [stage, value]) => (WAITING.includes(stage) ? sum : sum + value), 0);
  known.set(meta.model, [...(known.get(meta.model) ?? []), seconds / work].slice(-LOOKED));
}

/** Learns from the last pictures of a model of which nothing is known; true where there were any. */
export async function lookBack(model) {
  if (known.has(model)) return false;
  const last = gallery().filter((row) => row.model === model).slice(0, LOOKED);
  if (last.length) known.set(model, []); // they are looked at once
  for (const entry of (await Promise.all(last.map(entryOf))).reverse()) if (entry) learnPace(entry);
  return last.length > 0;
}

/** A second pass is as much more as it is larger, for the part of the steps that it takes. */
function workDone({ num_steps: steps, width, height, hires }) {
  const { scale = 1, strength = 0, steps: own } = hires ?? {};
  return workOf({ steps, width, height }) + (strength ? scale * scale * workOf({ steps: (own || steps) * strength, width, height }) : 0);
}
