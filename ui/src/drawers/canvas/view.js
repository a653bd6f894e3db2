// What is seen of the picture, how large and where. All is drawn as fine as the screen is, never finer.

import { byId } from "../../js/dom.js";
import { bounded } from "./coverage.js";

const LARGEST = 32; // screen pixels for one of the picture
const SMALLEST = 0.25; // of the scale at which all of it is seen
const MARGIN = 24; // CSS pixels around the whole
const WIDE_MARGIN = 0.16; // of the room, where edges are drawn out
const BESIDE = 2; // screen pixels in which what is beside a change may show it
const FAINT = 0.4; // of a mask, where it isn't what is painted
const SOFT = 2; // up to so many times enlarged, pixels run into each other

let seen = null; // { base, layers, scale, x, y, fitted }: CSS pixels for one of the picture, and where its corner is
let easel = null; // where it is on the screen: asked for once, since asking makes a browser lay out everything
let scratch = null; // what of the layers is drawn anew, as large as it is in the picture
let waiting = false;
let stale = undefined; // the box to be drawn anew, null for all
let stirred = () => {};

/** Shows a picture with its layers, one that takes another's place as that was seen; `onMove` is called whenever it is seen otherwise. */
export function showPicture(base, layers, onMove) {
  stirred = onMove;
  const alike = seen && seen.layers.width === layers.width && seen.layers.height === layers.height;
  seen = alike ? { ...seen, base, layers } : { base, layers, scale: 1, x: 0, y: 0, fitted: true };
  refit();
}

export function hidePicture() {
  seen = null;
  for (const canvas of [...canvases(), scratch].filter(Boolean)) canvas.width = canvas.height = 1;
}

/** Shows the picture with more room around it, and its mask more faintly, or not. */
export function showFor({ wide, faint }) {
  Object.assign(seen, { wide, faint });
  redraw(null);
  if (seen.fitted) fit();
}

/** Shows all of it, and of what is to be painted beyond. */
export function fit() {
  const { width, height } = room();
  const { scale, left, top, across, down } = whole();
  Object.assign(seen, { scale, x: (width - across * scale) / 2 + left * scale, y: (height - down * scale) / 2 + top * scale, fitted: true });
  redraw(null);
  stirred();
}

/** The room has another size: what was seen stays in the middle. */
export function refit() {
  if (!seen) return;
  measure();
  if (seen.fitted) return fit();
  redraw(null);
  stirred();
}

/** So many times larger, about a place in the easel. */
export function zoom(factor, about = middle()) {
  const least = whole().scale * SMALLEST;
  const scale = Math.min(LARGEST / devicePixelRatio, Math.max(Math.min(least, 1), seen.scale * factor));
  const at = { x: (about.x - seen.x) / seen.scale, y: (about.y - seen.y) / seen.scale };
  move({ scale, x: about.x - at.x * scale, y: about.y - at.y * scale });
}

/** One pixel of the picture on one of the screen's. */
export const zoomToPixels = () => zoom(1 / devicePixelRatio / seen.scale);

export const pan = (across, down) => move({ scale: seen.scale, x: seen.x + across, y: seen.y + down });

/** Moves what is seen so that a place of the picture is in sight. */
export function follow({ x, y }) {
  const { width, height } = room();
  const at = toEasel({ x, y });
  const off = (value, most) => (value < MARGIN ? MARGIN - value : value > most - MARGIN ? most - MARGIN - value : 0);
  const [across, down] = [off(at.x, width), off(at.y, height)];
  if ((across || down) && !seen.fitted) pan(across, down);
}

export const scaleNow = () => seen.scale;
export const toEasel = ({ x, y }) => ({ x: seen.x + x * seen.scale, y: seen.y + y * seen.scale });

/** Where in the easel a pointer is. */
export const inEasel = ({ clientX, clientY }) => ({ x: clientX - easel.left, y: clientY - easel.top });

/** Where in the picture a pointer is. */
export function placeOf(event) {
  const { x, y } = inEasel(event);
  return { x: (x - seen.x) / seen.scale, y: (y - seen.y) / seen.scale };
}

/** Has a box of the picture drawn anew with the next frame; null has all of it. */
export function redraw(box) {
  stale = stale === undefined ? box : stale && box && { left: Math.min(stale.left, box.left), top: Math.min(stale.top, box.top), right: Math.max(stale.right, box.right), bottom: Math.max(stale.bottom, box.bottom) };
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    const what = stale;
    stale = undefined;
    if (seen) draw(what);
  });
}

const canvases = () => [byId("canvas-base"), byId("canvas-paint")];
const middle = () => ({ x: room().width / 2, y: room().height / 2 });

const room = () => easel;

