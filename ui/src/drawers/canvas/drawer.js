// The canvas: where a picture is to be painted anew, what is painted on it, what of it is kept, and what is to be beyond its
// edges. All of it stays with the picture to start from, and is kept while one paints: closing loses nothing.

import { plansFirst } from "../../js/assistant.js";
import { rowOf, whenGalleryChanges } from "../../js/collection.js";
import { control } from "../../js/controls.js";
import { all, byId, openDialog, press, show, tell } from "../../js/dom.js";
import { change, setWithPicture } from "../../js/form.js";
import { inEveryLanguage, number, t } from "../../js/i18n.js";
import { notice } from "../../js/notices.js";
import { startStepping } from "../../js/numbers.js";
import { asked, run } from "../../js/run.js";
import { longestSide } from "../../js/size.js";
import { markSource, restoreSource, sourceState, takeSource } from "../../js/source.js";
import { undoToNow } from "../../js/undo.js";
import { pointAt, rest, startKeys, useKeys } from "./bykeys.js";
import { framedSize, showFrame, SIDES, startFrame, useFrame } from "./frame.js";
import { letGo, startHands } from "./hands.js";
import { made, marginsOf, prepared, set, settle, timesLarger } from "./keeping.js";
import { beginMaking, startMaking, toggleBefore } from "./making.js";
import { floatPicture, isPlacing, setDown, showFloat, startPlacing } from "./placing.js";
import { abort, dropTools, end, isDrawing, outline, showBrush, SIZES, startTools, takeTool, toolNow, useTools } from "./tools.js";
import { begun, dropTurns, hasBefore, requestOf, showTurns, startTurns, stateOf, turnOf, useTurns } from "./turns.js";
import { fit, hidePicture, redraw, refit, scaleNow, showFor, showPicture, zoom } from "./view.js";

const SOON = 800; // milliseconds of rest after which what was painted is kept
const FIXING = 0.75; // how much is painted anew of what is to be fixed
const CLOSER = 1.25;
let open = null; // { state, plain, base, layers, holes, opened, undo, mode, pending, painted, asked, touched, dirty, hardened, timer, keeping, closing }
let opening = false;
const left = new Map(); // what was painted at turns that were left before it was made, by their ids
let undone = []; // ids of turns that were gone back from
let going = Promise.resolve(); // from a turn to another: one after the other, however fast they are asked for

/** Opens the canvas on the picture to start from, to paint a "mask" or a "sketch", or to draw its "frame". `undo` takes back
 * what is done there, and what led there. */
export async function openCanvas(mode = "mask", undo = undoToNow()) {
  if (!sourceState().source || open || opening) return;
  opening = true; // who asks twice opens it once
  if (!sourceState().source.turn) await markSource(begun());
  if (await lay(sourceState(), { undo, mode })) byId("canvas-paint").focus();
}

/** Goes on from a result: its picture is what is started from, with its prompt, and nothing that would change its size. */
export async function openResult(entry, file, mode) {
  const undo = undoToNow();
  if (!(await takeSource(file, t("source.result"), { quiet: true }))) return;
  set("prompt", entry.meta.prompt || control("prompt").value);
  settle(entry);
  set("strength", mode === "mask" ? FIXING : ""); // beyond its edges: as the server does it
  await restoreSource({ source: { ...sourceState().source, turn: turnOf(entry) }, mask: null });
  await openCanvas(mode, undo);
}

/** Lays a picture on the easel, in place of another. `pending`: the form starts from it only once something is done there, and it
 * is laid only if nothing is painted meanwhile. False where it isn't: it can't be opened, or the canvas is closed by then. */
async function lay(state, { undo, mode, pending = null, touched = false }) {
  const before = open;
  opening = pending === null; // what came by itself keeps nobody from painting
  let ready;
  try {
    ready = await prepared(state, redraw, changed);
  } catch {
    notice(t("source.broken"), { about: "canvas", bad: true });
    return false;
  } finally {
    opening = false;
  }
  if (open !== before || before?.closing || (pending && isBusy(before))) {
    drop(ready);
    return false;
  }
  if (before) putAway(before);
  open = { ...ready, undo, pending, painted: false, asked: false, touched, dirty: false, hardened: Boolean(state.source.levels), timer: 0, keeping: Promise.resolve(), closing: false };
  const { base, layers } = open;
  if (pending) layers.frame = open.opened.frame = { left: 0, top: 0, right: 0, bottom: 0 };
  openDialog(byId("canvas-dialog"));
  useTools(base, layers, before !== null);
  useKeys(layers);
  useFrame(layers, (least) => timesLarger(open, least), reframed);
  showPicture(base, layers, moved);
  byId("canvas-prompt").value = control("prompt").value.replace(/\s*\n\s*/g, " "); // else its words would run into each other
  show(byId("canvas-holes"), open.holes !== null);
  show(byId("canvas-before"), false);
  setMode(mode);
  useTurns(state.source);
  show(byId("canvas-before"), hasBefore());
  beginMaking();
  describe();
  refit(); // all has its place by now
  return true;
}

