// The styles as pictures: looked through, searched, chosen by mouse, finger and keys; one's own before the server's.

import { describeChoices } from "../../js/choices.js";
import { control } from "../../js/controls.js";
import { freshId } from "../../js/database.js";
import { all, byId, icon, make, openDialog, show, startMenu, tell } from "../../js/dom.js";
import { whenChanged } from "../../js/form.js";
import { inEveryLanguage, t } from "../../js/i18n.js";
import { presetAbout, presets, presetTitle } from "../../js/offers.js";
import { leaveEdit, startEdit } from "./edit.js";
import { startFiles } from "./files.js";
import { describeMaking, isBeingMade, learnPictures, pictureOf, startMaking, whenPictured } from "./making.js";
import { deleteStyle, keepForm, whenKept } from "./own.js";

const NONE = { name: "" }; // no style
let shown = []; // those that are found, in their order
let active = ""; // the name of the one that keys are at
const cards = new Map(); // by name: { said, element }
const urls = new Map(); // by the picture's blob

export function openStyles() {
  byId("styles-search").value = "";
  say("");
  leaveEdit();
  active = control("preset").value;
  openDialog(byId("styles-dialog"));
  look();
  describe();
  focusCard(active);
}

const look = () => learnPictures().then(describe);

/** Keeps what the form says as a style of one's own, and shows it. */
export async function keepCurrent() {
  if (!byId("styles-dialog").open) openStyles();
  const { kept, error } = await keepForm();
  say(error ?? "");
  if (kept) edit(kept, true);
}

function say(sentence) {
  byId("styles-error").textContent = sentence;
  show(byId("styles-error"), sentence !== "");
}

const plain = (text) => text.toLowerCase().replaceAll("ё", "е");
const titleOf = (one) => (one === NONE ? t("preset.none") : presetTitle(one));
const wordsIn = (one) => [titleOf(one), one.name, presetAbout(one), one.prompt_prefix, one.prompt_suffix].filter(Boolean).join(" ");

function describe() {
  if (!byId("styles-dialog").open) return;
  const words = plain(byId("styles-search").value).split(/\s+/).filter(Boolean);
  const found = presets().filter((one) => words.every((word) => plain(wordsIn(one)).includes(word)));
  shown = words.length ? found : [NONE, ...found];
  if (!shown.some(({ name }) => name === active)) active = shown[0]?.name ?? "";
  const list = byId("styles-grid");
  const elements = shown.map(cardOf);
  const focused = list.contains(document.activeElement);
  if (elements.length !== list.children.length || elements.some((each, at) => list.children[at] !== each)) list.replaceChildren(...elements);
  for (const name of cards.keys()) if (name && !presets().some((one) => one.name === name)) cards.delete(name);
  if (focused) focusCard(active);
  for (const each of elements) each.tabIndex = each.dataset.style === active ? 0 : -1;
  show(byId("styles-none"), shown.length === 0);
  describeFoot();
  describeMaking();
}

/** A card stays the same element while it says the same: only its picture comes and goes. */
function cardOf(one) {
  const said = `${titleOf(one)}\n${presetAbout(one)}\n${Boolean(one.own)}\n${document.documentElement.lang}`;
  let card = cards.get(one.name);
  if (card?.said !== said) {
    const about = make("span", { id: `style-about-${freshId()}`, hidden: true }, [one.own ? t("styles.mine.said") : "", presetAbout(one)].filter(Boolean).join(" "));
    const element = make("button", { type: "button", role: "radio", className: "style-card", "data-style": one.name, "aria-describedby": about.id },
      make("span", { className: "style-picture" }, make("img", { alt: "", hidden: true }), one === NONE ? icon("x") : icon("image"), make("span", { className: "style-chosen", "aria-hidden": "true" }, icon("styles-chosen"))),
      make("span", { className: "style-name", dir: "auto" }, titleOf(one)), about);
    if (one.own) element.append(make("span", { className: "style-mine", "aria-hidden": "true" }, t("styles.mine")));
    card = { said, element };
    cards.set(one.name, card);
  }
  card.element.setAttribute("aria-checked", String(one.name === control("preset").value));
  picture(card.element, one);
  return card.element;
}

function picture(element, one) {
  const blob = one === NONE ? undefined : pictureOf(one);
  const img = element.querySelector("img");
  if (blob && !urls.has(blob)) urls.set(blob, URL.createObjectURL(blob));
  if (blob && img.src !== urls.get(blob)) img.src = urls.get(blob);
  if (!blob) img.removeAttribute("src");
  show(img, Boolean(blob));
  element.classList.toggle("making", isBeingMade(one));
}

