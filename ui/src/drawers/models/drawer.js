// The models: what is here, of which kind and from where, what could be had; fetched, copied and removed by the owner.

import { ServerError } from "../../js/api.js";
import { describeChoices } from "../../js/choices.js";
import { all, byId, make, openDialog, press, show } from "../../js/dom.js";
import { change } from "../../js/form.js";
import { hasText, inEveryLanguage, language, t } from "../../js/i18n.js";
import { learnModels } from "../../js/offers.js";
import { cardOf, keepPictures } from "./cards.js";
import { learnFiles } from "./files.js";
import { offerCatalogue, startGet } from "./get.js";

const EVERY = 4000; // milliseconds between looks at what is here, while somebody sees it
let found = null; // { about, files }
let kind = ""; // which are shown; "" is all
let timer = null;
let looks = 0;
const cards = new Map(); // by kind and name: what it was made of, and itself

export async function openModels() {
  openDialog(byId("models-dialog"));
  byId("models-title").focus();
  await look();
}

async function look() {
  clearTimeout(timer);
  const mine = ++looks;
  let [told, error] = [null, ""];
  try {
    told = await learnFiles();
  } catch (failure) {
    if (!(failure instanceof ServerError)) throw failure;
    error = failure.words;
  }
  if (mine !== looks) return; // it was looked again meanwhile
  say(error);
  found = told ?? found;
  if (found) describe();
  if (byId("models-dialog").open) timer = setTimeout(() => (document.hidden ? again() : look()), EVERY);
}

function again() {
  document.addEventListener("visibilitychange", () => { if (byId("models-dialog").open) look(); }, { once: true });
}

/** Something was fetched, copied or removed: the form's choices know it, too. */
async function changed() {
  await look();
  await learnModels().then(describeChoices, () => {});
}

/** The form draws with it from now on. */
async function use(name) {
  byId("models-dialog").close();
  await learnModels().then(describeChoices, () => {});
  change("model", name);
  byId("f-prompt").focus();
}

function describe() {
  const { about, files } = found;
  show(byId("models-get"), about.changes && !about.offline);
  const why = about.changes ? (about.offline ? "models.offline" : "") : "models.view_only";
  byId("models-view-only").textContent = why ? t(why) : "";
  show(byId("models-view-only"), why !== "");
  offerOnce(about.catalogue);
  const kinds = [...new Set(files.map(groupOf))].sort();
  if (kind && !kinds.includes(kind)) kind = "";
  offerKinds(kinds);
  const shown = files.filter((file) => !kind || groupOf(file) === kind).map((file) => card(file, about));
  arrange(byId("models-cards"), shown);
  show(byId("models-empty"), files.length === 0);
  const there = new Set(files.map(keyOf));
  for (const key of cards.keys()) if (!there.has(key)) cards.delete(key);
  keepPictures(files);
}

/** Puts cards in their order; what has the focus keeps it, or hands it to what does the same in the card made anew. */
function arrange(list, shown) {
  if (shown.length === list.children.length && shown.every((each, at) => list.children[at] === each)) return;
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  list.replaceChildren(...shown);
  if (!focused) return;
  const alike = all("button", list).find((one) => one.ariaLabel && one.ariaLabel === focused.ariaLabel);
  (focused.isConnected ? focused : (alike ?? byId("models-title"))).focus({ preventScroll: true });
}

const groupOf = (file) => (file.loads || file.kind === "checkpoint" || file.kind === "diffusion-model" ? "model" : file.kind);

let catalogued = "";
function offerOnce(rows) {
  const now = language() + JSON.stringify(rows);
  if (now === catalogued) return;
  catalogued = now;
  offerCatalogue(rows);
}

function offerKinds(kinds) {
  const wanted = ["", ...kinds];
  const text = (name) => t(name === "" ? "models.kind.all" : hasText(`models.kind.${name}`) ? `models.kind.${name}` : name);
  const row = byId("models-kinds");
  show(row, kinds.length > 1);
  if (row.dataset.made !== language() + wanted) {
    row.dataset.made = language() + wanted;
    row.replaceChildren(...wanted.map((name) => make("button", { type: "button", className: "chip", "data-kind": name, onclick: () => { kind = name; describe(); } }, text(name))));
  }
  for (const chip of row.children) press(chip, chip.dataset.kind === kind);
}

const keyOf = (file) => `${file.kind} ${file.name}`;

/** A card stays the same element while what it tells is the same, or something is asked in it. */
function card(file, { changes }) {
  const key = keyOf(file);
  const { loaded, ...rest } = file;
  const now = `${language()} ${changes} ${Boolean(loaded)} ${JSON.stringify(rest)}`;
  const before = cards.get(key);
  if (before && (before.made === now || before.element.querySelector(".card-ask"))) return before.element;
  const element = cardOf(file, { changes, changed, use });
  cards.set(key, { made: now, element });
  return element;
}

function say(sentence) {
  if (byId("models-error").textContent === sentence) return; // said once is enough
  byId("models-error").textContent = sentence;
  show(byId("models-error"), sentence !== "");
}

startGet(changed);
byId("models-dialog").addEventListener("close", () => clearTimeout(timer));
inEveryLanguage(() => { if (found) describe(); });
