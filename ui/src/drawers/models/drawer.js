// The models: what is here, of which kind and from where, what could be had; fetched, copied and removed by the owner.

import { ServerError } from "../../js/api.js";
import { describeChoices } from "../../js/choices.js";
import { byId, make, openDialog, press, show } from "../../js/dom.js";
import { change } from "../../js/form.js";
import { hasText, inEveryLanguage, language, t } from "../../js/i18n.js";
import { learnModels } from "../../js/offers.js";
import { cardOf } from "./cards.js";
import { learnFiles } from "./files.js";
import { offerCatalogue, startGet } from "./get.js";

const EVERY = 4000; // milliseconds between looks at what is here, while somebody sees it
let found = null; // { about, files }
let kind = ""; // which are shown; "" is all
let timer = null;
const cards = new Map(); // by kind and name: what it was made of, and itself

export async function openModels() {
  openDialog(byId("models-dialog"));
  byId("models-title").focus();
  await look();
}

async function look() {
  clearTimeout(timer);
  try {
    found = await learnFiles();
    say("");
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    say(error.words);
  }
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
  const list = byId("models-cards");
  if (shown.length !== list.children.length || shown.some((each, at) => list.children[at] !== each)) list.replaceChildren(...shown);
  show(byId("models-empty"), files.length === 0);
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

/** A card stays the same element while what it tells is the same: what is open or focused in it stays. */
function card(file, { changes }) {
  const key = `${file.kind} ${file.name}`;
  const { loaded, ...rest } = file;
  const now = `${language()} ${changes} ${Boolean(loaded)} ${JSON.stringify(rest)}`;
  const before = cards.get(key);
  if (before?.made === now) return before.element;
  const element = cardOf(file, { changes, changed, use });
  cards.set(key, { made: now, element });
  return element;
}

function say(sentence) {
  byId("models-error").textContent = sentence;
  show(byId("models-error"), sentence !== "");
}

startGet(changed);
byId("models-dialog").addEventListener("close", () => clearTimeout(timer));
inEveryLanguage(() => { if (found) describe(); });
