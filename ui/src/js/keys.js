// Keys by what is printed on them, whatever alphabet the keyboard writes.

/** The Latin letter of a key: what it writes, or, on a keyboard that writes others, the one that is printed beside them. */
export function letterOf(event) {
  return /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : (/^Key([A-Z])$/.exec(event.code)?.[1].toLowerCase() ?? "");
}

/** "[" or "]", likewise. */
export function bracketOf(event) {
  if (event.key === "[" || event.key === "]") return event.key;
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  return { BracketLeft: "[", BracketRight: "]" }[event.code];
}
