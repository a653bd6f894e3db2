// What the page keeps between visits in localStorage; where that is off, until it is closed.

const fallback = new Map(); // what could not be written
const PREFIX = "imagine.";

export function remembered(name, otherwise) {
  try {
    if (fallback.has(name)) return fallback.get(name);
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return fallback.get(name) ?? otherwise;
  }
}

/** What this tab alone keeps over a reload; undefined where it has nothing yet. */
export function rememberedHere(name) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + name)) ?? undefined;
  } catch {
    return undefined;
  }
}

export function rememberHere(name, value) {
  try {
    sessionStorage.removeItem(PREFIX + name); // where there is no room, rather nothing than what was before
    sessionStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch { /* then a reload begins with what any tab kept */ }
}

/** `act` with what another tab keeps from now on, as it is written. */
export function whenRemembered(name, act) {
  addEventListener("storage", ({ key, newValue }) => { if (key === PREFIX + name && newValue !== null) act(newValue); });
}

/** Keeps a value; false where the browser has no room for it or forbids it, and it only lasts until the page is closed. */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
    fallback.delete(name);
    return true;
  } catch {
    fallback.set(name, value);
    return false;
  }
}
