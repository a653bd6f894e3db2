// The orders of this page in their line: what waits, what is made, and what came of it. Those that haven't ended are kept
// in the browser, each by itself, so that a reload loses none.

import { freshId, get, keys, put, remove } from "./database.js";

const PREFIX = "order ";
const ENDED = 30; // that are still told of
const LOCK = "imagine.tab ";
const tab = ownTab();
let line = []; // those that ended, the one that is made, those that wait
const listeners = new Set();

export const orders = () => line;
export const waiting = () => line.filter((order) => order.state === "waiting");

/** `act` whenever something in the line changes. */
export function whenQueueChanges(act) {
  listeners.add(act);
}

export function changedQueue() {
  for (const act of listeners) act();
}

/** Puts requests at the end of the line, or before all that wait. */
export function enter(list, { first = false } = {}) {
  const places = waiting().map((order) => order.at);
  const from = first ? Math.min(0, ...places) - list.length : Math.max(0, ...places) + 1;
  const fresh = list.map((wanted, index) => ({ id: freshId(), at: from + index, state: "waiting", wanted, said: "", part: null, picture: null, made: [], error: "" }));
  for (const order of fresh) keep(order);
  line.push(...fresh);
  sort();
}

/** The next in the line, which is made from now on. */
export function nextOrder() {
  const [order] = waiting();
  if (order) setState(order, "running");
  return order;
}

/** What became of one: `done`, `failed`, `cancelled`; or `aside`, which is kept like one that waits. */
export function setState(order, state, error = "") {
  Object.assign(order, { state, error, said: "" });
  if (state === "waiting" || state === "running" || state === "aside") keep(order);
  else forget(order);
  const ended = line.filter((one) => ["done", "failed", "cancelled"].includes(one.state));
  for (const old of ended.slice(0, -ENDED)) line.splice(line.indexOf(old), 1);
  sort();
}

/** Takes one out of the line. */
export function drop(order) {
  line = line.filter((one) => one !== order);
  forget(order);
  changedQueue();
}

/** Moves one that waits by so many places. */
export function move(order, by) {
  const all = waiting();
  const at = all.indexOf(order);
  const to = Math.max(0, Math.min(all.length - 1, at + by));
  if (at < 0 || at === to) return false;
  const places = all.map((one) => one.at);
  all.splice(to, 0, ...all.splice(at, 1));
  all.forEach((one, index) => {
    if (one.at === places[index]) return;
    one.at = places[index];
    keep(one);
  });
  sort();
  return true;
}

/** Brings back what this tab had when it was left: `{ own, others }`, the latter of tabs that are gone. */
export async function kept() {
  const found = [];
  for (const key of await keys("draft").catch(() => [])) {
    if (String(key).startsWith(PREFIX)) found.push(await get("draft", key).catch(() => undefined));
  }
  const there = found.filter(Boolean).sort((a, b) => a.at - b.at);
  const own = there.filter((one) => one.tab === tab && !line.some((order) => order.id === one.id));
  const open = await openTabs();
  const others = open === null ? [] : there.filter((one) => one.tab !== tab && !open.has(one.tab));
  return { own, others };
}

/** Has what was kept wait again, what was being made first. */
export function again(records) {
  for (const { id } of records) remove("draft", PREFIX + id).catch(() => {});
  const running = records.filter((one) => one.state === "running");
  enter([...running, ...records.filter((one) => one.state !== "running")].map((one) => one.wanted), { first: true });
}

function sort() {
  const rank = { done: 0, failed: 0, cancelled: 0, running: 1, waiting: 2, aside: 3 };
  line = line.map((order, index) => [order, index]).sort(([a, i], [b, j]) => rank[a.state] - rank[b.state] || (a.state === "waiting" ? a.at - b.at : i - j)).map(([order]) => order);
  changedQueue();
}

/** Where the browser has no room it lasts for as long as the page is open. */
function keep({ id, at, state, wanted }) {
  put("draft", PREFIX + id, { id, tab, at, state, wanted }).catch(() => {});
}

function forget({ id }) {
  remove("draft", PREFIX + id).catch(() => {});
}

/** What tells this tab from others, over a reload. */
function ownTab() {
  let name = freshId();
  try {
    name = sessionStorage.getItem(LOCK) ?? name;
    sessionStorage.setItem(LOCK, name);
  } catch { /* no storage: nothing is known after a reload */ }
  navigator.locks?.request(LOCK + name, () => new Promise(() => {}));
  return name;
}

/** The tabs that are open; null where a browser doesn't tell, as over plain http. */
async function openTabs() {
  if (!navigator.locks) return null;
  const { held = [] } = await navigator.locks.query();
  return new Set(held.map((lock) => lock.name.slice(LOCK.length)));
}
