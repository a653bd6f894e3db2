// What was made, newest first: a short row of each picture in memory, all else in the browser's database. Open tabs have
// the same: what one keeps, changes or deletes, it tells the others.

import { divide, everything, freshId, get, isBlocked, isTaken, keeps, keys, several, whenBlocked, write } from "./database.js";
import { language, t } from "./i18n.js";
import { dismiss, notice } from "./notices.js";
import { thumbnail } from "./pictures.js";

const SIDE = 320;
const AT_ONCE = 2000; // rows that are read together
const APART = 40; // old entries that are taken apart together
const DIGEST = /^[0-9a-f]{64}$/;
let rows = []; // newest first
let index = new Map(); // the same by their ids
const unsaved = new Map(); // id → { entry, file, thumb, changes }, where the browser had no room, or hasn't written them yet
const leaving = new Set(); // ids of those that are being deleted
const listeners = new Set();
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("imagine.gallery") : null;

export const gallery = () => rows;
export const galleryPlace = ({ id }) => rows.findIndex((row) => row.id === id);
export const rowOf = ({ id }) => index.get(id);

/** The pictures that were made together with this one and are still here, it among them, in their order. */
export function batchOf(one) {
  const batch = rowOf(one)?.batch;
  return batch ? rows.filter((row) => row.batch?.id === batch.id).sort((a, b) => a.batch.at - b.batch.at) : [one];
}

/** `act({ added, removed, changed, made, elsewhere })` whenever something is kept, deleted or changed: rows each; was it made here just
 * now; and of another tab the neighbour, or null, of what it has deleted, else false. */
export function whenGalleryChanges(act) {
  listeners.add(act);
}

/** Keeps a finished picture, with the pictures that it was made from; `batch`: `{ id, at }` of one that was made with others;
 * `turn`: `{ talk, of, work }` of one that was made in a conversation, of which. */
export async function keepPicture({ blob, meta, warnings = [], notes = [], timings = {}, sources = {}, batch = null, turn = null }) {
  const { thumb, width, height } = await thumbnail(blob, SIDE);
  const entry = { id: freshId(), time: now(), seed: String(meta.seed ?? ""), meta, warnings, notes, timings, width, height, language: language(), turn };
  const row = shortOf(entry, blob.size + thumb.size, batch);
  const pictures = picturesOf(meta, sources).map(([digest, picture]) => ["sources", digest, picture]);
  const changes = [...pictures, ["files", entry.id, blob], ["thumbs", entry.id, thumb], ["entries", entry.id, entry], ["rows", entry.id, row]];
  unsaved.set(entry.id, { entry, file: blob, thumb, changes });
  insert([row]);
  await save(changes, row);
  if (!unsaved.has(entry.id)) saveOthers();
  tell({ added: [row], made: true });
  return { ...entry, thumb };
}

async function save(changes, row) {
  try {
    await write(changes);
    unsaved.delete(row.id);
    if (await keeps()) tabs?.postMessage({ added: [row] });
    else if (!isBlocked()) notice(t("gallery.off"), { about: "gallery", bad: true });
  } catch {
    sayUnkept();
  }
}

const sayUnkept = () => notice(t(isTaken() ? "gallery.newer" : "gallery.full"), { about: "gallery", bad: true });

/** What the browser had no room for: there may be some by now. */
async function saveOthers() {
  if (!unsaved.size) return;
  await Promise.all([...unsaved].map(([id, { changes }]) => save(changes, index.get(id))));
  if (!unsaved.size) dismiss("gallery");
}

/** No two of a page at the same time: their order stays the same whoever reads them. */
function now() {
  const [time, last] = [Date.now(), rows[0]?.time ?? 0];
  return last >= time && last < time + 1000 ? last + 1 : time;
}

/** What is looked through. */
function shortOf({ id, time, seed, meta, width, height, turn }, bytes, batch = null) {
  const also = [meta.assisted?.wish, ...partsOf(meta, "loras").map((one) => one?.name ?? "")].filter(Boolean).join(" ");
  return { id, time, seed, width, height, bytes, batch, star: false, prompt: meta.prompt ?? "", model: meta.model ?? "", sampler: meta.sampler ?? "", also, from: digestsOf(meta), turn: turn && { talk: turn.talk, of: turn.of } };
}

const partsOf = (meta, name) => (Array.isArray(meta[name]) ? meta[name] : []);

/** The digests of the pictures that a recipe names. */
const digestsOf = (meta) => [meta.img, meta.mask, ...partsOf(meta, "control").map((one) => one.image), ...partsOf(meta, "references").flatMap((one) => [one.img, one.mask])].filter((digest) => DIGEST.test(digest ?? ""));

/** Which picture each digest is: of the form's references a recipe may lack the first, which is then what it started from. */
function picturesOf(meta, { img, mask, control = [], references = [] }) {
  const recorded = partsOf(meta, "references");
  const started = recorded.length < references.length && meta.img && !img ? references[0] : img;
  const attended = references.slice(references.length - recorded.length);
  return [
    [meta.img, started], [meta.mask, mask], ...partsOf(meta, "control").map((one, at) => [one.image, control[at]]),
    ...recorded.map((one, at) => [one.img, recorded.length > references.length ? (at === 0 ? img : references[at - 1]) : attended[at]]),
  ].filter(([digest, picture]) => digest && picture);
}

/** All that is told of a picture, by its row; undefined where it is gone. */
export const entryOf = async (one) => (one.meta ? one : (unsaved.get(one.id)?.entry ?? (await get("entries", one.id))));

/** The PNG itself; undefined where the browser has lost it. */
export const fileOf = async ({ id }) => unsaved.get(id)?.file ?? (await get("files", id));

