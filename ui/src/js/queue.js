// The orders of this page in their line: what waits, what is made, and what came of it. Those that haven't ended are kept
// in the browser, each by itself, so that a reload loses none.

import { freshId, get, keys, put, remove, take } from "./database.js";
import { openTabs, tab } from "./tabs.js";

const PREFIX = "order ";
const ENDED = 30; // that are still told of
let [lowest, highest] = [0, 0]; // the places in the line that were given
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
  const from = first ? lowest - list.length : highest + 1;
  [lowest, highest] = [Math.min(lowest, from), Math.max(highest, from + list.length - 1)];
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
  if (state === "done") Object.assign(order, { wanted: { said: order.wanted.said, pictures: {} }, picture: null }); // nobody asks again
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

/** Puts back what was dropped, each in its place. */
export function putBack(list) {
  for (const order of list) keep(order);
  line.push(...list);
  sort();
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

/** Brings back what this tab had when it was left: `{ own, others }`, the latter of tabs that are gone. `copied`: was it
 * duplicated from another tab, whose own storage it has? */
export async function kept() {
  const found = [];
  for (const key of await keys("draft").catch(() => [])) {
    if (String(key).startsWith(PREFIX)) found.push(await get("draft", key).catch(() => undefined));
  }
  const { name, copied } = await tab;
  const there = found.filter(Boolean).sort((a, b) => a.at - b.at);
  const own = there.filter((one) => one.tab === name && !line.some((order) => order.id === one.id));
  const open = await openTabs();
  const others = open === null ? [] : there.filter((one) => one.tab !== name && !open.has(one.tab));
  return { own, others, copied };
}

/** Has what was kept wait again, what was being made first; not what another tab has taken meanwhile. Returns how many. */
export async function again(records) {
  const taken = await Promise.all(records.map(({ id }) => take("draft", PREFIX + id).catch(() => undefined)));
  const left = taken.filter(Boolean);
  const running = left.filter((one) => one.state === "running");
  enter([...running, ...left.filter((one) => one.state !== "running")].map((one) => one.wanted), { first: true });
  return left.length;
}

function sort() {
  const rank = { done: 0, failed: 0, cancelled: 0, running: 1, waiting: 2, aside: 3 };
  line = line.map((order, index) => [order, index]).sort(([a, i], [b, j]) => rank[a.state] - rank[b.state] || (rank[a.state] > 1 ? a.at - b.at : i - j)).map(([order]) => order);
  changedQueue();
}

/** Where the browser has no room it lasts for as long as the page is open. */
function keep({ id, at, state, wanted }) {
  tab.then(({ name }) => put("draft", PREFIX + id, { id, tab: name, at, state, wanted })).catch(() => {});
}

function forget({ id }) {
  tab.then(() => remove("draft", PREFIX + id)).catch(() => {});
}
