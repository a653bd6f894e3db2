// Hands on the easel: a mouse, a pen, fingers and a wheel. One pointer draws; two fingers, the middle button, or Space held
// move what is seen.

import { byId } from "../../js/dom.js";
import { abort, begin, extend, end, isDrawing, showBrush } from "./tools.js";
import { inEasel, pan, placeOf, zoom } from "./view.js";

const WHEEL = 0.0015; // of a factor, for each pixel that a wheel says
const LINE = 32; // pixels, where one counts in lines
const FAR = 48; // CSS pixels from where it began, after which a stroke is meant: a hand that comes down then takes nothing back
const RUBBER = 5; // the button that a pen's other end is
const down = new Map(); // the pointers that touch, by id
let doing = null; // "draw", "pan" or "pinch"
let held = false; // Space
let draws = () => true;
let whenAt = () => {};

/** `mayDraw()` says whether a pointer draws now; `onPlace(place)` is told where it is. */
export function startHands(mayDraw, onPlace) {
  [draws, whenAt] = [mayDraw, onPlace];
  const canvas = byId("canvas-paint");
  canvas.addEventListener("pointerdown", put);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("lostpointercapture", lift); // without a word of its end
  canvas.addEventListener("pointerleave", () => { if (!doing) showBrush(null); });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  addEventListener("blur", () => hold(false));
  byId("easel").addEventListener("wheel", turn, { passive: false });
}

/** Space goes down, or up, where it is to move what is seen. */
export function hold(on) {
  held = on;
  byId("easel").classList.toggle("held", on);
  if (!on && doing === "pan") doing = null;
}

export function letGo() {
  down.clear();
  doing = null;
  hold(false);
}

function put(event) {
  const pen = event.pointerType === "pen";
  if (event.pointerType === "touch" && [...down.values()].some((one) => one.pen || (doing === "draw" && one.far))) return; // a hand that rests
  const rubs = pen && event.button === RUBBER;
  if (event.button > 1 && !rubs) return;
  if (pen && down.size) forget(); // the hand came down first
  event.preventDefault();
  byId("canvas-paint").focus();
  byId("canvas-paint").setPointerCapture(event.pointerId);
  down.set(event.pointerId, { x: event.clientX, y: event.clientY, from: { x: event.clientX, y: event.clientY }, pen, far: false });
  if (down.size === 2) {
    abort();
    doing = "pinch";
  } else if (down.size === 1) {
    doing = held || event.button === 1 || !draws() ? "pan" : "draw";
    if (doing === "draw") begin(placeOf(event), { pressure: pressureOf(event), straight: event.shiftKey, erase: rubs });
    if (!isDrawing() && doing === "draw") doing = null; // it only picked something
  }
}

function move(event) {
  whenAt(placeOf(event));
  const before = down.get(event.pointerId);
  if (!before) return;
  if (doing === "draw") for (const each of coalesced(event)) extend(placeOf(each), { pressure: pressureOf(each) });
  if (doing === "pan") pan(event.clientX - before.x, event.clientY - before.y);
  if (doing === "pinch") pinch(event);
  Object.assign(before, { x: event.clientX, y: event.clientY, far: before.far || Math.hypot(event.clientX - before.from.x, event.clientY - before.from.y) > FAR });
}

/** What touches is no hand that draws or moves anything, until it comes down anew. */
function forget() {
  abort();
  down.clear();
  doing = null;
}

function lift(event) {
  const lifted = down.get(event.pointerId);
  if (!down.delete(event.pointerId)) return;
  if (doing === "draw") event.type === "pointercancel" && !lifted.far ? abort() : end();
  if (doing !== "pinch" || down.size === 0) doing = null; // the finger that is left draws nothing
}

/** Two fingers: what lies under them stays under them. */
function pinch(event) {
  const [one, other] = [...down.entries()].map(([id, place]) => (id === event.pointerId ? { from: place, to: { x: event.clientX, y: event.clientY } } : { from: place, to: place }));
  if (!other) return;
  const between = (which) => ({ x: (one[which].x + other[which].x) / 2, y: (one[which].y + other[which].y) / 2, far: Math.hypot(one[which].x - other[which].x, one[which].y - other[which].y) });
  const [before, after] = [between("from"), between("to")];
  pan(after.x - before.x, after.y - before.y);
  if (before.far > 0) zoom(after.far / before.far, inEasel({ clientX: after.x, clientY: after.y }));
}

function turn(event) {
  event.preventDefault();
  const by = event.deltaMode === 1 ? LINE : 1;
  if (event.shiftKey) return pan(-(event.deltaX || event.deltaY) * by, 0);
  return zoom(Math.exp(-event.deltaY * by * WHEEL * (event.ctrlKey ? 4 : 1)), inEasel(event)); // with Ctrl: two fingers on a trackpad
}

const pressureOf = (event) => (event.pointerType === "pen" && event.pressure > 0 ? event.pressure : 1);

function coalesced(event) {
  const each = event.getCoalescedEvents?.() ?? [];
  return each.length ? each : [event];
}
