// The stage: the pictures in the making, or those that were chosen. A run goes on while others are looked at.

import { Board } from "./board.js";
import { showDetails, startDetails } from "./details.js";
import { batchOf, entryOf, gallery, galleryPlace, rowOf, seenOf, whenGalleryChanges } from "./collection.js";
import { allow, byId, make, press, show } from "./dom.js";
import { drawer } from "./drawers.js";
import { change } from "./form.js";
import { markChosen } from "./gallery.js";
import { allWorded, duration, inEveryLanguage, language, t } from "./i18n.js";
import { rememberedHere, rememberHere } from "./memory.js";
import { dismiss, notice } from "./notices.js";
import { chosenModel } from "./offers.js";
import { expectedShape } from "./size.js";
import { undoToNow } from "./undo.js";

let board = null; // what is seen
let making = null; // the run's own, seen or not
let aside = null; // that of a run which ended while others were looked at
let latest = null; // that of the latest run, ended or not
let chosen = null;
let turn = 0; // how often something was to be seen: what takes long to open must not take the place of what came after
let byItself = { entry: null, index: 0 }; // of the run, what was chosen since nobody had chosen

export const chosenEntry = () => chosen;
export const seenBoard = () => board;

/** Makes room for `count` pictures in the making; where their turn has come by itself, not before who looks at others. */
export function begin(count, byItself) {
  const away = byItself && board !== null && board !== latest;
  if (!away) putAside(null);
  latest = making = new Board(count, expectedShape(), pick);
  if (away) return describeRun();
  see(making);
  return choose(null);
}

/** On a phone the stage lies below the form. */
export function bringIntoView() {
  if (innerWidth <= 860) byId("stage").scrollIntoView({ block: "start", behavior: "smooth" });
}

export const showPreview = (index, blob) => making?.preview(index, blob);

/** Puts `words` where a picture was being made that isn't to be shown. False where nobody looks there. */
export function showHidden(index, words) {
  making?.hide(index, words);
  return making !== null && board === making;
}

/** Puts a finished picture in its place; the first is chosen, whichever comes first, where nobody looks at others. */
export async function showFinished(index, entry, blob) {
  const run = making; // it may have ended once the picture is in its place
  await run?.fill(index, entry, blob);
  if (!run || board !== run) return undefined;
  const first = chosen === byItself.entry && index < byItself.index;
  if (chosen && !first) return run.mark(chosen);
  byItself = { entry, index };
  return choose(entry);
}

/** Ends the run: places of pictures that didn't come go; whoever looks at others is told that these are done. */
export async function end() {
  const ended = making;
  making = null;
  ended.end();
  describeRun();
  if (board === ended) {
    if (ended.tiles.length === 0) await showFirst();
    return;
  }
  if (ended.entries.length === 0) return;
  putAside(ended);
  const act = () => { aside = null; see(ended); choose(ended.entries[0]); };
  notice(t("run.done", { n: ended.entries.length }), { about: "done", action: { text: t("run.show"), act }, said: true });
}

/** Shows a picture: in its place where that is seen, else alone, or with the others of `batch`. */
export async function showEntry(one, batch = [one]) {
  const own = ++turn;
  const there = board?.find(one);
  if (there) return choose(there);
  const entries = (await Promise.all(batch.map(entryOf))).filter(Boolean);
  const shown = new Board(entries.length, one.width / one.height, pick);
  await Promise.all(entries.map(async (entry, at) => shown.fill(at, entry, await seenOf(entry))));
  if (own !== turn || !entries.length) return shown.release();
  see(shown);
  choose(shown.find(one) ?? entries[0]);
  return undefined;
}

/** Shows what isn't kept: nothing is chosen meanwhile, and its `release` is called once something else is seen. */
export function showDraft(draft) {
  see(draft);
  choose(null);
}

/** Chooses the picture in that place of those that are seen. */
export function chooseAt(place) {
  const entry = board?.entries[place];
  if (entry) choose(entry, true);
}

/** Chooses the one beside it, `across` and `down` as they lie; where one is alone, its neighbour in the gallery. */
export function chooseBeside(across, down) {
  if (!chosen || !board) return;
  const { entries, columns } = board;
  const place = entries.findIndex(({ id }) => id === chosen.id) + across + down * columns;
  if (entries.length > 1) return chooseAt(place);
  const next = gallery()[galleryPlace(chosen) + across + down];
  if (next) showEntry(next);
}

