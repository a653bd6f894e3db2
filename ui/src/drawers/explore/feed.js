// A grid in the making: its cells go into the page's own line one after the other, one ahead of what is being made, so that
// other orders come between; what has become of each. It goes on after a reload, in the tab that began it.

import { rowOf, whenGalleryChanges } from "../../js/collection.js";
import { control } from "../../js/controls.js";
import { freshId, get, keys, put, remove } from "../../js/database.js";
import { byId, tell } from "../../js/dom.js";
import { t } from "../../js/i18n.js";
import { remember, remembered, rememberedHere, rememberHere } from "../../js/memory.js";
import { dismiss } from "../../js/notices.js";
import { drop, orders, whenQueueChanges } from "../../js/queue.js";
import { models } from "../../js/offers.js";
import { runAfter } from "../../js/run.js";
import { tab } from "../../js/tabs.js";
import { countOf, saidAt, turns } from "./kinds.js";

const HERE = "grid"; // in this tab's storage: the grid that goes on; in all tabs': the latest
const WHOLE = "grid "; // in the database: what it is
const STATE = "cells "; // and what has become of it
const LEAVING = 2000; // milliseconds in which a line that breaks off does so because the page goes
const OF_RECIPE = ["buckets", "template", "neg_template", "embeddings", "assisted"]; // of one picture, not of others
let grid = null; // { id, axes, said, body, pictures } and { state, made, errors }
let known = new Map(); // orders of cells in the line → their cells
let began = { time: 0, made: 0 }; // since when, and how many there were, for the time that is left
let asked = false; // is looking at the line asked for?
let lastFailed = null;
let left = -Infinity; // when the page was last asked to go
let tellOthers = () => {};

export const theGrid = () => grid;

/** What stands for a cell: `{ state, id, error, order }`; state is made, running, waiting, failed, aside or open. */
export function cellAt(at) {
  const order = [...known].find(([, place]) => place === at)?.[0];
  if (order) return { state: order.state, order };
  const id = grid.made[at];
  if (id !== undefined) return { state: "made", id };
  return grid.errors[at] === undefined ? { state: "open" } : { state: "failed", error: grid.errors[at] };
}

/** Has a grid of these axes made of what the form says. */
export async function startGrid(axes, { said, body, pictures }) {
  stopGrid();
  await forget();
  const base = { ...said };
  for (const name of [...OF_RECIPE, "count"]) delete base[name];
  if (base.seed === undefined && !axes.some(({ field }) => field === "seed" || field === "walk")) base.seed = someSeed();
  if (models().includes(control("model").value)) base.model ??= control("model").value; // what is the usual one may be another later
  const beside = Object.fromEntries(Object.entries(body).filter(([name]) => !(name in said) && name !== "assist"));
  take({ id: freshId(), axes, said: base, body: beside, pictures, state: "running", made: {}, errors: {} });
  const { state, made, errors, ...whole } = grid;
  await put("draft", WHOLE + grid.id, whole).catch(() => {}); // where there is no room, it lasts as long as the page is open
  remember(HERE, grid.id);
  goOn();
}

/** A seed that nobody has to read: of nine digits. */
export const someSeed = () => String(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000_000);

function take(found) {
  grid = found;
  known = new Map();
  lastFailed = null;
}

/** Goes on with what isn't made yet; not with what failed, which is asked for again cell by cell. */
export function goOn() {
  for (const [order] of known) if (order.state === "aside") { known.delete(order); drop(order); }
  grid.state = "running";
  began = { time: performance.now(), made: everMade() };
  rememberHere(HERE, grid.id);
  keep();
  feedSoon();
}

/** No more cells are sent; what is being made is taken to its end. */
export function stopGrid() {
  if (grid?.state !== "running") return;
  pause();
  for (const [order] of [...known]) if (order.state === "waiting") { known.delete(order); drop(order); }
  tellOthers();
}

/** Asks for a cell again that failed, or whose picture was deleted. */
export function again(at) {
  delete grid.errors[at];
  if (grid.made[at] !== undefined && !rowOf({ id: grid.made[at] })) delete grid.made[at];
  goOn();
}

function pause() {
  grid.state = "stopped";
  rememberHere(HERE, null);
  keep();
}

/** How many pictures there are: not those that were deleted since. */
export const madeCount = () => Object.values(grid.made).filter((id) => rowOf({ id })).length;

const everMade = () => Object.keys(grid.made).length;

