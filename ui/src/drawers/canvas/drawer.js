// The canvas: where a picture is to be painted anew, what is painted on it, what of it is kept, and what is to be beyond its
// edges. All of it stays with the picture to start from, and is kept while one paints: closing loses nothing.

import { control } from "../../js/controls.js";
import { all, byId, openDialog, press, show, tell } from "../../js/dom.js";
import { change, setWithPicture } from "../../js/form.js";
import { inEveryLanguage, number, t } from "../../js/i18n.js";
import { notice } from "../../js/notices.js";
import { numberIn, startStepping } from "../../js/numbers.js";
import { longestSide } from "../../js/size.js";
import { restoreSource, sourceState, takeSource } from "../../js/source.js";
import { undoToNow } from "../../js/undo.js";
import { pointAt, rest, startKeys, useKeys } from "./bykeys.js";
import { flatFile, holesOf, levelsOf, maskFile, pixelsOf } from "./files.js";
import { cropBox, framedSize, showFrame, SIDES, startFrame, useFrame } from "./frame.js";
import { letGo, startHands } from "./hands.js";
import { Layers } from "./layers.js";
import { floatPicture, isPlacing, setDown, showFloat, startPlacing } from "./placing.js";
import { abort, dropTools, end, isDrawing, outline, showBrush, SIZES, startTools, takeTool, toolNow, useTools } from "./tools.js";
import { fit, hidePicture, redraw, refit, scaleNow, showFor, showPicture, zoom } from "./view.js";

const SOON = 800; // milliseconds of rest after which what was painted is kept
const FIXING = 0.75; // how much is painted anew of what is to be fixed
const CLOSER = 1.25;
let open = null; // { state, plain, base, layers, holes, undo, mode, touched, dirty, hardened, timer, keeping, closing }
let opening = false;

/** Opens the canvas on the picture to start from, to paint a "mask" or a "sketch", or to draw its "frame". `undo` takes back
 * what is done there, and what led there. */
export async function openCanvas(mode = "mask", undo = undoToNow()) {
  const state = sourceState();
  if (!state.source || open || opening) return;
  opening = true;
  try {
    open = { ...(await prepared(state)), undo, touched: false, dirty: false, hardened: false, timer: 0, keeping: Promise.resolve(), closing: false };
  } catch {
    return void notice(t("source.broken"), { about: "canvas", bad: true });
  } finally {
    opening = false;
  }
  const { base, layers } = open;
  openDialog(byId("canvas-dialog"));
  useTools(base, layers);
  useKeys(layers);
  useFrame(layers, timesLarger(state.source), reframed);
  showPicture(base, layers, moved);
  byId("canvas-prompt").value = control("prompt").value.replace(/\s*\n\s*/g, " "); // else its words would run into each other
  show(byId("canvas-holes"), open.holes !== null);
  setMode(mode);
  describe();
  byId("canvas-paint").focus();
}

/** Goes on from a result: its picture is what is started from, with its prompt, and nothing that would change its size. */
export async function openResult({ meta, width, height }, file, mode) {
  const undo = undoToNow();
  if (!(await takeSource(file, t("source.result"), { quiet: true }))) return;
  const set = (name, value) => { if (control(name) && numberIn(control(name).value) !== value && control(name).value !== value) change(name, value); };
  if (meta.prompt) set("prompt", meta.prompt);
  for (const side of SIDES) set(`extend.${side}`, "");
  for (const part of ["scale", "strength", "steps", "upscaler"]) set(`hires.${part}`, "");
  const asked = ["width", "height"].map((name) => numberIn(control(name).value));
  if (asked[0] !== width || asked[1] !== height) for (const name of ["width", "height"]) set(name, "");
  set("strength", mode === "mask" ? FIXING : ""); // beyond its edges: as the server does it
  await restoreSource({ ...sourceState(), mask: null });
  await openCanvas(mode, undo);
}

async function prepared(state) {
  const plain = state.source.work ?? state.source;
  const base = await createImageBitmap(plain.blob);
  const layers = new Layers(base.width, base.height, redraw, changed);
  const mask = state.source.work ? state.source.work.mask : state.mask; // of what is cut off, too
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
  const factor = timesLarger(state.source);
  layers.frame = Object.fromEntries(SIDES.map((side) => [side, Math.round((numberIn(control(`extend.${side}`).value) || 0) / factor) - (plain.crop?.[side] ?? 0)]));
  const holes = plain.blob.type === "image/jpeg" ? null : holesOf(pixelsOf(base, base.width, base.height));
  return { state, plain, base, layers, holes };
}

