// Views that few need, loaded once somebody opens one: from the server that the page came from, and from nowhere else.

import { closeDialogsByButtons, grown, make } from "./dom.js";
import { addTexts, t, wordElements } from "./i18n.js";
import { dismiss, notice } from "./notices.js";

const open = new Map(); // what was loaded, or is on its way, by name
let tries = 0; // a browser may remember that a file wasn't there

/** What a drawer exports, once it is there; undefined where it can't be had, which is said, unless nobody asked. */
export function drawer(name, quiet = false) {
  if (!open.has(name)) open.set(name, load(name, quiet));
  return open.get(name);
}

async function load(name, quiet) {
  let found;
  try {
    found = await import(`./drawers/${name}.js${tries ? `?${tries}` : ""}`);
  } catch {
    open.delete(name);
    tries += 1;
    return void (quiet || notice(t("drawer.gone"), { about: "drawer", bad: true }));
  }
  dismiss("drawer");
  if (found.build !== BUILD) {
    open.delete(name);
    return void (quiet || notice(t("drawer.old"), { about: "drawer", bad: true, action: { text: t("drawer.reload"), act: () => location.reload() } }));
  }
  addTexts(found.texts);
  const style = new CSSStyleSheet();
  style.replaceSync(found.style);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, style];
  const room = make("div", {}, ...found.tree.map((tree) => grown(tree)));
  wordElements(room);
  closeDialogsByButtons(room);
  document.body.append(room);
  return found.start(SHARED());
}
