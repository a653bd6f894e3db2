// The mask editor: what is painted here is made anew. A mask is a PNG of the picture's size, white on black.

import { byId, openDialog, press, tell } from "../../js/dom.js";
import { t } from "../../js/i18n.js";
import { bracketOf, letterOf } from "../../js/keys.js";
import { blobOf, paint } from "../../js/pictures.js";

const COLOUR = "#ff6a2b";
const STEP = 0.02; // of the picture's width, for the arrow keys
let strokes = []; // { size, erase, points } or { invert: true } or { clear: true }
let undone = []; // what can be done again, the last first to come
let start = null; // the mask that was there, as a canvas
let stroke = null;
let at = { x: 0, y: 0 };
let resolve = null;

/** Lets a person paint over a picture, from the mask `before` and further strokes.
 * `found`: a mask, null for an empty one, undefined where they closed the editor, which leaves the strokes in `left`. */
export async function editMask(picture, before, further = []) {
  const base = byId("mask-base");
  await paint(base, picture);
  const canvas = byId("mask-paint");
  [canvas.width, canvas.height] = [base.width, base.height];
  strokes = [...further];
  undone = [];
  start = before ? await layerFrom(before, canvas) : null;
  at = { x: canvas.width / 2, y: canvas.height / 2 };
  const most = Math.max(16, Math.round(Math.min(canvas.width, canvas.height) / 2));
  byId("mask-size").max = most;
  byId("mask-size").value = Math.round(most / 4);
  press(byId("mask-erase"), false);
  redraw();
  openDialog(byId("mask-dialog"));
  fit();
  canvas.focus();
  return new Promise((ended) => { resolve = ended; });
}

function startMask() {
  const canvas = byId("mask-paint");
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.focus();
    canvas.setPointerCapture(event.pointerId);
    begin(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    moveBrush(event);
    if (stroke) for (const each of event.getCoalescedEvents?.() ?? [event]) extend(place(each));
  });
  canvas.addEventListener("pointerup", () => { stroke = null; });
  canvas.addEventListener("pointercancel", () => { stroke = null; });
  canvas.addEventListener("pointerleave", () => { byId("brush").hidden = true; });
  canvas.addEventListener("keydown", paintByKeys);
  canvas.addEventListener("keyup", (event) => { if (event.code === "Space") stroke = null; });
  byId("mask-dialog").addEventListener("keydown", undoByKeys);
  byId("mask-erase").addEventListener("click", toggleErase);
  byId("mask-undo").addEventListener("click", undo);
  byId("mask-redo").addEventListener("click", redo);
  byId("mask-clear").addEventListener("click", () => apply({ clear: true }));
  byId("mask-invert").addEventListener("click", () => apply({ invert: true }));
  byId("mask-size").addEventListener("input", () => sizeBrush());
  byId("mask-done").addEventListener("click", finish);
  byId("mask-dialog").addEventListener("close", () => {
    settle({ found: undefined, left: strokes });
    if (byId("mask-dialog").open) return;
    start = null;
    for (const each of [byId("mask-base"), canvas]) each.width = each.height = 1; // large ones hold a lot of memory
  });
  new ResizeObserver(() => { if (byId("mask-dialog").open) fit(); }).observe(byId("easel"));
}

const erasing = () => byId("mask-erase").getAttribute("aria-pressed") === "true";
const size = () => Number(byId("mask-size").value);

/** Both canvases as large as the room allows, in the picture's shape. */
function fit() {
  const room = byId("easel").getBoundingClientRect();
  for (const canvas of [byId("mask-base"), byId("mask-paint")]) {
    const factor = Math.min(room.width / canvas.width, room.height / canvas.height);
    canvas.style.width = `${canvas.width * factor}px`;
    canvas.style.height = `${canvas.height * factor}px`;
  }
}

function place(event) {
  const canvas = byId("mask-paint");
  const box = canvas.getBoundingClientRect();
  return { x: ((event.clientX - box.left) / box.width) * canvas.width, y: ((event.clientY - box.top) / box.height) * canvas.height };
}

function begin(point) {
  stroke = { size: size(), erase: erasing(), points: [point] };
  apply(stroke);
}

function extend(point) {
  stroke.points.push(point);
  draw(context(), { ...stroke, points: stroke.points.slice(-2) });
}

function apply(one) {
  strokes.push(one);
  undone = [];
  draw(context(), one);
  offerUndo();
}

function undo() {
  if (!strokes.length) return;
  undone.push(strokes.pop());
  redraw();
  tell(t("mask.undone"));
}

function redo() {
  if (!undone.length) return;
  strokes.push(undone.pop());
  redraw();
  tell(t("mask.redone"));
}