/** How many pixels come out for each of the canvas's. */
function timesLarger({ width, height, work }) {
  const asked = { width: numberIn(control("width").value), height: numberIn(control("height").value) };
  const own = work ? width / (work.width - work.crop.left - work.crop.right) : 1;
  return own * (asked.width ? asked.width / width : asked.height ? asked.height / height : 1);
}

/** Something was done, or taken back. */
function changed() {
  if (!open) return;
  open.touched = open.dirty = true;
  clearTimeout(open.timer);
  const one = open;
  one.timer = setTimeout(() => keepNow().catch(() => { one.dirty = true; }), SOON); // tried again, and said, at the end
  reframed();
}

function keepNow() {
  clearTimeout(open.timer);
  const one = open;
  if (one.dirty) one.keeping = one.keeping.catch(() => {}).then(() => keep(one));
  one.dirty = false;
  return one.keeping;
}

/** Has the picture to start from be what the canvas shows. */
async function keep(one) {
  const { state, plain, base, layers } = one;
  const [whole, box] = [layers.whole(), cropBox(layers)];
  const [sketched, cropped] = [layers.isSketched(), SIDES.some((side) => box[side] !== whole[side])];
  const size = { width: box.right - box.left, height: box.bottom - box.top };
  const { file: mask, hardened } = await maskFile(layers.mask, layers.width, box);
  const source = { ...state.source, blob: plain.blob, ...size, from: cropped ? null : plain.from, work: null };
  if (sketched || cropped) {
    const kind = plain.blob.type === "image/jpeg" ? "image/jpeg" : "image/png";
    const fine = cropped && source.whole ? await createImageBitmap(source.whole) : base; // of a large photo a part has more pixels
    const times = Math.max(1, Math.min(fine.width / layers.width, longestSide() / Math.max(size.width, size.height)));
    [source.width, source.height] = [size.width, size.height].map((side) => Math.round(side * times));
    source.blob = await flatFile([fine, layers.sketch], layers, box, { kind, times });
    if (fine !== base) fine.close();
    source.work = {
      blob: plain.blob, width: layers.width, height: layers.height, from: plain.from, sketch: sketched ? await flatFile([layers.sketch], layers, whole) : null,
      mask: cropped ? (await maskFile(layers.mask, layers.width, whole)).file : mask, crop: Object.fromEntries(SIDES.map((side) => [side, Math.max(0, -layers.frame[side])])),
    };
  }
  const before = sourceState().source;
  await restoreSource({ source, mask });
  if (before.width !== source.width || before.height !== source.height) setWithPicture({ width: source.width, height: source.height }, true);
  const factor = timesLarger(source);
  for (const side of SIDES) {
    const margin = Math.round(Math.max(0, layers.frame[side]) * factor);
    if ((numberIn(control(`extend.${side}`).value) || 0) !== margin) change(`extend.${side}`, margin || "");
  }
  if (hardened && !one.hardened) tell(t("canvas.hint.hard"));
  one.hardened = hardened;
  showHint();
}

/** Keeps all that was done and closes; has it generated, too, where that is asked. */
async function finish(generates = false) {
  if (!open || open.closing) return;
  const one = open;
  one.closing = true;
  try {
    await keepAll();
  } catch {
    one.closing = false;
    return;
  }
  byId("canvas-dialog").close();
  release();
  if (generates) byId("generate").click();
  else if (one.touched) notice(t("canvas.kept"), { about: "canvas", action: one.undo });
}

/** Keeps all that was done, also what was done meanwhile. Throws, and says so, where that can't be. */
async function keepAll() {
  const one = open;
  try {
    let kept;
    do {
      setDown();
      end();
      kept = keepNow();
      await kept;
    } while (one.dirty || one.keeping !== kept); // the clock may have begun to keep what came meanwhile
  } catch (error) {
    one.dirty = true;
    notice(t("canvas.unkept"), { about: "canvas", bad: true });
    throw error;
  }
}

/** Gives back what the canvas took: it is much, for large pictures. */
async function release() {
  const one = open;
  if (!one || byId("canvas-dialog").open) return;
  if (!one.closing) await keepAll().catch(() => {}); // a browser may close a dialog without asking
  open = null;
  clearTimeout(one.timer);
  letGo();
  dropTools();
  hidePicture();
  one.base.close();
  one.layers.release();
}

function setMode(mode) {
  end();
  setDown();
  open.mode = mode;
  if (mode !== "frame") toolNow().layer = mode;
  if (toolNow().kind === "pick" && mode === "mask") takeTool("brush");
  byId("canvas-dialog").dataset.now = mode;
  for (const button of all("[data-mode]")) press(button, button.dataset.mode === mode);
  for (const part of all("[data-in]", byId("canvas-dialog"))) part.classList.toggle("away", !part.dataset.in.split(" ").includes(mode));
  rest(); // the button that Tab goes to may be away now
  showHint();
  showFor({ wide: mode === "frame", faint: mode !== "mask" });
  showBrush(null);
  reframed();
}

