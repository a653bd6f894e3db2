// A picture that was brought: it floats over the canvas until it is in its place, and is a part of the colours from then on.

import { byId, show } from "../../js/dom.js";
import { placeOf, redraw, scaleNow, toEasel } from "./view.js";

const PART = 0.6; // of the canvas's sides, for one that is larger
const STEP = 0.02; // of the canvas's width, for the arrow keys
const LEAST = 8; // pixels of a side
let layers = null;
let bitmap = null;
let place = null; // { x, y, width, height } in the picture's pixels
let done = () => {};

export const isPlacing = () => bitmap !== null;

/** `isOpen()`: is there a canvas? `bring(file)` is given a picture that is chosen, pasted, or dropped on the easel. */
export function startPlacing(isOpen, bring) {
  startBringing(isOpen, bring);
  const float = byId("canvas-float");
  float.addEventListener("pointerdown", (event) => drag(event, float, (from, at) => moved(from.place, at.x - from.at.x, at.y - from.at.y)));
  byId("canvas-float-size").addEventListener("pointerdown", (event) => drag(event, byId("canvas-float-size"), (from, at) => sized(from.place, (at.x - from.place.x) / from.place.width)));
  float.addEventListener("keydown", byKeys);
  byId("canvas-float-place").addEventListener("click", setDown);
  byId("canvas-float-off").addEventListener("click", takeOff);
}

function startBringing(isOpen, bring) {
  const pictureIn = (files) => [...(files ?? [])].find((one) => one.type.startsWith("image/"));
  byId("canvas-bring").addEventListener("click", () => byId("canvas-file").click());
  byId("canvas-file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) bring(file);
  });
  addEventListener("paste", (event) => {
    const file = isOpen() && pictureIn(event.clipboardData?.files);
    if (!file) return;
    event.preventDefault();
    bring(file);
  });
  byId("easel").addEventListener("dragover", (event) => event.preventDefault());
  byId("easel").addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const file = pictureIn(event.dataTransfer?.files);
    if (file) bring(file);
  });
}

/** Lets a picture float; `onDone(placed)` is called once it is in its place, or was taken off. */
export function floatPicture(found, of, onDone) {
  setDown();
  [bitmap, layers, done] = [found, of, onDone];
  const scale = Math.min(1, (PART * of.width) / found.width, (PART * of.height) / found.height);
  const [width, height] = [Math.max(1, found.width * scale), Math.max(1, found.height * scale)];
  place = { x: (of.width - width) / 2, y: (of.height - height) / 2, width, height };
  const canvas = byId("canvas-float-picture");
  [canvas.width, canvas.height] = [Math.ceil(width), Math.ceil(height)];
  const drawn = canvas.getContext("2d");
  drawn.imageSmoothingQuality = "high";
  drawn.drawImage(found, 0, 0, canvas.width, canvas.height);
  show(byId("canvas-float"), true);
  show(byId("canvas-float-acts"), true);
  showFloat();
  byId("canvas-float").focus();
}

/** Puts it where it floats. */
export function setDown() {
  if (!bitmap) return;
  layers.place(bitmap, place);
  finish(true);
}

export function takeOff() {
  if (bitmap) finish(false);
}

export function showFloat() {
  if (!bitmap) return;
  const { x, y } = toEasel(place);
  Object.assign(byId("canvas-float").style, { left: `${x}px`, top: `${y}px`, width: `${place.width * scaleNow()}px`, height: `${place.height * scaleNow()}px` });
}

function finish(placed) {
  bitmap.close();
  bitmap = place = null;
  const canvas = byId("canvas-float-picture");
  canvas.width = canvas.height = 1;
  show(byId("canvas-float"), false);
  show(byId("canvas-float-acts"), false);
  redraw(null);
  done(placed);
}

function byKeys(event) {
  const step = Math.max(1, layers.width * (event.shiftKey ? STEP * 4 : STEP));
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (moves[event.key]) place = moved(place, ...moves[event.key]);
  else if (event.code === "BracketRight" || event.code === "BracketLeft") place = sized(place, event.code === "BracketRight" ? 1.1 : 1 / 1.1);
  else if (event.key === "Delete" || event.key === "Backspace") takeOff();
  else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) setDown();
  else return;
  event.preventDefault();
  event.stopPropagation();
  showFloat();
}

function drag(event, handle, placed) {
  if (event.button !== 0) return;
  event.preventDefault();
  event.stopPropagation();
  byId("canvas-float").focus();
  handle.setPointerCapture(event.pointerId);
  const from = { place, at: placeOf(event) };
  const move = (each) => {
    if (!place) return;
    place = placed(from, placeOf(each));
    showFloat();
  };
  handle.addEventListener("pointermove", move);
  handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", move), { once: true });
}

/** Never wholly beside the canvas, where it would be lost. */
function moved({ x, y, width, height }, across, down) {
  const within = (value, size, most) => Math.min(most - Math.min(LEAST, most), Math.max(Math.min(LEAST, size) - size, value));
  return { x: within(x + across, width, layers.width), y: within(y + down, height, layers.height), width, height };
}

function sized({ x, y, width, height }, times) {
  const factor = Math.max(times, LEAST / Math.min(width, height));
  return { x, y, width: width * factor, height: height * factor };
}