/** Small pictures, in the order of their rows; undefined where the browser has lost one. */
export async function thumbsOf(some) {
  const found = await several("thumbs", some.map(({ id }) => id));
  const elsewhere = async ({ id }) => unsaved.get(id)?.thumb ?? (await get("entries", id))?.thumb; // of an earlier page
  return Promise.all(found.map((thumb, at) => thumb ?? elsewhere(some[at])));
}

/** What can be shown of a picture. */
export const seenOf = async (one) => (await fileOf(one)) ?? (await thumbsOf([one]))[0];

/** The picture of `digest` that pictures were made from, if it is here. */
export const sourceOf = (digest) => (digest ? get("sources", digest) : undefined);

/** Marks pictures with a star, or takes it away. */
export async function star(some, on) {
  const those = some.map(rowOf).filter((row) => row && row.star !== on);
  for (const row of those) row.star = on;
  tell({ changed: those });
  try {
    await write(those.filter(({ id }) => !unsaved.has(id)).map((row) => ["rows", row.id, row]));
    tabs?.postMessage({ changed: those });
  } catch {
    sayUnkept();
  }
}

/** Deletes pictures, and what only they were made from. Returns what brings them back; null where none is left to delete. */
export async function deletePictures(some) {
  const those = some.map(rowOf).filter((row) => row && !leaving.has(row.id));
  if (!those.length) return null;
  for (const { id } of those) leaving.add(id);
  try {
    return await takeOut(those);
  } finally {
    for (const { id } of those) leaving.delete(id);
  }
}

async function takeOut(those) {
  const ids = those.map(({ id }) => id);
  const left = new Set(rows.filter((row) => !leaving.has(row.id)).flatMap((row) => row.from));
  const orphans = [...new Set(those.flatMap((row) => row.from))].filter((digest) => !left.has(digest));
  const places = [...["entries", "files", "thumbs"].map((store) => [store, ids]), ["sources", orphans]];
  const held = new Map(ids.map((id) => [id, unsaved.get(id)]).filter(([, one]) => one));
  const kept = [];
  for (const [store, wanted] of places) (await several(store, wanted)).forEach((value, at) => kept.push([store, wanted[at], value]));
  const whole = new Set(kept.filter(([store, , value]) => store === "entries" && value).map(([, id]) => id)); // not what another tab was faster with
  for (const row of those) kept.push(["rows", row.id, whole.has(row.id) ? row : undefined]);
  await write(kept.map(([store, key]) => [store, key]));
  for (const id of ids) unsaved.delete(id);
  take(ids);
  tell({ removed: those });
  tabs?.postMessage({ removed: ids });
  saveOthers();
  return async () => {
    for (const [id, one] of held) unsaved.set(id, one);
    await write(kept.filter(([, , value]) => value !== undefined));
    const back = those.filter(({ id }) => whole.has(id) || held.has(id));
    insert(back);
    tell({ added: back });
    tabs?.postMessage({ added: back });
  };
}

/** Puts rows where they belong by their time. */
function insert(some) {
  const fresh = some.filter((row) => !index.has(row.id));
  for (const row of fresh) index.set(row.id, row);
  if (fresh.length === 1) {
    const place = rows.findIndex((row) => row.time < fresh[0].time);
    rows.splice(place < 0 ? rows.length : place, 0, fresh[0]);
  } else if (fresh.length) rows = [...rows, ...fresh].sort((a, b) => b.time - a.time);
}

function take(ids) {
  for (const id of ids) index.delete(id);
  rows = rows.filter((row) => index.has(row.id));
}

function tell({ added = [], removed = [], changed = [], made = false, elsewhere = false }) {
  for (const act of listeners) act({ added, removed, changed, made, elsewhere });
}

/** What another tab has kept, deleted or changed. */
function follow({ data: { added = [], removed = [], changed = [] } }) {
  if (![added, removed, changed].every(Array.isArray)) return; // of an older page
  const lost = removed.map((id) => index.get(id)).filter(Boolean);
  const place = rows.findIndex(({ id }) => removed.includes(id));
  insert(added);
  take(removed);
  for (const row of changed) Object.assign(index.get(row.id) ?? {}, row);
  tell({ added, removed: lost, changed, elsewhere: rows[place] ?? rows[place - 1] ?? null });
}

/** Reads the rows, and takes apart what earlier pages have kept. */
export async function startCollection() {
  whenBlocked((how) => {
    if (how !== "free") return notice(t(how === "newer" ? "gallery.newer" : "gallery.older"), { about: "gallery", bad: true });
    dismiss("gallery");
    return readAll();
  });
  await readAll();
}

async function readAll() {
  const meanwhile = [];
  if (tabs) tabs.onmessage = (message) => meanwhile.push(message);
  const found = [];
  try {
    found.push(...(await everything("rows", AT_ONCE)));
    found.push(...(await older(found)));
  } catch { /* what can't be read isn't shown */ }
  insert(found);
  tell({ added: found });
  if (tabs) tabs.onmessage = follow;
  meanwhile.forEach(follow);
}

/** Rows of what earlier pages have kept: taken apart, or, where that can't be now, as it is. */
async function older(found) {
  const known = new Set(found.map(({ id }) => id));
  const old = (await keys("entries")).filter((id) => !known.has(id));
  const made = [];
  for (let at = 0; at < old.length; at += APART) {
    const some = old.slice(at, at + APART);
    try {
      made.push(...(await divide(some, shortOf)));
    } catch {
      for (const entry of await several("entries", some)) if (entry) made.push(shortOf(entry, 0));
    }
  }
  return made;
}
