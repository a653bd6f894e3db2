// All pictures: looked through, found, picked and used; beside the stage on wide screens, over the page on others.

import { entryOf, gallery, rowOf, thumbsOf, whenGalleryChanges } from "../../js/collection.js";
import { byId, icon, make, openDialog, show } from "../../js/dom.js";
import { dragged } from "../../js/drops.js";
import { marked, whenMarked, wide } from "../../js/gallery.js";
import { inEveryLanguage, language, number, t } from "../../js/i18n.js";
import { letterOf } from "../../js/keys.js";
import { remember } from "../../js/memory.js";
import { bringIntoView, showEntry } from "../../js/stage.js";
import { dayOf, forgetTexts, found, itemsOf } from "./find.js";
import { Grid } from "./grid.js";
import { clearPicked, deletePicked, describePicked, forgetPicked, isPicked, pick, pickedRows, picks, starPicked, startPicked } from "./picked.js";
import { describeRoom, keepPicturesWithin, startRoom } from "./room.js";
import { checksumOf, zipOf } from "./zip.js";

const LONG = 450; // milliseconds that a finger rests to pick
const STILL = 10; // pixels that it may move meanwhile
const root = document.documentElement;
const coarse = matchMedia("(pointer: coarse)");
const opened = new Set(); // batches that show what is in them
const urls = new Map(); // id → the address of its small picture
let grid = null;
let anchor = null; // the key of the item from which Shift picks
let asked = false; // is looking anew asked for?
let stale = true; // have the models and days changed since they were offered?
let loading = false;
let pressing = null; // a finger that rests: { timer, x, y, held }

/** How files are packed, for others that give them. */
export const zipped = zipOf;
export const checksum = checksumOf;

/** To be called for each picture that is kept. */
export const keepWithin = () => keepPicturesWithin();

/** Opens it where there is room for it, and goes there with the focus. */
export function openGallery(focus = true) {
  const beside = wide.matches;
  const whole = byId("gallery-whole");
  if (beside && focus) remember("gallery", "beside");
  if (beside) root.dataset.gallery = "beside";
  (beside ? byId("side") : byId("gallery-dialog")).append(whole);
  if (beside) byId("gallery-dialog").close();
  else if (focus) openDialog(byId("gallery-dialog"));
  look();
  grid.arrange();
  if (focus) byId("pick-words").focus();
  return true;
}

function closeGallery() {
  if (byId("gallery-dialog").open) return byId("gallery-dialog").close();
  delete root.dataset.gallery;
  remember("gallery", "below");
  return byId("open-gallery").focus();
}

const isSeen = () => byId("gallery-dialog").open || (root.dataset.gallery === "beside" && wide.matches);

/** Looks anew, once, before the next frame. */
function lookSoon() {
  if (!asked) requestAnimationFrame(() => { asked = false; if (isSeen()) look(); });
  asked = true;
}

function look() {
  if (stale) offerChoices();
  stale = false;
  const rows = found(gallery(), { words: byId("pick-words").value, model: byId("pick-model").value, day: byId("pick-day").value, starred: isOn("pick-starred") });
  byId("pick-found").textContent = rows.length === gallery().length ? t("pick.all", { n: rows.length }) : t("pick.found", { n: number(rows.length), of: number(gallery().length) });
  show(byId("pick-grid"), rows.length > 0);
  show(byId("pick-none"), rows.length === 0);
  byId("pick-none").textContent = t(gallery().length ? "pick.none" : "gallery.empty");
  grid.set(itemsOf(rows, opened));
  describeRoom();
}

const isOn = (id) => byId(id).getAttribute("aria-pressed") === "true";

/** The models and days that there are. */
function offerChoices() {
  const [models, days] = [new Set(), new Map()];
  for (const row of gallery()) {
    if (row.model) models.add(row.model);
    days.set(dayOf(row), row.time);
  }
  const date = new Intl.DateTimeFormat(language(), { dateStyle: "medium" });
  offer(byId("pick-model"), t("pick.models"), [...models].sort().map((name) => [name, name]));
  offer(byId("pick-day"), t("pick.days"), [...days].map(([day, time]) => [day, date.format(time)]));
}

