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
