// Which tab this is, over a reload, and which pictures are in its form: each has its own, and a new one begins with the
// latest of any.

import { freshId, get, keys, put, remove } from "./database.js";

const LOCK = "imagine.tab ";
const LEFT = "imagine.left"; // in this tab's own storage: the page that was here before has gone
const OF = " of ";
const CLOSED = 5; // tabs that are gone whose pictures stay, should one of them come back
export const tab = ownTab();
tab.then(forgetClosed).catch(() => {});

/** The tabs that are open; null where a browser doesn't tell, as over plain http. */
export async function openTabs() {
  if (!navigator.locks) return null;
  const { held = [] } = await navigator.locks.query();
  return new Set(held.map((lock) => lock.name.slice(LOCK.length)));
}

/** Keeps what is in this tab's form; null: nothing is. Where nobody tells which tabs are open, they have one together. */
export async function keepDraft(name, value) {
  const { name: own } = await tab;
  if (navigator.locks) await put("draft", name + OF + own, { value, time: Date.now() });
  await (value === null ? remove("draft", name) : put("draft", name, value));
}

/** What was in it; null for nothing. */
export async function draft(name) {
  const { name: own } = await tab;
  const kept = navigator.locks && (await get("draft", name + OF + own));
  return kept ? kept.value : ((await get("draft", name)) ?? null);
}

async function forgetClosed({ name: own }) {
  const open = await openTabs();
  if (open === null) return;
  const found = new Map(); // by tab: its keys, and when the latest was written
  for (const key of await keys("draft")) {
    const [, of] = String(key).split(OF);
    if (!of || of === own || open.has(of)) continue;
    const { list = [], time = 0 } = found.get(of) ?? {};
    found.set(of, { list: [...list, key], time: Math.max(time, (await get("draft", key))?.time ?? 0) });
  }
  const old = [...found.values()].sort((a, b) => b.time - a.time).slice(CLOSED);
  for (const key of old.flatMap(({ list }) => list)) await remove("draft", key);
}

/** What tells this tab from others, over a reload: not a name that it was duplicated with, whose tab is still there. */
async function ownTab() {
  let name = null;
  let copied = false;
  try {
    name = sessionStorage.getItem(LOCK);
    const left = sessionStorage.getItem(LEFT) !== null;
    sessionStorage.removeItem(LEFT);
    addEventListener("pageshow", () => sessionStorage.removeItem(LEFT)); // it may come back as it was
    addEventListener("pagehide", () => sessionStorage.setItem(LEFT, "1"));
    copied = name !== null && !left && Boolean((await openTabs())?.has(name));
    if (copied) name = null;
    name ??= freshId();
    sessionStorage.setItem(LOCK, name);
  } catch { /* no storage: nothing is known after a reload */ }
  name ??= freshId();
  navigator.locks?.request(LOCK + name, () => new Promise(() => {})).catch(() => {}); // where a browser forbids them, nobody knows
  return { name, copied };
}
