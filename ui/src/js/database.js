// The browser's database: what was made, its files, the pictures it was made from, and the input picture of now.
//
//   entries   { id, time, seed, meta, warnings, notes, timings, width, height, thumb }   one for each picture, small
//   files     id → the PNG
//   sources   digest → a picture that pictures were made from: kept once, as long as one of them is
//   draft     "img", "mask" → the input of now; "order ID" → what waits in a line, or is made
//
// Where there is no database (a private window), memory stands in for it.

const STORES = ["entries", "files", "sources", "draft"];
let opening = null;
let memory = null;

/** Are pictures kept when the page is closed? */
export async function keeps() {
  await database();
  return memory === null;
}

export async function put(store, key, value) {
  const db = await database();
  if (db === null) return void memory[store].set(key, value);
  await done(db, store, "readwrite", (at) => at.put(value, key));
}

export async function get(store, key) {
  const db = await database();
  return db === null ? memory[store].get(key) : await done(db, store, "readonly", (at) => at.get(key));
}

/** Takes a value out: of several tabs that try, one gets it. */
export async function take(store, key) {
  const db = await database();
  if (db !== null) return done(db, store, "readwrite", (at) => [at.get(key), at.delete(key)][0]);
  const value = memory[store].get(key);
  memory[store].delete(key);
  return value;
}

export async function remove(store, key) {
  const db = await database();
  if (db === null) return void memory[store].delete(key);
  await done(db, store, "readwrite", (at) => at.delete(key));
}

export async function everything(store) {
  const db = await database();
  return db === null ? [...memory[store].values()] : await done(db, store, "readonly", (at) => at.getAll());
}

export async function keys(store) {
  const db = await database();
  return db === null ? [...memory[store].keys()] : await done(db, store, "readonly", (at) => at.getAllKeys());
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
    const request = indexedDB.open("imagine", 1);
    request.onupgradeneeded = () => STORES.forEach((name) => request.result.createObjectStore(name));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

function done(db, store, mode, act) {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(store, mode);
    const request = act(transaction.objectStore(store));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}