/** What was chosen when the page was loaded anew, else the latest. */
export async function showLatest() {
  const entry = gallery().find(({ id }) => id === rememberedHere("chosen"));
  return entry && board === null ? showEntry(entry, batchOf(entry)) : showFirst();
}

/** The latest picture, or that there is none yet. */
async function showFirst() {
  if (board && board === making) return;
  if (gallery()[0]) return showEntry(gallery()[0], batchOf(gallery()[0]));
  see(null);
  choose(null);
}

/** Pictures are no longer kept: they go from the stage, and a neighbour is chosen. Returns what puts them back. */
export async function takeAway(rows, neighbour) {
  const [seen, before] = [board, chosen];
  const ids = new Set(rows.map(({ id }) => id));
  const at = seen?.entries.findIndex(({ id }) => ids.has(id)) ?? -1;
  const restore = at < 0 ? null : seen.drop(ids);
  const back = async () => {
    restore?.();
    if (!ids.has(before?.id)) return;
    if (board !== seen || !restore) await showEntry(before);
    else choose(before);
  };
  if (!ids.has(chosen?.id)) return back;
  const next = seen.entries[at] ?? seen.entries[at - 1];
  if (next || seen === making) choose(next ?? null);
  else if (neighbour) await showEntry(neighbour);
  else await showFirst();
  return back;
}

export function startStage() {
  byId("run-show").addEventListener("click", () => {
    if (!making) return;
    see(making);
    choose(making.entries[0] ?? null);
  });
  new ResizeObserver(() => board?.arrange()).observe(byId("board"));
  startDetails();
  whenGalleryChanges(({ removed, elsewhere }) => { describeStar(); if (elsewhere !== false && removed.length) takeAway(removed, elsewhere); });
  inEveryLanguage(() => { describe(); examples(); });
}

/** Prompts to begin with: what the chosen model says that it can paint, else general ones. */
export function examples() {
  const own = chosenModel()?.examples ?? {};
  const prompts = own[language()] ?? Object.values(own)[0] ?? t("examples");
  byId("examples").replaceChildren(...prompts.map((prompt) => make("button", {
    type: "button", className: "chip", onclick: () => begun(prompt),
  }, prompt)));
}

function begun(prompt) {
  const written = byId("f-prompt").value.trim();
  const action = undoToNow();
  change("prompt", prompt);
  byId("f-prompt").focus();
  if (written && written !== prompt) notice(t("prompt.replaced"), { about: "prompt", action });
}

function see(next) {
  const before = board;
  board = next;
  turn += 1;
  byId("board").replaceChildren(...(next ? [next.element] : []));
  show(byId("board"), next !== null);
  show(byId("empty"), next === null);
  next?.arrange();
  if (before && before !== next && before !== making) before.release();
  describeRun();
}

/** What was put aside before, and never looked at, takes no more room. */
function putAside(ended) {
  aside?.release();
  aside = ended;
  dismiss("done");
}

function describeRun() {
  show(byId("run-away"), making !== null && board !== making);
}

function pick(entry) {
  if (chosen?.id === entry.id) view(entry);
  else choose(entry);
}

/** Shows a picture by itself, as large as the window. */
export const view = async (entry) => (await drawer("viewer"))?.view(entry);

function describeStar() {
  press(byId("do-star"), Boolean(chosen && rowOf(chosen)?.star));
}

function choose(entry, byKey = false) {
  chosen = entry;
  rememberHere("chosen", entry?.id ?? null);
  board?.mark(entry, byKey);
  markChosen(entry);
  describe();
}

function describe() {
  show(byId("about"), chosen !== null);
  allow(byId("seed-keep"), chosen ? "" : t("seed.none"));
  showDetails(chosen);
  describeStar();
  if (!chosen) return;
  const { meta, timings, width, height, seed, language } = chosen;
  const warnings = allWorded(chosen);
  const seconds = Object.values(timings).reduce((sum, value) => sum + value, 0);
  const parts = [`${width} × ${height}`, meta.model, meta.num_steps ? t("about.steps", { n: meta.num_steps }) : "", meta.sampler, seed ? t("about.seed", { seed }) : "", seconds ? t("about.seconds", { time: duration(seconds) }) : ""];
  byId("about-text").textContent = parts.filter(Boolean).join(" · ");
  byId("warnings").replaceChildren(...warnings.map((warning) => make("li", { lang: language ?? "en" }, warning)));
  show(byId("warnings"), warnings.length > 0);
}
