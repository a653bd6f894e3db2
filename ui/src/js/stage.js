// The stage: the pictures in the making, or those that were chosen. A run goes on while others are looked at.

import { Board } from "./board.js";
import { showDetails, startDetails } from "./details.js";
import { byId, make, show } from "./dom.js";
import { change } from "./form.js";
import { fileOf, gallery, markChosen } from "./gallery.js";
import { allWorded, duration, inEveryLanguage, language, t } from "./i18n.js";
import { dismiss, notice } from "./notices.js";
import { chosenModel } from "./offers.js";
import { expectedShape } from "./size.js";
import { undoToNow } from "./undo.js";
import { view } from "./viewer.js";

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
  notice(t("run.done", { n: ended.entries.length }), { about: "done", action: { text: t("run.show"), act } });
}

/** Shows a picture: in its place where that is seen, else alone. */
export async function showEntry(entry) {
  const own = ++turn;
  if (board?.has(entry)) return choose(entry);
  const blob = await fileOf(entry);
  const alone = new Board(1, entry.width / entry.height, pick);
  await alone.fill(0, entry, blob ?? entry.thumb);
  if (own !== turn) return alone.release();
  see(alone);
  choose(entry);
  return undefined;
}

/** What is seen first: the latest picture, or that there is none yet. */
export async function showFirst() {
  if (board && board === making) return;
  if (gallery()[0]) return showEntry(gallery()[0]);
  see(null);
  choose(null);
}

/** A picture is no longer kept: it goes from the stage, and its neighbour is chosen. Returns what puts it back. */
export async function takeAway(entry, neighbour) {
  const seen = board;
  const at = seen?.entries.indexOf(entry) ?? -1;
  const restore = at < 0 ? null : seen.drop(entry);
  const back = async () => {
    restore?.();
    if (board !== seen || !restore) await showEntry(entry);
    else choose(entry);
  };
  if (entry !== chosen) return back;
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
  if (chosen === entry) view(entry);
  else choose(entry);
}

function choose(entry) {
  chosen = entry;
  board?.mark(entry);
  markChosen(entry);
  describe();
}

function describe() {
  show(byId("about"), chosen !== null);
  byId("seed-keep").disabled = chosen === null;
  showDetails(chosen);
  if (!chosen) return;
  const { meta, timings, width, height, seed, language } = chosen;
  const warnings = allWorded(chosen);
  const seconds = Object.values(timings).reduce((sum, value) => sum + value, 0);
  const parts = [`${width} × ${height}`, meta.model, meta.num_steps ? t("about.steps", { n: meta.num_steps }) : "", meta.sampler, seed ? t("about.seed", { seed }) : "", seconds ? t("about.seconds", { time: duration(seconds) }) : ""];
  byId("about-text").textContent = parts.filter(Boolean).join(" · ");
  byId("warnings").replaceChildren(...warnings.map((warning) => make("li", { lang: language ?? "en" }, warning)));
  show(byId("warnings"), warnings.length > 0);
}
