// A prompt put together from chips, under the prompt that it is put into: five parts of a picture, what isn't to be seen,
// and the names that are there. A chip puts its words where the caret is, and takes them out again.

import { control, defaultOf } from "../../js/controls.js";
import { byId, make, press, show } from "../../js/dom.js";
import { whenChanged } from "../../js/form.js";
import { inEveryLanguage, language, t } from "../../js/i18n.js";
import { remember, remembered } from "../../js/memory.js";
import { numberIn } from "../../js/numbers.js";
import { chosenModel, embeddingWord, fittingEmbeddings } from "../../js/offers.js";
import { writeInto } from "../../js/words.js";
import { AGAINST, PARTS } from "./parts.js";
import { holds, placeFor, without } from "./phrases.js";

let tab = remembered("builder", "subject");

export function toggleBuilder() {
  const open = byId("builder").hidden;
  show(byId("builder"), open);
  byId("open-builder").setAttribute("aria-expanded", String(open));
  describe();
  if (open) byId("builder-tabs").querySelector("[aria-selected=true]").focus({ preventScroll: true });
}

/** The words of each part of a picture, as the chosen model is told them. */
export const ideas = () => Object.fromEntries(Object.entries(PARTS).map(([name, words]) => [name, words.map(worded)]));

/** The tabs that there are with the chosen model: what it doesn't hear isn't offered. */
function tabs() {
  return [...Object.keys(PARTS), ...(hearsNegative() ? ["against"] : []), ...(fittingEmbeddings().length ? ["embeddings"] : [])];
}

/** Does it hear what isn't to be seen? By a second row, which guidance beyond 1 asks for. */
function hearsNegative() {
  const { guidance_kind: kind, true_cfg: takesTrue } = chosenModel() ?? { guidance_kind: "cfg" };
  const said = (name) => { const value = numberIn(control(name).value); return Number.isNaN(value) ? Number(defaultOf(name) ?? 1) : value; };
  return takesTrue ? said("true_cfg") > 1 : kind === "cfg" && said("guidance") > 1;
}

/** Words in the page's language where the model is told in that, else in English. */
const worded = ([english, russian]) => (language() === "ru" && chosenModel()?.languages?.includes("ru") ? russian : english);

/** What the chips of a tab are: { name, words, into }. */
function chips() {
  if (tab === "embeddings") return fittingEmbeddings().flatMap((name) => [{ name, words: embeddingWord(name), into: "f-prompt" }, ...(hearsNegative() ? [{ name: t("builder.not", { name }), words: embeddingWord(name), into: "f-neg" }] : [])]);
  if (tab === "against") return Object.entries(AGAINST).map(([key, words]) => ({ name: t(`builder.${key}`), words: worded(words), into: "f-neg" }));
  return PARTS[tab].map((words) => ({ name: words[language() === "ru" ? 1 : 0], words: worded(words), into: "f-prompt" }));
}

function describe() {
  if (byId("builder").hidden) return;
  const there = tabs();
  if (!there.includes(tab)) tab = there[0];
  const focused = document.activeElement;
  const inTabs = byId("builder-tabs").contains(focused);
  const list = byId("builder-tabs");
  const key = `${language()} ${there}`;
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(...there.map((name) => make("button", { type: "button", id: `builder-${name}`, role: "tab", className: "text-button", "aria-controls": "builder-panel", "data-tab": name }, t(`builder.tab.${name}`))));
  }
  for (const button of list.children) {
    const on = button.dataset.tab === tab;
    button.setAttribute("aria-selected", String(on));
    button.tabIndex = on ? 0 : -1;
  }
  if (inTabs && !focused.isConnected) byId(`builder-${tab}`).focus();
  byId("builder-panel").setAttribute("aria-labelledby", `builder-${tab}`);
  byId("builder-hint").textContent = t(`builder.hint.${tab === "against" ? "against" : tab === "embeddings" ? "embeddings" : "parts"}`);
  describeChips();
}

/** Chips stay under the fingers while their words do. */
function describeChips() {
  const room = byId("builder-chips");
  const wanted = chips();
  const key = JSON.stringify(wanted);
  if (room.dataset.key !== key) {
    room.dataset.key = key;
    room.replaceChildren(...wanted.map(({ name, words, into }) => make("button", { type: "button", className: "chip", dir: "auto", title: words === name ? undefined : words, "data-words": words, "data-into": into }, name)));
  }
  for (const chip of room.children) press(chip, holds(byId(chip.dataset.into).value, chip.dataset.words));
}

function put({ dataset: { words, into } }) {
  const field = byId(into);
  const caret = field.selectionEnd;
  const found = without(field.value, words);
  if (found) {
    writeInto(field, "", found.start, found.end);
    return field.setSelectionRange(...Array(2).fill(caret > found.start ? Math.max(found.start, caret - (found.end - found.start)) : caret));
  }
  const place = placeFor(field.value, caret, words);
  return writeInto(field, place.text, place.at, place.at);
}

function choose(name) {
  tab = name;
  remember("builder", tab);
  describe();
  byId(`builder-${tab}`).focus();
}

byId("words").after(byId("builder"));
byId("open-builder").setAttribute("aria-controls", "builder");
byId("builder-tabs").addEventListener("click", ({ target }) => { if (target.dataset.tab) choose(target.dataset.tab); });
byId("builder-tabs").addEventListener("keydown", (event) => {
  const names = tabs();
  const to = { ArrowRight: names.indexOf(tab) + 1, ArrowLeft: names.indexOf(tab) - 1, Home: 0, End: -1 }[event.key];
  if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  choose(names.at(to % names.length));
});
byId("builder-chips").addEventListener("click", ({ target }) => { const chip = target.closest(".chip"); if (chip) put(chip); });
whenChanged(describe);
inEveryLanguage(describe);