/** Seconds until the rest is made, by those that were; null where none was yet. */
export function secondsLeft() {
  const done = everMade() - began.made;
  return done > 0 ? (((performance.now() - began.time) / 1000) / done) * (countOf(grid.axes) - everMade() - Object.keys(grid.errors).length) : null;
}

/** The request of a cell, as the line takes it. */
function wantedOf(at) {
  const said = saidAt(grid.said, grid.axes, at);
  return { said, pictures: grid.pictures, body: { ...grid.body, ...said, progress: true }, queued: true, batch: { id: grid.id, at } };
}

/** Feeds once the line is as it is to be: what changes it is only half done when it tells of that. */
function feedSoon() {
  if (!asked) queueMicrotask(feed);
  asked = true;
}

/** Looks what has become of the cells in the line, and puts the next into it. */
function feed() {
  if (performance.now() - left < LEAVING) return void setTimeout(feed, LEAVING); // for whoever stays after all
  asked = false;
  if (!grid) return undefined;
  do look(); while (grid.state === "running" && sendNext());
  return tellOthers();
}

function look() {
  const line = orders();
  for (const order of line) if (order.wanted.batch?.id === grid.id && ["running", "waiting", "aside"].includes(order.state)) known.set(order, order.wanted.batch.at);
  for (const [order, at] of [...known]) settle(order, at, line);
}

function settle(order, at, line) {
  if (order.state === "running" || (order.state === "waiting" && line.includes(order))) return;
  if (order.state === "aside" && line.includes(order)) { // there is nobody to send it to, as what failed before it has found
    if (lastFailed !== null) delete grid.errors[lastFailed];
    lastFailed = null;
    if (grid.state === "running") pause();
    return;
  }
  known.delete(order);
  lastFailed = null;
  if (order.state === "failed") {
    grid.errors[at] = order.error;
    lastFailed = at;
    drop(order);
  } else if (order.state === "done") {
    if (byId("explore-dialog").open) dismiss("done"); // one sees it here
    if (grid.made[at] === undefined) grid.errors[at] = t("explore.hidden");
  } else stopGrid(); // taken back: what is one ahead isn't made in its place
  keep();
}

/** Puts the next cell into the line where none waits there. True where it did. */
function sendNext() {
  const taken = new Set(known.values());
  const next = turns(grid.axes).find((at) => !taken.has(at) && grid.made[at] === undefined && grid.errors[at] === undefined);
  if (next === undefined && !taken.size) {
    grid.state = "done";
    rememberHere(HERE, null);
    keep();
    tell(t("explore.done", { n: madeCount(), of: countOf(grid.axes) }));
  }
  if (next === undefined || [...known.keys()].some((order) => order.state === "waiting")) return false;
  runAfter(wantedOf(next));
  return true;
}

function keep() {
  const { id, state, made, errors } = grid;
  put("draft", STATE + id, { state, made, errors }).catch(() => {});
}

/** A picture is there, is gone, or is back. What was deleted is only made again where somebody asks for it: a gallery that
 * keeps within its bounds would have a grid made without end. */
function follow({ added, removed }) {
  if (!grid) return;
  for (const row of added) {
    if (row.batch?.id !== grid.id) continue;
    grid.made[row.batch.at] = row.id;
    delete grid.errors[row.batch.at];
  }
  if (![...added, ...removed].some((row) => row.batch?.id === grid.id)) return;
  if (grid.state === "running") keep(); // another tab may only look on
  tellOthers();
}

/** Only the latest is kept. */
async function forget() {
  for (const key of await keys("draft").catch(() => [])) if (String(key).startsWith(WHOLE) || String(key).startsWith(STATE)) await remove("draft", key).catch(() => {});
}

/** The grid that was there before a reload, or the latest of any tab, which doesn't go on by itself. `act` whenever something changes. */
export async function startFeeding(act) {
  tellOthers = act;
  whenQueueChanges(feedSoon);
  whenGalleryChanges(follow);
  for (const way of ["beforeunload", "pagehide"]) addEventListener(way, () => { left = performance.now(); });
  if ((await tab).copied) rememberHere(HERE, null); // the tab that this is a duplicate of goes on with it
  const here = rememberedHere(HERE);
  const id = here ?? remembered(HERE, null);
  const [whole, cells] = await Promise.all([get("draft", WHOLE + id), get("draft", STATE + id)]).catch(() => []);
  if (!whole || !cells || grid) return;
  take({ ...whole, ...cells });
  if (grid.state !== "running") return tellOthers();
  if (here) return goOn();
  grid.state = "stopped";
  return tellOthers();
}
