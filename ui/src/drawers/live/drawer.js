// Redrawn while one writes: after each pause one draft, of one seed, which isn't kept before Generate is asked for it.

import { assistsStraight, plansFirst } from "../../js/assistant.js";
import { batchOf, keepPicture, rowOf, whenGalleryChanges } from "../../js/collection.js";
import { control } from "../../js/controls.js";
import { allow, byId, show, tell } from "../../js/dom.js";
import { whenChanged } from "../../js/form.js";
import { duration, inEveryLanguage, t } from "../../js/i18n.js";
import { remember, remembered, whenRemembered } from "../../js/memory.js";
import { blobFrom, paint } from "../../js/pictures.js";
import { whenQueueChanges } from "../../js/queue.js";
import { asked, isRunning, whenAsked } from "../../js/run.js";
import { chosenEntry, seenBoard, showDraft, showEntry, showLatest } from "../../js/stage.js";
import { Board } from "../../js/board.js";
import { forgetWish, isMaking, wish } from "./asking.js";
import { essenceOf, expected, QUICK, quickOf } from "./draft.js";
import { learnPace, lookBack } from "./pace.js";
import { spares, whenSpared } from "./sparing.js";

const PAUSE = matchMedia("(pointer: coarse)").matches ? 700 : 350; // milliseconds without a key: thumbs are slower
const NARROW = matchMedia("(max-width: 860px)"); // where the stage lies below the form
const board = new Board(1, 1, () => {});
let seed = freshSeed();
let timer = 0;
let turn = 0; // of what the form was looked at for
let last = null; // what a draft was last asked for of
let touched = false; // nothing is drawn by itself: not what a reload brings back
let draft = null; // the one that is seen: { line, blob, said, pictures, whole }
let before = null; // what was chosen before it
let failure = "";
let greeted = false;

const isOn = () => byId("redraw").checked;
const isSeen = () => draft !== null && seenBoard() === board;
const goes = () => isOn() && !isRunning() && !document.hidden && why() === "";

/** Why nothing can be redrawn now; "" where it can. */
function why() {
  if (plansFirst() || assistsStraight()) return t("redraw.assistant");
  const { seconds } = expected();
  if (seconds === null) return t("redraw.unknown");
  if (seconds > QUICK) return t("redraw.slow", { time: duration(seconds), most: duration(QUICK) });
  return spares() && t(spares());
}

function startLive() {
  byId("redraw-room").append(byId("redraw-row"));
  byId("redraw").checked = remembered("redraw", false);
  byId("redraw").addEventListener("change", () => { remember("redraw", isOn()); switched(); });
  whenRemembered("redraw", (text) => { byId("redraw").checked = JSON.parse(text); switched(); });
  for (const kind of ["input", "click", "drop", "paste"]) addEventListener(kind, () => { touched = true; }, { capture: true, once: true });
  for (const kind of ["input", "change", "click"]) byId("beside").addEventListener(kind, changed);
  byId("redraw-keep").addEventListener("click", () => { byId("generate").click(); byId("stage").focus({ preventScroll: true }); });
  byId("redraw-seed").addEventListener("click", () => { seed = freshSeed(); look(); });
  byId("redraw-off").addEventListener("click", () => { byId("redraw").click(); byId("f-prompt").focus({ preventScroll: true }); });
  board.release = left;
  whenAsked(kept);
  whenChanged(changed);
  whenQueueChanges(() => { if (isRunning()) stop(); });
  whenGalleryChanges(describe);
  whenSpared(changed);
  for (const id of ["assist", "assist-straight"]) byId(id).addEventListener("change", changed);
  document.addEventListener("visibilitychange", () => { if (document.hidden) hide(); else changed(); });
  NARROW.addEventListener("change", place);
  place();
  inEveryLanguage(() => { describe(); describeDraft(); });
}

/** A seed that no number is too small for: 63 bits. */
function freshSeed() {
  return String(crypto.getRandomValues(new BigUint64Array(1))[0] >> 1n);
}

function place() {
  if (NARROW.matches) byId("words").after(byId("redraw-about"));
  else byId("stage").append(byId("redraw-about"));
}

function switched() {
  greeted = false;
  last = null;
  if (isOn()) return changed();
  stop();
  fail("");
  describe();
  return leave();
}