function offer(select, whole, choices) {
  const told = JSON.stringify([whole, choices]);
  if (select.told === told) return;
  select.told = told;
  const value = select.value;
  select.replaceChildren(...[["", whole], ...choices].map(([one, name]) => make("option", { value: one }, name)));
  select.value = choices.some(([one]) => one === value) ? value : "";
}

/** Fills a cell with what stands in it. */
function describe(cell, item) {
  const [row] = item.rows;
  if (cell.dataset.key !== item.key) {
    cell.dataset.key = item.key;
    cell.replaceChildren(make("img", { alt: "", decoding: "async", draggable: false }), make("span", { className: "pick-check", "aria-hidden": "true" }, icon("check")), make("span", { className: "pick-star", "aria-hidden": "true" }, icon("star")), make("span", { className: "pick-many", "aria-hidden": "true" }));
  }
  const [image, , star, many] = cell.children;
  const url = urls.get(row.id) ?? "";
  if ((image.getAttribute("src") ?? "") !== url) url ? image.setAttribute("src", url) : image.removeAttribute("src");
  const starred = item.rows.some((one) => one.star);
  show(star, starred);
  many.textContent = item.batch ? number(item.rows.length) : "";
  cell.classList.toggle("batch", Boolean(item.batch));
  cell.classList.toggle("inside", Boolean(item.of));
  cell.draggable = !coarse.matches;
  cell.title = row.prompt;
  cell.setAttribute("aria-label", [nameOf(item, row), starred ? t("pick.has") : ""].filter(Boolean).join(", "));
  cell.setAttribute("aria-selected", String(isPicked(item.rows)));
  if (item.batch) cell.setAttribute("aria-expanded", String(item.open));
  else cell.removeAttribute("aria-expanded");
  if (item.rows.some(({ id }) => id === marked()?.id) && !item.open) cell.setAttribute("aria-current", "true");
  else cell.removeAttribute("aria-current");
}

function nameOf(item, { prompt, seed }) {
  if (item.batch) return t("pick.batch", { n: item.rows.length, prompt });
  const name = t("gallery.thumb", { prompt, seed });
  return item.of ? t("pick.inside", { n: item.at + 1, of: item.of.rows.length, name }) : name;
}

/** Has the small pictures of what stands in the grid, and of nothing else. */
async function load() {
  const standing = new Set(grid.standing().map(({ rows }) => rows[0].id));
  for (const [id, url] of urls) {
    if (standing.has(id)) continue;
    URL.revokeObjectURL(url);
    urls.delete(id);
  }
  if (loading) return;
  loading = true;
  try {
    for (let some = missing(); some.length; some = missing()) {
      const thumbs = await thumbsOf(some);
      thumbs.forEach((thumb, at) => urls.set(some[at].id, thumb ? URL.createObjectURL(thumb) : ""));
      refresh();
    }
  } finally {
    loading = false;
  }
}

const missing = () => grid.standing().map(({ rows }) => rows[0]).filter(({ id }) => !urls.has(id));

function refresh() {
  for (const [at, row] of grid.rows) grid.fillRow(at, row);
}

/** What a click or Enter does: a batch opens and is seen whole, a picture is seen. */
function act(item) {
  if (item.batch) {
    if (!opened.delete(item.batch)) {
      opened.add(item.batch);
      if (!byId("gallery-dialog").open) showEntry(item.rows[0], item.rows);
    }
    return look();
  }
  if (byId("gallery-dialog").open) {
    byId("gallery-dialog").close();
    bringIntoView();
  }
  return showEntry(item.rows[0]);
}

function pickTo(index) {
  const from = Math.max(0, grid.items.findIndex(({ key }) => key === anchor));
  const [first, last] = [Math.min(from, index), Math.max(from, index)];
  pick(grid.items.slice(first, last + 1).flatMap(({ rows }) => rows), true);
}

function toggle(item) {
  anchor = item.key;
  pick(item.rows, !isPicked(item.rows));
}

function clicked(event) {
  const index = grid.indexOf(event.target);
  if (index < 0) return;
  if (pressing?.held) return void (pressing = null); // the end of a long press
  grid.focus(index);
  const item = grid.items[index];
  if (event.shiftKey) return pickTo(index);
  if (event.ctrlKey || event.metaKey || event.target.closest(".pick-check") || picks()) return toggle(item);
  anchor = item.key;
  return act(item);
}

