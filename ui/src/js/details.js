// What is known of the chosen picture beside its settings: the wish it was planned from, and where it says it comes from.

import { fileOf } from "./collection.js";
import { byId, show } from "./dom.js";
import { drawer } from "./drawers.js";
import { hasText, inEveryLanguage, language, t } from "./i18n.js";
import { factsList, originOf, originSentence, standing } from "./origin.js";

const known = new Map(); // what files say, by the picture's id and the language it was told in
let chosen = null;
let asking = ""; // the key of what is being asked for

export function startDetails() {
  byId("details").addEventListener("toggle", look);
  inEveryLanguage(() => showDetails(chosen));
}

/** Of another picture, or none. Its file is only looked into where the details are seen. */
export function showDetails(entry) {
  chosen = entry;
  if (!entry) return;
  const facts = [...planFacts(entry.meta), [t("field.neg"), entry.meta.neg]].filter(([, words]) => words);
  byId("details-plan").replaceChildren(...factsList(facts));
  look();
}

/** What the assistant made of a wish; the prompt alone where it was asked for none. */
function planFacts({ prompt, assisted }) {
  if (!assisted) return [[t("field.prompt"), prompt]];
  const change = `plan.change.${assisted.change}`;
  return [
    [t("plan.wish"), assisted.wish], [t("plan.prompt"), prompt], [t("plan.why"), assisted.why],
    [t("plan.change"), hasText(change) ? t(change) : assisted.change], [t("plan.keep"), (assisted.keep ?? []).join(", ")],
  ];
}

async function look() {
  if (!chosen || !byId("details").open) return;
  const entry = chosen;
  const key = `${entry.id} ${language()}`;
  if (!known.has(key)) {
    if (asking === key) return;
    asking = key;
    say(t("origin.looking"), "open", []);
    let untold = "origin.untold";
    try {
      const file = await fileOf(entry);
      const told = file ? await originOf(file) : null;
      if (told) known.set(key, told);
      else if (!file) untold = "gallery.lost";
    } finally {
      if (asking === key) asking = "";
      if (!known.has(key) && chosen === entry) say(t(untold), "open", []);
    }
    if (!known.has(key)) return;
  }
  const origin = await drawer("origin");
  if (chosen !== entry || key !== `${entry.id} ${language()}`) return;
  const told = known.get(key);
  say(originSentence(told), standing(told), origin?.originFacts(told) ?? []);
}

function say(sentence, how, facts) {
  byId("details-origin").textContent = sentence;
  byId("details-origin").dataset.standing = how;
  byId("details-facts").replaceChildren(...factsList(facts));
  show(byId("details-facts"), facts.length > 0);
}
