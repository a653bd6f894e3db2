// A run that the page was closed over is told, when the page is there again: it was cancelled with its page.

import { byId } from "./dom.js";
import { t } from "./i18n.js";
import { notice } from "./notices.js";

const KEY = "imagine.running"; // in this tab's own storage
const before = taken(); // at once: a run may begin before the server has said anything

export function rememberRun() {
  set("1");
}

export function forgetRun() {
  set(null);
}

/** Says that a run was cut off, where one was before this page came; the form still holds what it was asked for. */
export function tellUnfinished() {
  if (before !== null) notice(t("run.cut"), { about: "cut", stay: true, action: { text: t("run.again"), act: () => byId("generate").click() } });
}

function taken() {
  let was = null;
  try { was = sessionStorage.getItem(KEY); } catch { /* no storage, nothing known */ }
  set(null);
  return was;
}

function set(value) {
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch { /* no storage: then nothing can be told */ }
}
