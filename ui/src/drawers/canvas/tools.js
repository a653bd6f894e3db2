// The tools: a brush, a rectangle and a lasso, each to paint or to erase, on the mask or in colours; and what picks a colour.

import { all, byId, press } from "../../js/dom.js";
import { numberIn, written } from "../../js/numbers.js";
import { enclose, sweep } from "./coverage.js";
import { scaleNow, toEasel } from "./view.js";

const FAINTEST = 0.15; // of a brush's size, where a pen barely touches
const CLOSE = 0.08; // of its size: points nearer than that change nothing
export const SIZES = { from: 1, most: 1024 };

const now = { layer: "mask", kind: "brush", erase: false, size: 48, feather: 0, colour: "#d8432e" };
let layers = null;
let base = null;
let points = null; // of what is being drawn
let own = false; // somebody has chosen a size
let rubs = false; // with a pen's other end
let last = null; // where the brush was put down last, for a straight line to the next place

export const toolNow = () => now;

export function startTools() {
  for (const button of all("[data-tool]")) button.addEventListener("click", () => takeTool(button.dataset.tool));
  byId("canvas-erase").addEventListener("click", toggleErase);
  for (const id of ["canvas-size", "canvas-size-slide"]) byId(id).addEventListener("input", () => { own = true; });
  for (const name of ["size", "feather"]) {
    byId(`canvas-${name}`).addEventListener("input", () => setNumber(name, numberIn(byId(`canvas-${name}`).value), false));
    byId(`canvas-${name}`).addEventListener("change", () => setNumber(name, now[name]));
    byId(`canvas-${name}-slide`).addEventListener("input", (event) => setNumber(name, name === "size" ? sizeAt(Number(event.target.value)) : Number(event.target.value)));
  }
  byId("canvas-colour").addEventListener("input", (event) => { now.colour = event.target.value; });
}

/** Takes up the tools for a picture; `again`: those that were in hand. */
export function useTools(picture, of, again = false) {
  [base, layers, points, last] = [picture, of, null, null];
  setNumber("size", own ? now.size : Math.max(8, Math.round(Math.min(of.width, of.height) / 8)));
  setNumber("feather", now.feather);
  takeTool(again ? now.kind : "brush");
  press(byId("canvas-erase"), (now.erase = false));
}

export function dropTools() {
  layers = base = points = null;
}

export function takeTool(kind) {
  end(); // what is being drawn with another
  now.kind = kind;
  for (const button of all("[data-tool]")) press(button, button.dataset.tool === kind);
}

export function toggleErase() {
  now.erase = !now.erase;
  press(byId("canvas-erase"), now.erase);
  if (now.kind === "pick") takeTool("brush");
}

export function setNumber(name, value, write = true) {
  const [least, most] = name === "size" ? [SIZES.from, SIZES.most] : [0, 100];
  if (Number.isFinite(value)) now[name] = Math.round(Math.min(most, Math.max(least, value)));
  if (write) byId(`canvas-${name}`).value = written(now[name]);
  const slide = byId(`canvas-${name}-slide`);
  slide.value = name === "size" ? placeOfSize(now.size) : now.feather;
  slide.style.setProperty("--at", slide.value / 100);
}

/** The next larger, or smaller, size. */
export function stepSize(larger) {
  own = true;
  setNumber("size", larger ? Math.max(now.size + 1, Math.round(now.size * 1.25)) : Math.min(now.size - 1, Math.round(now.size * 0.8)));
}

// Small sizes have as much of the slider as large ones.
const sizeAt = (place) => SIZES.most ** (place / 100);
const placeOfSize = (size) => (100 * Math.log(size)) / Math.log(SIZES.most);

export const isDrawing = () => points !== null;
const isBrush = () => now.kind === "brush" || now.kind === "pick"; // what picks lets its pen's other end rub

/** Puts the tool down: `pressure` is a pen's, 1 for what has none; `straight`: in a line from where it was last; `erase`: whatever is
 * chosen. */
export function begin(point, { pressure = 1, straight = false, erase = false } = {}) {
  end(); // what keys have begun, or who lifted it wasn't seen to
  rubs = erase;
  if (now.kind === "pick" && !rubs) return void pick(point);
  const first = { x: point.x, y: point.y, r: radius(pressure) };
  points = [first];
  if (!isBrush()) return void outline();
  layers.begin(now.layer);
  lay(sweep(layers.cover, layers, straight && last ? last : first, first, now.feather / 100));
}

export function extend(point, { pressure = 1 } = {}) {
  if (!points) return;
  const to = { x: point.x, y: point.y, r: radius(pressure) };
  const from = points.at(-1);
  if (Math.hypot(to.x - from.x, to.y - from.y) < Math.max(0.5, to.r * CLOSE)) return;
  if (isBrush()) {
    lay(sweep(layers.cover, layers, from, to, now.feather / 100));
    points = [to];
  } else {
    points = now.kind === "rectangle" ? [points[0], to] : [...points, to];
    outline();
  }
}

/** Lifts the tool. */
export function end() {
  if (!points) return;
  if (!isBrush()) {
    const line = shape();
    if (line.length > 2) {
      layers.begin(now.layer);
      lay(enclose(layers.cover, layers, line, Math.round((now.size / 2) * (now.feather / 100))));
      layers.end();
    }
  } else {
    layers.end();
    last = points.at(-1);
  }
  points = null;
  outline();
}

/** Takes back what is being drawn. */
export function abort() {
  if (points && isBrush()) layers.abort();
  points = null;
  outline();
}

/** Shows what a shape will enclose. */
export function outline() {
  const places = points && !isBrush() ? shape().map(toEasel) : [];
  byId("canvas-outline").setAttribute("d", places.map(({ x, y }, index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("") + (places.length ? "Z" : ""));
}

/** The brush where the pointer is: how wide it is, and how wide before it fades. */
export function showBrush(point) {
  const brush = byId("brush");
  brush.hidden = now.kind !== "brush" || point === null;
  if (brush.hidden) return;
  const { x, y } = toEasel(point);
  const wide = Math.max(3, now.size * scaleNow());
  brush.style.width = brush.style.height = `${wide}px`;
  brush.style.setProperty("--hard", `${now.feather / 2}%`);
  brush.style.transform = `translate(${x - wide / 2}px, ${y - wide / 2}px)`;
}

const radius = (pressure) => (now.size / 2) * Math.max(FAINTEST, pressure);
const lay = (box) => layers.lay(box, { erase: rubs || now.erase, colour: channels(now.colour) });
const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function shape() {
  if (now.kind !== "rectangle") return points;
  const [from, to] = [points[0], points.at(-1)];
  if (points.length < 2) return points;
  return [from, { x: to.x, y: from.y }, to, { x: from.x, y: to.y }];
}

/** Takes the colour that is seen at a place. */
function pick({ x, y }) {
  if (x < 0 || y < 0 || x >= layers.width || y >= layers.height) return;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const drawn = canvas.getContext("2d", { willReadFrequently: true });
  for (const picture of [base, layers.sketch]) if (picture) drawn.drawImage(picture, -Math.floor(x), -Math.floor(y));
  const [red, green, blue] = drawn.getImageData(0, 0, 1, 1).data;
  now.colour = byId("canvas-colour").value = `#${[red, green, blue].map((value) => value.toString(16).padStart(2, "0")).join("")}`;
  takeTool("brush");
}