/** Something was done, or taken back. */
function changed() {
  if (!open) return;
  open.touched = open.dirty = open.painted = true;
  undone = [];
  clearTimeout(open.timer);
  const one = open;
  one.timer = setTimeout(() => keepNow().catch(() => { one.dirty = true; }), SOON); // tried again, and said, at the end
  beginMaking();
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
  if (one.pending) await begin(one);
  const { source, mask, hardened } = await made(one);
  const before = sourceState().source;
  await restoreSource({ source, mask });
  if (before.width !== source.width || before.height !== source.height) setWithPicture({ width: source.width, height: source.height }, true);
  for (const [side, margin] of Object.entries(marginsOf(one))) set(`extend.${side}`, margin || "");
  if (hardened && !one.hardened) tell(t("canvas.hint.hard"));
  one.hardened = hardened;
  showHint();
}

/** Has the form start from a result that was only looked at so far. */
async function begin(one) {
  const extended = SIDES.some((side) => control(`extend.${side}`).value > 0);
  settle(one.pending);
  if (extended && !control("strength").value) set("strength", FIXING);
  one.pending = null;
  await restoreSource(one.state);
}

/** Has what stands on the canvas made; the canvas stays, and goes on from what comes of it. */
async function generate() {
  const one = open;
  if (one.closing) return;
  if (one.pending) one.dirty = true;
  try {
    await keepAll();
  } catch {
    return;
  }
  if (one !== open || one.closing) return;
  one.painted = false; // what is painted from here on isn't asked for
  if (plansFirst() || (await asked(true)) === null) return void finish(true); // what is to be seen next lies under the canvas
  one.asked = true;
  left.delete(one.state.source.turn.of);
  undone = [];
  run();
}

/** A picture came: if it is what was asked for here, and nothing was painted since, it is gone on from. */
async function arrive(row) {
  await showTurns();
  const one = open;
  const turn = one?.state.source.turn;
  if (!one?.asked || one.closing || opening || row?.turn?.talk !== turn.talk || row.turn.of !== turn.of) return;
  const state = isBusy(one) ? null : await stateOf(row.id);
  if (!state || one !== open) return;
  const typed = document.activeElement === byId("canvas-prompt") && byId("canvas-prompt");
  if (!(await lay(state, { undo: one.undo, mode: one.mode, pending: row, touched: one.touched }))) return;
  if (typed && typed.value === state.sentence) typed.select(); // the next sentence takes its place
  else if (document.activeElement === document.body) byId("canvas-paint").focus();
}

const isBusy = (one) => one.painted || isDrawing() || isPlacing();

/** Goes to a turn, by a click, or to what it was made of: what is painted here and not made yet is found here again. */
async function goTo(state, sentence = state?.sentence) {
  const one = open;
  if (!one || one.closing || opening) return false;
  if (!state) return void notice(t("gallery.lost"), { about: "gallery", bad: true });
  try {
    await keepAll();
  } catch {
    return false;
  }
  if (one.painted || one.asked) left.set(one.state.source.turn.of, { ...sourceState(), extend: marginsOf(one), sentence: byId("canvas-prompt").value });
  opening = true;
  const { source, mask, extend } = state;
  if (rowOf({ id: source.turn.of })) settle(source); // a photo has the size that it was given
  for (const side of SIDES) set(`extend.${side}`, extend[side] || "");
  if (sentence) set("prompt", sentence);
  await restoreSource({ source, mask }).finally(() => { opening = false; });
  return open === one && lay(sourceState(), { undo: one.undo, mode: one.mode, touched: true });
}