/** What to do here, or what of it won't be as it looks. */
function showHint() {
  if (open) byId("canvas-hint").textContent = t(`canvas.hint.${open.mode === "mask" && open.hardened ? "hard" : open.mode}`);
}

function moved() {
  showFrame();
  showFloat();
  outline();
  showBrush(null);
  byId("canvas-scale").textContent = t("canvas.scale", { n: number(scaleNow() * devicePixelRatio * 100, 0) });
}

function reframed() {
  showFrame();
  describe();
}

function describe() {
  if (!open) return;
  const { layers, plain } = open;
  for (const [id, steps] of [["canvas-undo", layers.done], ["canvas-redo", layers.undone]]) byId(id).setAttribute("aria-disabled", String(!steps.length));
  const [width, height] = framedSize();
  const [from_width, from_height] = [plain.from?.width, plain.from?.height];
  byId("canvas-about").textContent = [t("canvas.size.out", { width, height }), plain.from ? t("canvas.from", { from_width, from_height }) : ""].filter(Boolean).join(", ");
}

function undo(back) {
  if (isDrawing()) return abort();
  if (open.layers[back ? "undo" : "redo"]()) tell(t(back ? "canvas.undone" : "canvas.redone"));
  return refit();
}

/** Escape ends what is being done first; nothing is lost by it. */
function escape() {
  const keys = byId("canvas-keys");
  if (keys.open) {
    keys.open = false;
    keys.querySelector("summary").focus();
  } else if (isDrawing()) toolNow().kind === "brush" ? end() : abort(); // of a shape nothing is painted yet
  else if (isPlacing()) setDown();
  else finish();
}

async function bring(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return void notice(t("source.not"), { about: "canvas", bad: true });
  }
  if (!open) return bitmap.close();
  setMode("sketch");
  floatPicture(bitmap, open.layers, (placed) => {
    tell(t(placed ? "canvas.float.placed" : "canvas.float.gone"));
    byId("canvas-paint").focus();
  });
  return tell(t("canvas.float"));
}

function startButtons() {
  const act = (id, what) => byId(id).addEventListener("click", () => open && what());
  const told = (key, what) => () => { what(); tell(t(key)); };
  act("canvas-undo", () => undo(true));
  act("canvas-redo", () => undo(false));
  act("canvas-close", finish);
  act("canvas-done", () => finish());
  act("canvas-generate", () => finish(true));
  act("canvas-in", () => zoom(CLOSER));
  act("canvas-out", () => zoom(1 / CLOSER));
  act("canvas-fit", fit);
  act("canvas-invert", told("canvas.inverted", () => open.layers.invert()));
  act("canvas-clear", told("canvas.cleared", () => open.layers.clear(open.mode)));
  act("canvas-holes", told("canvas.painted", () => open.layers.addMask(open.holes)));
  act("canvas-bring", () => byId("canvas-file").click());
  byId("easel").addEventListener("pointerdown", () => { byId("canvas-keys").open = false; });
  for (const button of all("[data-mode]")) button.addEventListener("click", () => open && setMode(button.dataset.mode));
  byId("canvas-file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) bring(file);
  });
  byId("canvas-prompt").addEventListener("input", (event) => change("prompt", event.target.value));
  startStepping(byId("canvas-dialog").querySelector(".canvas-tools"), ({ id }) => (id === "canvas-size" ? { from: SIZES.from, min: SIZES.from, max: SIZES.most } : { from: 0, min: id === "canvas-feather" ? 0 : -longestSide(), max: id === "canvas-feather" ? 100 : longestSide() }));
}

/** A picture that is pasted, or dropped on the easel, is placed there. */
function startBringing() {
  const pictureIn = (files) => [...(files ?? [])].find((one) => one.type.startsWith("image/"));
  addEventListener("paste", (event) => {
    const file = open && pictureIn(event.clipboardData?.files);
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

function start() {
  const dialog = byId("canvas-dialog");
  const draws = () => open !== null && open.mode !== "frame" && !isPlacing();
  startTools();
  startFrame();
  startPlacing();
  startHands(draws, pointAt);
  startKeys({ undo: () => undo(true), redo: () => undo(false), done: finish, escape, draws });
  startButtons();
  startBringing();
  dialog.addEventListener("cancel", (event) => {
    if (event.target !== dialog) return; // a file was not chosen
    event.preventDefault();
    finish();
  });
  dialog.addEventListener("close", release);
  new ResizeObserver(() => { if (open) refit(); }).observe(byId("easel"));
  inEveryLanguage(() => { if (open) setMode(open.mode); });
}

start();
