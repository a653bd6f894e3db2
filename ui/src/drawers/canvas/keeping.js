// A picture with what is painted on it: opened from the form's picture to start from, and made into one again.

import { control } from "../../js/controls.js";
import { change } from "../../js/form.js";
import { numberIn } from "../../js/numbers.js";
import { longestSide } from "../../js/size.js";
import { flatFile, holesOf, levelsOf, maskFile, pixelsOf } from "./files.js";
import { cropBox, framedSize, SIDES } from "./frame.js";
import { Layers } from "./layers.js";

const SNAP = 8; // pixels that come out, as models like them

/** Opens what the form starts from: `{ state, plain, base, layers, holes, margins }`. `seen` and `changed` are those of `Layers`. */
export async function prepared(state, seen, changed) {
  const plain = state.source.work ?? state.source;
  const base = await createImageBitmap(plain.blob);
  const layers = new Layers(base.width, base.height, seen, changed);
  const mask = state.source.levels ?? (state.source.work ? state.source.work.mask : state.mask); // of what is cut off, too
  if (mask) {
    const bitmap = await createImageBitmap(mask);
    layers.setMask(levelsOf(pixelsOf(bitmap, base.width, base.height)));
    bitmap.close();
  }
  if (plain.sketch) {
    const bitmap = await createImageBitmap(plain.sketch);
    layers.setSketch(bitmap);
    bitmap.close();
  }
  layers.frame = Object.fromEntries(SIDES.map((side) => [side, -(plain.crop?.[side] ?? 0)]));
  const one = { state, plain, base, layers };
  const [factor, margins] = [timesLarger(one), Object.fromEntries(SIDES.map((side) => [side, marginNow(side)]))];
  layers.frame = Object.fromEntries(SIDES.map((side) => [side, Math.round(margins[side] / factor) + layers.frame[side]]));
  const holes = plain.blob.type === "image/jpeg" ? null : holesOf(pixelsOf(base, base.width, base.height));
  return { ...one, holes, opened: { frame: layers.frame, factor } };
}

const marginNow = (side) => numberIn(control(`extend.${side}`).value) || 0;

/** How many pixels come out for each of the canvas's, as its frame stands; `least`: at least, however far that is drawn out. */
export function timesLarger(one, least = false) {
  const { width, height } = sizeOf(cropBox(one.layers));
  const asked = { width: numberIn(control("width").value), height: numberIn(control("height").value) };
  return asked.width ? asked.width / width : asked.height ? asked.height / height : least ? 1 : finer(one);
}

/** Of a large photo a part has more pixels than the whole, which was scaled down: as many as may come out. */
function finer({ state: { source }, plain, layers }) {
  if (!source.whole || !isCropped(layers)) return 1;
  const most = longestSide() - (SIDES.some((side) => layers.frame[side] > 0) ? SNAP : 0); // margins are rounded
  return Math.max(1, Math.min(plain.from.width / layers.width, most / Math.max(...framedSize(layers))));
}

const sizeOf = ({ left, top, right, bottom }) => ({ width: right - left, height: bottom - top });
const isCropped = ({ frame }) => SIDES.some((side) => frame[side] < 0);

/** The picture to start from that the canvas shows, and its mask: `{ source, mask, hardened }`. */
export async function made(one) {
  const { state, plain, base, layers } = one;
  const [whole, box] = [layers.whole(), cropBox(layers)];
  const [sketched, cropped, size] = [layers.isSketched(), isCropped(layers), sizeOf(box)];
  const { file: mask, hardened } = await maskFile(layers.mask, layers.width, box);
  const source = { ...state.source, blob: plain.blob, ...size, from: cropped ? null : plain.from, work: null };
  source.levels = hardened ? (await maskFile(layers.mask, layers.width, whole, true)).file : null;
  if (sketched || cropped) {
    const kind = plain.blob.type === "image/jpeg" ? "image/jpeg" : "image/png";
    const times = finer(one);
    const fine = times > 1 ? await createImageBitmap(source.whole) : base;
    [source.width, source.height] = [size.width, size.height].map((side) => Math.round(side * times));
    source.blob = await flatFile([fine, layers.sketch], layers, box, { kind, times });
    if (fine !== base) fine.close();
    source.work = {
      blob: plain.blob, width: layers.width, height: layers.height, from: plain.from, sketch: sketched ? await flatFile([layers.sketch], layers, whole) : null,
      mask: cropped ? (await maskFile(layers.mask, layers.width, whole)).file : mask, crop: Object.fromEntries(SIDES.map((side) => [side, Math.max(0, -layers.frame[side])])),
    };
  }
  return { source, mask, hardened };
}

/** What is to be painted beyond each side, in pixels that come out; as it was said, while nothing that counts for it has changed. */
export function marginsOf(one) {
  const { layers: { frame }, opened } = one;
  const factor = timesLarger(one);
  const margin = (side) => Math.round((Math.max(0, frame[side]) * factor) / SNAP) * SNAP;
  return Object.fromEntries(SIDES.map((side) => [side, factor === opened.factor && frame[side] === opened.frame[side] ? marginNow(side) : margin(side)]));
}

/** Sets a field of the form, where it isn't that already. */
export function set(name, value) {
  if (control(name) && numberIn(control(name).value) !== value && control(name).value !== value) change(name, value);
}

/** Nothing is asked for that would change the size of a picture that is gone on from. */
export function settle({ width, height }) {
  for (const side of SIDES) set(`extend.${side}`, "");
  for (const part of ["scale", "strength", "steps", "upscaler"]) set(`hires.${part}`, "");
  const said = ["width", "height"].map((name) => numberIn(control(name).value));
  if (said[0] !== width || said[1] !== height) for (const name of ["width", "height"]) set(name, "");
}
