// A run that the page was closed over is told, when the page is there again: it was cancelled with its page.

import { byId } from "./dom.js";
import { t } from "./i18n.js";
import { notice } from "./notices.js";

const KEY = "imagine.running"; // in this tab's own storage

export function rememberRun() {
  set("1");
}

export function forgetRun() {
  set(null);
}

/** Says that a run was cut off, where one was; the form still holds what it was asked for. */
export function tellUnfinished() {
  let was = null;
  try { was = sessionStorage.getItem(KEY); } catch { /* no storage, nothing known */ }
  forgetRun();
  if (was !== null) notice(t("run.cut"), { about: "cut", stay: true, action: { text: t("run.again"), act: () => byId("generate").click() } });
}

function set(value) {
  try {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  } catch { /* no storage: then nothing can be told */ }
}
