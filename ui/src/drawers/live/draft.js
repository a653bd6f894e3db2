// What a draft is asked for: as the form says, but one picture without a second pass, and smaller where that makes it quick.

import { control, defaultOf } from "../../js/controls.js";
import { settings } from "../../js/form.js";
import { nativeSide } from "../../js/offers.js";
import { sourcePicture } from "../../js/source.js";
import { secondsFor, workOf } from "./pace.js";

const LEAST = 512; // pixels: no model draws much on less, but those that are made for it
const CHANGES_NO_PIXEL = ["stream", "preview", "progress", "priority", "keep_alive"];
const MULTIPLE = 64;
export const QUICK = 3; // seconds, at most, to be of use while one writes

/** Seconds that a draft of what the form says would take, and its size, where that isn't the form's; null: not known yet. */
export function expected(said = settings()) {
  const source = sourcePicture();
  const own = source ?? { width: defaultOf("width") || nativeSide(), height: defaultOf("height") || nativeSide() };
  const part = source ? (said.strength ?? defaultOf("strength") ?? 1) : 1;
  const steps = (said.num_steps ?? defaultOf("num_steps") ?? 1) * part;
  const [width, height] = [said.width ?? own.width, said.height ?? own.height];
  const seconds = (size) => secondsFor(control("model").value, workOf({ steps, ...size }));
  const whole = { seconds: seconds({ width, height }), size: {} };
  const factor = Math.max(LEAST, nativeSide() / 2) / Math.max(width, height);
  if (whole.seconds === null || whole.seconds <= QUICK || source || factor >= 1) return whole;
  const [smaller, lower] = [width, height].map((side) => Math.max(MULTIPLE, Math.round((side * factor) / MULTIPLE) * MULTIPLE));
  return { seconds: seconds({ width: smaller, height: lower }), size: { width: smaller, height: lower } };
}

/** The request of a draft; behind everything else that waits. */
export function quickOf(body, seed) {
  const { count, hires, ...rest } = body;
  return { ...rest, ...expected(body).size, seed: body.seed ?? seed, stream: 0, progress: true, priority: "low" };
}

/** What decides the pixels of a request, to tell whether two make the same. */
export function essenceOf({ count, ...body }) {
  const said = Object.entries({ ...body, ...(count > 1 ? { count } : {}) }).filter(([name, value]) => value !== undefined && !CHANGES_NO_PIXEL.includes(name));
  return JSON.stringify(said.sort(([one], [other]) => (one < other ? -1 : 1)));
}