async function goToTurn(id) {
  if (!open || id === open.state.source.turn.of || !(await goTo(left.get(id) ?? (await stateOf(id))))) return;
  undone = [];
  describe();
  byId("canvas-turn-list").querySelector(`[data-turn="${id}"]`)?.focus();
}

/** Takes the last turn back: its mask and its sentence are there again; the turn stays in the list. */
async function undoTurn() {
  const id = open.state.source.turn.of;
  if (!(await goTo(await requestOf(id)))) return;
  open.painted = true; // it isn't left without being kept
  undone.push(id);
  describe();
  tell(t("canvas.turn.undone"));
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
  if (!one.closing) {
    one.closing = true; // a browser may close a dialog without asking
    await keepAll().catch(() => {});
  }
  open = null;
  putAway(one);
  dropTools();
  hidePicture();
  dropTurns();
  beginMaking();
  left.clear();
  undone = [];
}

function putAway(one) {
  clearTimeout(one.timer);
  letGo();
  drop(one);
}

function drop({ base, layers }) {
  base.close();
  layers.release();
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
  const steps = { undo: layers.done.length || hasBefore(), redo: layers.undone.length || undone.length };
  for (const [id, some] of Object.entries(steps)) byId(`canvas-${id}`).setAttribute("aria-disabled", String(!some));
  const [width, height] = framedSize(layers);
  const [from_width, from_height] = [plain.from?.width, plain.from?.height];
  byId("canvas-about").textContent = [t("canvas.size.out", { width, height }), plain.from ? t("canvas.from", { from_width, from_height }) : ""].filter(Boolean).join(", ");
}

const inOrder = (act) => (going = going.catch(() => {}).then(() => (open ? act() : undefined)));

function undo(back) {
  if (isDrawing()) return abort();
  return inOrder(() => step(back));
}

function step(back) {
  if (open.layers[back ? "undo" : "redo"]()) tell(t(back ? "canvas.undone" : "canvas.redone"));
  else if (back && hasBefore()) return undoTurn();
  else if (!back && undone.length) return redoTurn();
  return refit();
}

async function redoTurn() {
  const [id, others] = [undone.at(-1), undone.slice(0, -1)];
  if (await goTo(await stateOf(id))) undone = others;
  describe();
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
  act("canvas-generate", () => inOrder(generate));
  act("canvas-in", () => zoom(CLOSER));
  act("canvas-out", () => zoom(1 / CLOSER));
  act("canvas-fit", fit);
  act("canvas-invert", told("canvas.inverted", () => open.layers.invert()));
  act("canvas-clear", told("canvas.cleared", () => open.layers.clear(open.mode)));
  act("canvas-holes", told("canvas.painted", () => open.layers.addMask(open.holes)));
  byId("easel").addEventListener("pointerdown", () => { byId("canvas-keys").open = false; });
  for (const button of all("[data-mode]")) button.addEventListener("click", () => open && setMode(button.dataset.mode));
  byId("canvas-prompt").addEventListener("input", (event) => change("prompt", event.target.value));
  startStepping(byId("canvas-dialog").querySelector(".canvas-tools"), ({ id }) => (id === "canvas-size" ? { from: SIZES.from, min: SIZES.from, max: SIZES.most } : { from: 0, min: id === "canvas-feather" ? 0 : -longestSide(), max: id === "canvas-feather" ? 100 : longestSide() }));
}

function start() {
  const dialog = byId("canvas-dialog");
  const draws = () => open !== null && !opening && open.mode !== "frame" && !isPlacing();
  startTools();
  startFrame();
  startPlacing(() => open !== null, bring);
  startHands(draws, pointAt);
  startKeys({ undo: () => undo(true), redo: () => undo(false), generate: () => inOrder(generate), before: toggleBefore, escape, draws });
  startTurns((id) => inOrder(() => goToTurn(id)));
  startMaking(() => open?.state.source.turn ?? null, () => Boolean(open?.asked && !open.painted));
  whenGalleryChanges(({ added, made: here }) => { inOrder(() => arrive(here ? added[0] : null)); });
  startButtons();
  dialog.addEventListener("cancel", (event) => {
    if (event.target !== dialog) return; // a file was not chosen
    event.preventDefault();
    finish();
  });
  dialog.addEventListener("close", release);
  new ResizeObserver(() => { if (open) refit(); }).observe(byId("easel"));
  inEveryLanguage(() => { if (open) { setMode(open.mode); showTurns(); } });
}

start();
