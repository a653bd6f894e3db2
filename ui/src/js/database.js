// The browser's database: what was made, its files, the pictures it was made from, and the input picture of now.
//
//   rows      { id, time, … }   of each picture what is looked through: short, all of them in memory
//   thumbs    id → a small picture
//   entries   id → { id, time, seed, meta, warnings, notes, timings, width, height, language }   all that is told of it
//   files     id → the PNG
//   sources   digest → a picture that pictures were made from: kept once, as long as one of them is
//   draft     "img", "mask", … → the input of now, "… of TAB" that of a tab; "order ID" → what waits in a line, or is made
//
// Before version 2 entries held their small pictures themselves, and there were no rows: `divide` takes those apart.
// Where there is no database (a private window), memory stands in for it.

const STORES = ["entries", "files", "sources", "draft", "rows", "thumbs"];
const VERSION = 2;
let opening = null;
let memory = null;
let blocked = false;
let taken = false;
let tellBlocked = () => {};

/** Are pictures kept when the page is closed? */
export async function keeps() {
  await database();
  return memory === null;
}

/** Does an older page in another tab keep this one from the database? Until it is closed memory stands in. */
export const isBlocked = () => blocked;

/** Has a newer page in another tab taken the database? Nothing is kept from then on. */
export const isTaken = () => taken;

/** `act(how)`: "older" where such a page does, "free" once it doesn't, "newer" where a newer one has taken the database. */
export function whenBlocked(act) {
  tellBlocked = act;
  if (blocked) act("older");
}

/** Writes in one piece or not at all: `[store, key, value]` each; undefined takes out. */
export async function write(changes) {
  if (!changes.length) return; // a transaction of no store is an error
  const db = await database();
  if (db === null) {
    for (const [store, key, value] of changes) value === undefined ? memory[store].delete(key) : memory[store].set(key, value);
    return;
  }
  await whole(db, [...new Set(changes.map(([store]) => store))], "readwrite", (at) => {
    for (const [store, key, value] of changes) value === undefined ? at(store).delete(key) : at(store).put(value, key);
  });
}

export const put = (store, key, value) => write([[store, key, value]]);
export const remove = (store, key) => write([[store, key]]);

/** The values of several keys. */
export async function several(store, wanted) {
  const db = await database();
  if (db === null) return wanted.map((key) => memory[store].get(key));
  const requests = await whole(db, store, "readonly", (at) => wanted.map((key) => at(store).get(key)));
  return requests.map((request) => request.result);
}

export const get = async (store, key) => (await several(store, [key]))[0];

/** Takes a value out: of several tabs that try, one gets it. */
export async function take(store, key) {
  const db = await database();
  if (db !== null) return (await whole(db, store, "readwrite", (at) => [at(store).get(key), at(store).delete(key)]))[0].result;
  const value = memory[store].get(key);
  memory[store].delete(key);
  return value;
}

/** All values, whose keys are their ids, read `most` together: no piece keeps the page busy for long. */
export async function everything(store, most) {
  const db = await database();
  if (db === null) return [...memory[store].values()];
  const found = [];
  await whole(db, store, "readonly", (at, safely) => {
    const next = (range) => {
      const request = at(store).getAll(range, most);
      request.onsuccess = safely(() => {
        found.push(...request.result);
        if (request.result.length === most) next(IDBKeyRange.lowerBound(found.at(-1).id, true));
      });
    };
    next(null);
  });
  return found;
}

export async function keys(store) {
  const db = await database();
  return db === null ? [...memory[store].keys()] : (await whole(db, store, "readonly", (at) => at(store).getAllKeys())).result;
}

/** Takes old entries apart, all of these or none: each small picture by itself, and a row `rowOf(entry, bytes)`. Returns the rows. */
export async function divide(ids, rowOf) {
  const made = [];
  await whole(await database(), ["entries", "files", "thumbs", "rows"], "readwrite", (at, safely) => {
    for (const id of ids) {
      const [old, file, there] = ["entries", "files", "rows"].map((store) => at(store).get(id));
      there.onsuccess = safely(() => { // the last of the three
        if (there.result) return void made.push(there.result); // another tab was faster
        if (!old.result) return;
        const { thumb, ...entry } = old.result;
        const row = rowOf(entry, (file.result?.size ?? 0) + (thumb?.size ?? 0));
        made.push(row);
        if (thumb) at("thumbs").put(thumb, id);
        at("entries").put(entry, id);
        at("rows").put(row, id);
      });
    }
  });
  return made;
}

/** Fresh identifiers, also over plain http, where there is no randomUUID. */
export function freshId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function database() {
  opening ??= open().catch(() => {
    memory = Object.fromEntries(STORES.map((name) => [name, new Map()]));
    return null;
  });
  return opening;
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("imagine", VERSION);
    request.onupgradeneeded = () => {
      const there = request.result.objectStoreNames;
      for (const name of STORES) if (!there.contains(name)) request.result.createObjectStore(name);
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => {
        taken = true;
        request.result.close();
        tellBlocked("newer");
      };
      request.result.onclose = () => { opening = null; }; // the browser let go of it: it is opened anew
      if (blocked) free(request.result);
      else resolve(request.result);
    };
    request.onerror = () => reject(request.error);
    request.onblocked = () => {
      blocked = true;
      tellBlocked("older");
      reject(new Error("blocked"));
    };
  });
}

/** The database is there after all: it takes over what memory has held. */
function free(db) {
  const held = Object.entries(memory).flatMap(([store, values]) => [...values].map(([key, value]) => [store, key, value]));
  [blocked, memory, opening] = [false, null, Promise.resolve(db)];
  write(held).then(() => tellBlocked("free"), () => tellBlocked("free"));
}

/** One transaction, whose end is waited for: what `act` returns. What goes wrong in it undoes all of it. */
function whole(db, stores, mode, act) {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(stores, mode);
    let problem = null;
    const safely = (step) => (...said) => {
      try {
        return step(...said);
      } catch (error) {
        problem = error;
        transaction.abort();
        return undefined;
      }
    };
    transaction.onerror = transaction.onabort = () => reject(problem ?? transaction.error);
    const answer = safely(() => act((name) => transaction.objectStore(name), safely))();
    transaction.oncomplete = () => resolve(answer);
  });
}