/** A finger that rests picks. */
function startPressing() {
  const room = byId("pick-room");
  const end = () => { if (pressing && !pressing.held) { clearTimeout(pressing.timer); pressing = null; } };
  room.addEventListener("pointerdown", (event) => {
    end();
    pressing = null;
    const index = grid.indexOf(event.target);
    if (event.pointerType !== "touch" || index < 0) return;
    const item = grid.items[index];
    const timer = setTimeout(() => { pressing.held = true; toggle(item); navigator.vibrate?.(10); }, LONG);
    pressing = { timer, x: event.clientX, y: event.clientY, held: false };
  });
  room.addEventListener("pointermove", ({ clientX, clientY }) => { if (pressing && Math.hypot(clientX - pressing.x, clientY - pressing.y) > STILL) end(); });
  for (const kind of ["pointerup", "pointercancel", "scroll"]) room.addEventListener(kind, end, { passive: true });
  room.addEventListener("contextmenu", (event) => { if (pressing) event.preventDefault(); });
}

/** The keys of the grid; what they do is done with what is picked, or else with the one that has the focus. */
function pressed(event) {
  const item = grid.items[grid.active];
  const to = grid.led(event);
  const those = picks() && pickedRows().length ? pickedRows() : item.rows;
  const control = event.ctrlKey || event.metaKey;
  if (to !== undefined && !event.altKey) {
    if (event.shiftKey && anchor === null) anchor = item.key;
    grid.focus(to);
    if (event.shiftKey) pickTo(to);
    else if (!control) anchor = grid.items[to].key;
  } else if (event.key === " ") toggle(item);
  else if (event.key === "Enter" && !control) act(item);
  else if (event.key === "Escape" && picks()) clearPicked();
  else if (event.key === "Delete") event.repeat || deletePicked(those);
  else if (control && letterOf(event) === "a") pick(grid.items.flatMap(({ rows }) => rows), true);
  else if (!control && !event.altKey && letterOf(event) === "s") event.repeat || starPicked(those);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** What is picked is meant wherever in the gallery the focus is, but where one writes. */
function pressedBeside(event) {
  if (!picks() || event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") clearPicked();
  else if (event.key === "Delete") event.repeat || deletePicked(pickedRows());
  else if (letterOf(event) === "s") event.repeat || starPicked(pickedRows());
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function startDrags() {
  byId("pick-grid").addEventListener("dragstart", (event) => {
    const item = grid.items[grid.indexOf(event.target)];
    if (!item) return;
    const rows = isPicked(item.rows) ? pickedRows() : item.rows;
    dragged(event, rows);
    setTimeout(() => byId("gallery-dialog").close()); // the form lies under it; a drag of what is closed at once would end
  });
}

function start() {
  grid = new Grid(byId("pick-room"), byId("pick-grid"), { describe, seen: load });
  startPicked(() => { if (grid.items.length) refresh(); }, () => byId("gallery-dialog").close());
  startRoom();
  startPressing();
  startDrags();
  byId("pick-grid").addEventListener("click", clicked);
  byId("pick-grid").addEventListener("keydown", pressed);
  byId("gallery-whole").addEventListener("keydown", pressedBeside);
  byId("pick-words").addEventListener("input", () => { byId("pick-room").scrollTop = 0; lookSoon(); });
  byId("pick-words").addEventListener("keydown", (event) => { if (event.key === "ArrowDown" && grid.focus(0)) event.preventDefault(); });
  for (const id of ["pick-model", "pick-day"]) byId(id).addEventListener("change", look);
  byId("pick-starred").addEventListener("click", () => { byId("pick-starred").setAttribute("aria-pressed", String(!isOn("pick-starred"))); look(); });
  byId("pick-close").addEventListener("click", closeGallery);
  byId("gallery-dialog").addEventListener("keydown", (event) => { if (event.key === "Escape" && clearPicked()) event.preventDefault(); });
  byId("gallery-dialog").addEventListener("close", () => { clearPicked(); if (!isSeen()) byId("open-gallery").focus({ preventScroll: true }); });
  whenMarked(() => { if (isSeen()) refresh(); });
  whenGalleryChanges(({ removed }) => { stale = true; forgetPicked(removed); describePicked(); lookSoon(); });
  inEveryLanguage(() => { stale = true; forgetTexts(); describePicked(); lookSoon(); });
}

start();