function changed() {
  clearTimeout(timer);
  if (isOn()) timer = setTimeout(look, PAUSE);
  describe();
}

/** Looks what the form says now, and has it drawn where that is something else than before. */
async function look() {
  const own = ++turn;
  const wanted = goes() ? await asked(true) : null;
  if (own !== turn || wanted === null || !goes()) return;
  const body = quickOf(wanted.body, seed);
  const said = essenceOf(body);
  if (said === last) return;
  last = said;
  if (!touched) return;
  const whole = said === essenceOf({ ...wanted.body, seed: body.seed, count: 1 });
  wish({ body, done: (line) => done(line, { said, pictures: wanted.pictures, whole }), failed: (error) => fail(t("redraw.not", { why: error.words })) }).then(describeDraft);
  describeDraft();
}

async function done(line, about) {
  learnPace(line);
  describe();
  const blob = blobFrom(line.img, "image/png");
  await Promise.all([board.preview(0, blob), paint(byId("redraw-small"), blob)]);
  if (!goes()) return;
  if (!isSeen()) before = chosenEntry();
  draft = { line, blob, ...about };
  failure = "";
  if (seenBoard() !== board) showDraft(board);
  if (!greeted) tell(t("redraw.there")); // once, not at each word
  greeted = true;
}

function fail(sentence) {
  if (sentence && sentence !== failure) tell(sentence); // once, not at each word
  failure = sentence;
  describeDraft();
}

/** Whatever is being drawn comes to nothing. */
function stop() {
  clearTimeout(timer);
  turn += 1;
  forgetWish();
}

/** Nothing is drawn for whoever looks elsewhere; what was being drawn is drawn once they are back. */
function hide() {
  if (isMaking()) last = null;
  stop();
}

/** Gives the stage back. */
async function leave() {
  if (!isSeen()) return;
  if (before && rowOf(before)) await showEntry(before, batchOf(before));
  else await showLatest();
}

/** Something else is seen by now. */
function left() {
  draft = null;
  describeDraft();
}

/** Generate keeps a draft that is what it would make; what is more than the draft it makes with the draft's seed. */
async function kept(wanted) {
  if (!isOn()) return false;
  const own = isSeen() || isMaking();
  stop();
  if (plansFirst()) return false; // it is a wish by now
  if (own) for (const said of [wanted.body, wanted.said]) said.seed ??= seed;
  last = essenceOf(quickOf(wanted.body, seed));
  if (!isSeen() || essenceOf(wanted.body) !== draft.said) return false;
  const { line, blob, pictures } = draft;
  draft = null; // pressed twice, it isn't kept twice
  const { warnings, notes, timings } = line;
  await showEntry(await keepPicture({ blob, meta: { ...line.meta, seed: String(line.seed) }, warnings, notes, timings, sources: pictures, turn: wanted.turn }));
  tell(t("live.done", { n: 1, seed: line.seed }));
  return true;
}

async function describe() {
  const reason = why();
  allow(byId("redraw"), isOn() ? "" : reason);
  byId("redraw-hint").textContent = reason || t("redraw.hint");
  if (await lookBack(control("model").value)) changed();
}

function describeDraft() {
  const seen = isSeen();
  show(byId("redraw-about"), seen || (isOn() && failure !== ""));
  show(byId("redraw-acts"), seen);
  show(byId("redraw-text"), seen);
  show(byId("redraw-small"), seen);
  byId("redraw-note").textContent = failure || (seen && !draft.whole ? t("redraw.differs") : "");
  if (!seen) return;
  const { meta, timings } = draft.line;
  board.tiles[0].canvas.setAttribute("aria-label", t("redraw.alt", { prompt: meta.prompt }));
  show(byId("redraw-seed"), control("seed").value.trim() === "");
  const seconds = Object.values(timings).reduce((sum, value) => sum + value, 0);
  const size = `${board.tiles[0].canvas.width} × ${board.tiles[0].canvas.height}`;
  const facts = [t("redraw.draft"), size, t("about.steps", { n: meta.num_steps }), t("about.seed", { seed: draft.line.seed }), isMaking() ? t("redraw.making") : t("about.seconds", { time: duration(seconds) })];
  byId("redraw-text").textContent = facts.join(" · ");
}

startLive();
