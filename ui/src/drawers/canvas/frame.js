// The frame: what of the picture is kept, and what is painted beyond its edges. Drawn out it extends, drawn in it cuts off.

import { all, byId } from "../../js/dom.js";
import { numberIn, written } from "../../js/numbers.js";
import { longestSide } from "../../js/size.js";
import { placeOf, refit, toEasel } from "./view.js";

export const SIDES = ["left", "top", "right", "bottom"];
const SNAP = 8; // pixels that come out, as models like them
const LEAST = 16; // pixels that are left of a side
let layers = null;
let factor = () => 1; // pixels that come out for one of the picture, as the frame stands; or at least
let moved = () => {};

export function startFrame() {
  for (const handle of all("#canvas-frame [data-edge]")) {
    handle.addEventListener("pointerdown", (event) => drag(event, handle));
  }
  for (const side of SIDES) {
    byId(`canvas-${side}`).addEventListener("input", (event) => set(side, numberIn(event.target.value)));
    byId(`canvas-${side}`).addEventListener("blur", () => layers && showFrame());
  }
  byId("canvas-frame-reset").addEventListener("click", () => layers.setFrame({ left: 0, top: 0, right: 0, bottom: 0 }));
}

/** `times(least)`: how many pixels come out for each of the picture, or do at least; `onMove` is called while a handle is drawn. */
export function useFrame(of, times, onMove) {
  [layers, factor, moved] = [of, times, onMove];
}

/** What is left of the picture itself. */
export function cropBox({ width, height, frame }) {
  return { left: Math.max(0, -frame.left), top: Math.max(0, -frame.top), right: width - Math.max(0, -frame.right), bottom: height - Math.max(0, -frame.bottom) };
}

/** How large the frame is, in the picture's pixels. */
export const framedSize = ({ width, height, frame }) => [width + frame.left + frame.right, height + frame.top + frame.bottom];

/** Puts the frame where it is seen. */
export function showFrame() {
  const { width, height, frame } = layers;
  const [from, to] = [toEasel({ x: -frame.left, y: -frame.top }), toEasel({ x: width + frame.right, y: height + frame.bottom })];
  for (const id of ["canvas-frame", "canvas-beyond", "canvas-over"]) {
    Object.assign(byId(id).style, { left: `${from.x}px`, top: `${from.y}px`, width: `${to.x - from.x}px`, height: `${to.y - from.y}px` });
  }
  byId("canvas-beyond").hidden = !SIDES.some((side) => frame[side] > 0);
  for (const side of SIDES) if (document.activeElement !== byId(`canvas-${side}`)) byId(`canvas-${side}`).value = written(frame[side]);
  byId("canvas-frame").classList.toggle("cut", SIDES.some((side) => frame[side] < 0));
}

function drag(event, handle) {
  if (event.button !== 0) return;
  event.preventDefault();
  handle.setPointerCapture(event.pointerId);
  const before = layers.frame;
  const edges = handle.dataset.edge.split(" ");
  const move = (each) => {
    const { x, y } = placeOf(each);
    const at = { left: -x, top: -y, right: x - layers.width, bottom: y - layers.height };
    layers.frame = limited(Object.fromEntries(edges.map((side) => [side, at[side]])));
    moved();
  };
  const stop = () => {
    handle.removeEventListener("pointermove", move);
    const after = layers.frame;
    layers.frame = before;
    layers.setFrame(after);
    refit();
  };
  handle.addEventListener("pointermove", move);
  handle.addEventListener("lostpointercapture", stop, { once: true });
}

function set(side, value) {
  layers.setFrame(limited({ [side]: value }), side);
  refit();
}

/** A frame within bounds: something is left, and what comes out isn't too large. */
function limited(wanted) {
  const frame = { ...layers.frame };
  for (const [side, value] of Object.entries(wanted)) {
    if (!Number.isFinite(value)) continue;
    const [other, size] = side === "left" || side === "right" ? [side === "left" ? "right" : "left", layers.width] : [side === "top" ? "bottom" : "top", layers.height];
    const most = Math.max(0, Math.floor(longestSide() / factor(true)) - size - frame[other]);
    const least = Math.min(0, LEAST - size - Math.min(0, frame[other]));
    const step = SNAP / factor(false);
    frame[side] = Math.round(Math.min(most, Math.max(least, value > 0 ? Math.round(value / step) * step : value)));
  }
  return frame;
}