/** What the one does that keys, or the mouse, are at; one's own stays, as what changes and deletes it stands beside it. */
function describeFoot(one = at()) {
  byId("styles-foot-name").textContent = one ? titleOf(one) : "";
  byId("styles-foot-about").textContent = one ? (one === NONE ? t("styles.plain") : presetAbout(one)) : "";
  const { prompt_prefix: before = "", prompt_suffix: after = "", neg } = one ?? {};
  const words = [before, before || after ? "…" : "", after].filter(Boolean).join(" ");
  byId("styles-foot-words").textContent = [words, neg ? t("styles.not", { words: neg }) : ""].filter(Boolean).join(" · ");
  for (const id of ["styles-change", "styles-delete"]) show(byId(id), Boolean(at()?.own));
}

const at = () => shown.find(({ name }) => name === active);

/** Takes a style into the form; one that is meant for a model brings that along. */
function pick(name, stays = false) {
  const select = control("preset");
  active = name;
  select.value = name;
  for (const event of ["input", "change"]) select.dispatchEvent(new Event(event, { bubbles: true }));
  if (stays) look(); // by another model, maybe
  else byId("styles-dialog").close();
}

function focusCard(name) {
  active = name;
  for (const each of byId("styles-grid").children) each.tabIndex = each.dataset.style === name ? 0 : -1;
  const card = cards.get(name)?.element;
  card?.focus({ preventScroll: true });
  card?.scrollIntoView({ block: "nearest" });
  describeFoot();
}

function columns() {
  const [first, ...rest] = byId("styles-grid").children;
  const next = rest.findIndex((each) => each.offsetTop > first.offsetTop);
  return next < 0 ? shown.length : next + 1;
}

function byKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const place = shown.findIndex(({ name }) => name === active);
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[event.key];
  const to = event.key === "Home" ? 0 : event.key === "End" ? shown.length - 1 : by === undefined ? undefined : place + by;
  if (event.key === "ArrowUp" && to < 0) byId("styles-search").focus();
  else if (to !== undefined) focusCard(shown[to]?.name ?? active);
  else if (event.key === " ") pick(active, true);
  else if (event.key === "Delete" && at()?.own) remove();
  else if (event.key.length === 1) return void byId("styles-search").focus(); // what is typed is searched for
  else return;
  event.preventDefault();
}

function edit(one, fresh) {
  active = one.name;
  describe();
  startEdit(one, { fresh, done: (name) => { describe(); focusCard(name); } });
}

function remove() {
  const place = shown.indexOf(at());
  const gone = active;
  const next = (shown[place + 1] ?? shown[place - 1] ?? NONE).name;
  leaveEdit();
  active = next;
  deleteStyle(gone);
  focusCard(next);
}

startMenu(byId("styles-menu"));
startFiles(say);
startMaking();
byId("styles-search").addEventListener("input", () => { describe(); tell(t("styles.found", { n: shown.length })); });
byId("styles-search").addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" && shown.length) focusCard(active);
  else if (event.key === "Enter" && shown.length) pick(active);
  else return;
  event.preventDefault();
});
byId("styles-grid").addEventListener("keydown", byKey);
byId("styles-grid").addEventListener("keyup", (event) => { if (event.key === " ") event.preventDefault(); }); // no click, too
byId("styles-grid").addEventListener("click", ({ target }) => { const card = target.closest(".style-card"); if (card) pick(card.dataset.style); });
byId("styles-grid").addEventListener("focusin", ({ target }) => { if (target.dataset.style !== active) focusCard(target.dataset.style); });
byId("styles-grid").addEventListener("pointerover", ({ target }) => { const card = target.closest(".style-card"); if (card && !at()?.own) describeFoot(shown.find(({ name }) => name === card.dataset.style)); });
byId("styles-grid").addEventListener("pointerleave", () => describeFoot());
byId("styles-keep").addEventListener("click", ({ detail }) => { if (detail < 2) keepCurrent(); }); // not a double click twice
byId("styles-change").addEventListener("click", () => edit(at(), false));
byId("styles-delete").addEventListener("click", remove);
byId("styles-dialog").addEventListener("close", () => {
  for (const img of all("img", byId("styles-grid"))) img.removeAttribute("src");
  for (const url of urls.values()) URL.revokeObjectURL(url);
  urls.clear();
  byId("open-styles").focus({ preventScroll: true });
});
whenChanged(describe);
whenKept(() => { describeChoices(); describe(); });
whenPictured(describe);
inEveryLanguage(describe);
