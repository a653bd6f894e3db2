// Views that few need, loaded once somebody opens one: from the server that the page came from, and from nowhere else.

import { closeDialogsByButtons, grown, make } from "./dom.js";
import { addTexts, t, wordElements } from "./i18n.js";
import { dismiss, notice } from "./notices.js";

const open = new Map(); // what was loaded, or is on its way, by name
const asked = new Set(); // those that somebody wants to see
let tries = 0; // a browser may remember that a file wasn't there
const trusted = window.trustedTypes?.createPolicy("worker", { createScriptURL: () => "./worker.js" });

/** The address of the worker: the only one that the page's policy lets be registered. */
export const workerAddress = trusted?.createScriptURL("") ?? "./worker.js";

/** What a drawer exports, once it is there; undefined where it can't be had, which is said, unless nobody asked. */
export function drawer(name, quiet = false) {
  if (!quiet) asked.add(name);
  if (!open.has(name)) open.set(name, load(name));
  return open.get(name);
}

/** It can't be had now, or not any more; asked for again, it is tried again. */
function refuse(name, ...said) {
  open.delete(name);
  if (asked.has(name)) notice(...said);
}

async function load(name) {
  let found;
  try {
    found = await import(`./drawers/${name}.js?build=${BUILD}${tries ? `&try=${tries}` : ""}`);
  } catch {
    tries += 1;
    return refuse(name, t("drawer.gone"), { about: "drawer", bad: true });
  }
  dismiss("drawer");
  if (found.build !== BUILD) {
    return refuse(name, t("drawer.old"), { about: "drawer", bad: true, action: { text: t("drawer.reload"), act: () => location.reload() } });
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
