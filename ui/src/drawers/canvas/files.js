// The canvas's layers as files, and files as its layers.

import { blobOf } from "../../js/pictures.js";
import { canvasOf } from "./layers.js";

const BLOCK = 4;
const SOFT_PART = 1 / 2000;
const [BLACK, WHITE, HALF] = [24, 231, 128]; // as the server takes a mask's levels
const GREYISH = 48; // so far apart are the channels of grey at most

/** A picture's pixels at a size of one's choice. */
export function pixelsOf(bitmap, width, height) {
  const canvas = canvasOf(width, height);
  const drawn = canvas.getContext("2d", { willReadFrequently: true });
  drawn.imageSmoothingQuality = "high";
  drawn.drawImage(bitmap, 0, 0, width, height);
  const { data } = drawn.getImageData(0, 0, width, height);
  canvas.width = canvas.height = 1;
  return data;
}

/** A mask's levels as the server reads them: how bright it is, and in colours yes or no by the brightest channel; in one with
 * holes these paint, unless all that can be seen of it is white. */
export function levelsOf(pixels) {
  const holes = holesOf(pixels);
  if (!holes) return brightnessOf(pixels);
  return isStrokes(pixels) ? holes.map((hole) => 255 - hole) : holes;
}

function brightnessOf(pixels) {
  const levels = new Uint8Array(pixels.length / 4);
  const each = (level) => { for (let at = 0, from = 0; at < levels.length; at++, from += 4) levels[at] = level(pixels[from], pixels[from + 1], pixels[from + 2]); };
  let coloured = false;
  each((red, green, blue) => {
    coloured ||= Math.max(red, green, blue) - Math.min(red, green, blue) >= GREYISH;
    return Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  });
  if (coloured) each((red, green, blue) => (Math.max(red, green, blue) >= HALF ? 255 : 0));
  return levels;
}

/** Is a picture with holes white where it can be seen: strokes on an empty layer? */
function isStrokes(pixels) {
  let [hole, seen] = [false, false];
  for (let from = 0; from < pixels.length; from += 4) {
    if (pixels[from + 3] < HALF) hole = true;
    else if (Math.min(pixels[from], pixels[from + 1], pixels[from + 2]) < WHITE) return false;
    else seen = true;
  }
  return hole && seen;
}

/** How transparent each pixel is; null where none is. */
export function holesOf(pixels) {
  const levels = new Uint8Array(pixels.length / 4);
  let any = false;
  for (let at = 0, from = 3; at < levels.length; at++, from += 4) {
    levels[at] = 255 - pixels[from];
    any ||= levels[at] > 0;
  }
  return any ? levels : null;
}

/** A mask for the server: white on black, in levels where grey is more than the edges of what is painted, else in two; its `file`
 * is null where nothing is painted. `box` is the part of it that counts. Is it `hardened`: does it fade too little for levels? `exact`:
 * in levels all the same, as it was painted. */
export async function maskFile(mask, across, { left, top, right, bottom }, exact = false) {
  const [width, height] = [right - left, bottom - top];
  const levels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) levels.set(mask.subarray((top + y) * across + left, (top + y) * across + right), y * width);
  const soft = exact || isSoft(levels, width, height);
  const pixels = new ImageData(width, height);
  let painted = false;
  for (let at = 0, to = 0; at < levels.length; at++, to += 4) {
    const value = soft ? levels[at] : levels[at] >= HALF ? 255 : 0;
    pixels.data[to] = pixels.data[to + 1] = pixels.data[to + 2] = value;
    pixels.data[to + 3] = 255;
    painted ||= value > 0;
  }
  const file = painted ? await fileFrom(width, height, (drawn) => drawn.putImageData(pixels, 0, 0)) : null;
  return { file, hardened: !soft && fades(levels, width, height) };
}

/** A part of pictures that lie over each other, each over all of `whole` `{ width, height }`, so many times as large. */
export function flatFile(pictures, whole, { left, top, right, bottom }, { kind = "image/png", times = 1 } = {}) {
  const size = [right - left, bottom - top].map((side) => Math.max(1, Math.round(side * times)));
  return fileFrom(...size, (drawn) => {
    drawn.imageSmoothingQuality = "high";
    for (const picture of pictures) if (picture) drawn.drawImage(picture, -left * times, -top * times, whole.width * times, whole.height * times);
  }, kind);
}

async function fileFrom(width, height, draw, kind = "image/png") {
  const canvas = canvasOf(width, height);
  draw(canvas.getContext("2d", { willReadFrequently: true }));
  const file = await blobOf(canvas, kind, 0.95);
  canvas.width = canvas.height = 1;
  return file;
}

/** Is grey more than edges? Told as the server tells it: by blocks that are grey all over. */
function isSoft(levels, width, height) {
  if (Math.max(width, height) < 2 * BLOCK) return false;
  let [grey, blocks] = [0, 0];
  for (let top = 0; top < height; top += BLOCK) {
    for (let left = 0; left < width; left += BLOCK) {
      blocks += 1;
      grey += isGrey(levels, width, left, top, Math.min(width, left + BLOCK), Math.min(height, top + BLOCK)) ? 1 : 0;
    }
  }
  return grey > blocks * SOFT_PART;
}

function isGrey(levels, width, left, top, right, bottom) {
  for (let y = top; y < bottom; y++) {
    for (let at = y * width + left; at < y * width + right; at++) if (levels[at] <= BLACK || levels[at] >= WHITE) return false;
  }
  return true;
}

/** Is more grey anywhere than a hard edge has, which is two pixels wide: a pixel with all that are beside it? */
function fades(levels, width, height) {
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1, at = y * width + 1; x < width - 1; x++, at++) {
      if (levels[at] > BLACK && levels[at] < WHITE && isGrey(levels, width, x - 1, y - 1, x + 2, y + 2)) return true;
    }
  }
  return false;
}