function measure() {
  easel = byId("easel").getBoundingClientRect();
}

/** All that is there, in pixels of the picture, and the scale at which it is seen whole. */
function whole() {
  const { width, height } = room();
  const [left, top, right, bottom] = ["left", "top", "right", "bottom"].map((side) => Math.max(0, seen.layers.frame[side]));
  const [across, down] = [seen.layers.width + left + right, seen.layers.height + top + bottom];
  const margin = seen.wide ? Math.max(MARGIN, Math.min(width, height) * WIDE_MARGIN) : MARGIN;
  return { left, top, across, down, scale: Math.max(0.01, Math.min((width - 2 * margin) / across, (height - 2 * margin) / down, LARGEST / devicePixelRatio)) };
}

/** Never so far that nothing of the picture is in sight. */
function move({ scale, x, y }) {
  const { width, height } = room();
  const within = (value, size, most) => Math.min(most - MARGIN, Math.max(MARGIN - size * scale, value));
  Object.assign(seen, { scale, x: within(x, seen.layers.width, width), y: within(y, seen.layers.height, height), fitted: false });
  redraw(null);
  stirred();
}

function draw(box) {
  const { width, height } = room();
  const size = [Math.max(1, Math.round(width * devicePixelRatio)), Math.max(1, Math.round(height * devicePixelRatio))];
  const [base, paint] = canvases();
  let all = box === null;
  for (const canvas of [base, paint]) {
    if (canvas.width === size[0] && canvas.height === size[1]) continue;
    [canvas.width, canvas.height] = size;
    all = true;
  }
  if (all) drawOn(base.getContext("2d"), [seen.base], null);
  drawOn(paint.getContext("2d", { willReadFrequently: true }), [seen.layers.sketch, seen.layers.tint], all ? null : box); // in main memory, where the layers are
}

function drawOn(drawn, pictures, box) {
  const { canvas } = drawn;
  const scale = seen.scale * devicePixelRatio;
  const [x, y] = [seen.x * devicePixelRatio, seen.y * devicePixelRatio];
  drawn.setTransform(1, 0, 0, 1, 0, 0);
  if (!box) drawn.clearRect(0, 0, canvas.width, canvas.height);
  const inSight = { left: -x / scale, top: -y / scale, right: (canvas.width - x) / scale, bottom: (canvas.height - y) / scale };
  const part = bounded(box ? overlap(grown(box, BESIDE / scale + 1), inSight) : inSight, seen.layers.width, seen.layers.height);
  const place = [Math.floor(x + part.left * scale), Math.floor(y + part.top * scale), Math.ceil(x + part.right * scale), Math.ceil(y + part.bottom * scale)];
  const from = bounded(grown(part, 2 * (BESIDE / scale + 1)), seen.layers.width, seen.layers.height); // more, or its edges would be seen
  const [across, down] = [from.right - from.left, from.bottom - from.top];
  if (part.right <= part.left || part.bottom <= part.top) return;
  drawn.save();
  drawn.beginPath();
  drawn.rect(place[0], place[1], place[2] - place[0], place[3] - place[1]);
  drawn.clip();
  if (box) drawn.clearRect(place[0], place[1], place[2] - place[0], place[3] - place[1]);
  drawn.setTransform(scale, 0, 0, scale, x, y);
  drawn.imageSmoothingEnabled = scale <= SOFT;
  drawn.imageSmoothingQuality = "medium";
  for (const picture of pictures) {
    drawn.globalAlpha = picture === seen.layers.tint && seen.faint ? FAINT : 1;
    if (picture && box) drawn.drawImage(partOf(picture, from), 0, 0, across, down, from.left, from.top, across, down);
    else if (picture) drawn.drawImage(picture, from.left, from.top, across, down, from.left, from.top, across, down);
  }
  drawn.restore();
}

/** A copy of a part of a layer: browsers copy all of a canvas that is painted on once it was drawn from. */
function partOf(picture, { left, top, right, bottom }) {
  scratch ??= document.createElement("canvas");
  if (scratch.width < right - left) scratch.width = right - left;
  if (scratch.height < bottom - top) scratch.height = bottom - top;
  const pixels = picture.getContext("2d", { willReadFrequently: true }).getImageData(left, top, right - left, bottom - top);
  scratch.getContext("2d", { willReadFrequently: true }).putImageData(pixels, 0, 0);
  return scratch;
}

const grown = ({ left, top, right, bottom }, by) => ({ left: left - by, top: top - by, right: right + by, bottom: bottom + by });
const overlap = (one, other) => ({ left: Math.max(one.left, other.left), top: Math.max(one.top, other.top), right: Math.min(one.right, other.right), bottom: Math.min(one.bottom, other.bottom) });