function undoByKeys(event) {
  if (!event.ctrlKey && !event.metaKey) return;
  const key = letterOf(event);
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  if (key === "y" || event.shiftKey) redo();
  else undo();
}

function offerUndo() {
  byId("mask-undo").setAttribute("aria-disabled", String(!strokes.length));
  byId("mask-redo").setAttribute("aria-disabled", String(!undone.length));
}

function redraw() {
  offerUndo();
  const drawn = context();
  drawn.clearRect(0, 0, drawn.canvas.width, drawn.canvas.height);
  if (start) drawn.drawImage(start, 0, 0);
  for (const one of strokes) draw(drawn, one);
}

const context = () => byId("mask-paint").getContext("2d");

function draw(drawn, one) {
  const { width, height } = drawn.canvas;
  if (one.clear) return drawn.clearRect(0, 0, width, height);
  drawn.save();
  drawn.fillStyle = drawn.strokeStyle = COLOUR;
  if (one.invert) {
    drawn.globalCompositeOperation = "xor";
    drawn.fillRect(0, 0, width, height);
  } else {
    drawn.globalCompositeOperation = one.erase ? "destination-out" : "source-over";
    drawn.lineWidth = one.size;
    drawn.lineCap = drawn.lineJoin = "round";
    drawn.beginPath();
    one.points.forEach(({ x, y }, index) => (index ? drawn.lineTo(x, y) : drawn.moveTo(x, y)));
    if (one.points.length === 1) drawn.lineTo(one.points[0].x + 0.01, one.points[0].y);
    drawn.stroke();
  }
  drawn.restore();
  return undefined;
}

function paintByKeys(event) {
  const canvas = byId("mask-paint");
  const step = canvas.width * STEP;
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (moves[event.key]) {
    at = { x: Math.min(canvas.width, Math.max(0, at.x + moves[event.key][0])), y: Math.min(canvas.height, Math.max(0, at.y + moves[event.key][1])) };
    if (stroke) extend(at);
    showBrush();
  } else if (event.code === "Space") {
    if (!event.repeat) begin({ ...at });
  } else if (bracketOf(event)) {
    byId("mask-size").value = Math.round(size() * (bracketOf(event) === "]" ? 1.25 : 0.8));
    showBrush();
  } else if (letterOf(event) === "e" && !event.ctrlKey && !event.metaKey) toggleErase();
  else return;
  event.preventDefault();
}

function toggleErase() {
  press(byId("mask-erase"), !erasing());
}

function moveBrush(event) {
  at = place(event);
  showBrush();
}

function showBrush() {
  const [canvas, room] = [byId("mask-paint").getBoundingClientRect(), byId("easel").getBoundingClientRect()];
  const factor = canvas.width / byId("mask-paint").width;
  sizeBrush();
  const half = (size() * factor) / 2;
  byId("brush").style.transform = `translate(${canvas.left - room.left + at.x * factor - half}px, ${canvas.top - room.top + at.y * factor - half}px)`;
  byId("brush").hidden = false;
}

function sizeBrush() {
  const factor = byId("mask-paint").getBoundingClientRect().width / byId("mask-paint").width;
  byId("brush").style.width = byId("brush").style.height = `${size() * factor}px`;
}

/** White where something is painted, black elsewhere; null where nothing is. */
async function finish() {
  const canvas = byId("mask-paint");
  const pixels = context().getImageData(0, 0, canvas.width, canvas.height);
  let painted = 0;
  for (let index = 0; index < pixels.data.length; index += 4) {
    const value = pixels.data[index + 3] > 127 ? 255 : 0;
    painted += value;
    pixels.data.set([value, value, value, 255], index);
  }
  const made = document.createElement("canvas");
  [made.width, made.height] = [canvas.width, canvas.height];
  made.getContext("2d").putImageData(pixels, 0, 0);
  settle({ found: painted ? await blobOf(made) : null, left: [] });
  byId("mask-dialog").close();
}

function settle(what) {
  resolve?.(what);
  resolve = null;
}

async function layerFrom(mask, like) {
  const layer = document.createElement("canvas");
  await paint(layer, mask);
  const made = document.createElement("canvas");
  [made.width, made.height] = [like.width, like.height];
  const drawn = made.getContext("2d");
  drawn.drawImage(layer, 0, 0, made.width, made.height);
  const pixels = drawn.getImageData(0, 0, made.width, made.height);
  for (let index = 0; index < pixels.data.length; index += 4) pixels.data.set([255, 106, 43, pixels.data[index] > 127 ? 255 : 0], index);
  drawn.putImageData(pixels, 0, 0);
  return made;
}

startMask();
