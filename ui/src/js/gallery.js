// What was made: newest first, small pictures only, the files themselves in the browser's database. All open tabs show
// the same: what one keeps or deletes, it tells the others.

import { everything, freshId, get, keeps, put, remove } from "./database.js";
import { byId, make, press, show } from "./dom.js";
import { inEveryLanguage, language, number, t } from "./i18n.js";
import { notice } from "./notices.js";
import { opened, thumbnail } from "./pictures.js";

const PAGE = 60;
const SIDE = 320;
let entries = []; // newest first
let shown = PAGE;
let chosen = null;
let comparing = null; // the entries picked so far
const unsaved = new Map(); // id → file, where the browser had no room
const urls = new Map(); // id → the address of its small picture
let select = () => {};
let compare = () => {};
let gone = () => {};
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("imagine.gallery") : null;

export const gallery = () => entries;
export const galleryPlace = (entry) => entries.indexOf(entry);

/** Keeps a finished picture, with the pictures that it was made from. */
export async function keepPicture({ blob, meta, warnings = [], notes = [], timings = {}, sources = {} }) {
  const { thumb, width, height } = await thumbnail(blob, SIDE);
  const entry = { id: freshId(), time: Date.now(), seed: String(meta.seed ?? ""), meta, warnings, notes, timings, width, height, thumb, language: language() };
  entries.unshift(entry);
  try {
    for (const [digest, picture] of picturesOf(meta, sources)) await put("sources", digest, picture);
    await put("files", entry.id, blob);
    await put("entries", entry.id, entry);
    if (await keeps()) tabs?.postMessage({ added: entry });
    else notice(t("gallery.off"), { about: "gallery", bad: true });
  } catch {
    unsaved.set(entry.id, blob);
    notice(t("gallery.full"), { about: "gallery", bad: true });
  }
  render();
  return entry;
}

const partsOf = (meta, name) => (Array.isArray(meta[name]) ? meta[name] : []);

/** The digests of the pictures that a recipe names. */
const digestsOf = (meta) => [meta.img, meta.mask, ...partsOf(meta, "control").map((one) => one.image), ...partsOf(meta, "references").flatMap((one) => [one.img, one.mask])].filter(Boolean);

/** Which picture each digest is: of the form's references a recipe may lack the first, which is then what it started from. */
function picturesOf(meta, { img, mask, control = [], references = [] }) {
  const recorded = partsOf(meta, "references");
  const started = recorded.length < references.length && meta.img && !img ? references[0] : img;
  const attended = references.slice(references.length - recorded.length);
  return [
    [meta.img, started], [meta.mask, mask], ...partsOf(meta, "control").map((one, at) => [one.image, control[at]]),
    ...recorded.map((one, at) => [one.img, recorded.length > references.length ? (at === 0 ? img : references[at - 1]) : attended[at]]),
  ].filter(([digest, picture]) => digest && picture);
}

/** The PNG itself; undefined where the browser has lost it. */
export const fileOf = async (entry) => unsaved.get(entry.id) ?? (await get("files", entry.id));

/** The picture of `digest` that pictures were made from, if it is here. */
export const sourceOf = (digest) => (digest ? get("sources", digest) : undefined);

export async function deletePicture(entry) {
  const place = entries.indexOf(entry);
  const file = await fileOf(entry);
  entries.splice(place, 1);
  unsaved.delete(entry.id);
  await remove("entries", entry.id);
  await remove("files", entry.id);
  const orphans = {};
  for (const digest of digestsOf(entry.meta)) {
    if (!entries.some((other) => digestsOf(other.meta).includes(digest))) {
      orphans[digest] = await get("sources", digest);
      await remove("sources", digest);
    }
  }
  render();
  tabs?.postMessage({ removed: entry.id });
  return async () => {
    entries.splice(place, 0, entry);
    for (const [digest, picture] of Object.entries(orphans)) if (picture) await put("sources", digest, picture);
    await put("files", entry.id, file);
    await put("entries", entry.id, entry);
    render();
    tabs?.postMessage({ added: entry });
  };
}

/** What another tab has kept or deleted. */
function follow({ data: { added, removed } }) {
  if (added && !entries.some((entry) => entry.id === added.id)) {
    const place = entries.findIndex((entry) => entry.time < added.time);
    entries.splice(place < 0 ? entries.length : place, 0, added);
  }
  const lost = entries.find((entry) => entry.id === removed);
  if (lost) {
    const place = entries.indexOf(lost);
    entries.splice(place, 1);
    if (comparing) comparing = comparing.filter((entry) => entry !== lost);
    gone(lost, entries[place] ?? entries[place - 1]);
  }
  render();
}

export function markChosen(entry) {
  chosen = entry;
  for (const button of byId("thumbs").querySelectorAll(".thumb")) {
    if (button.dataset.id === entry?.id && !comparing) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

/** `onGone(entry, neighbour)` is told of a picture that another tab has deleted. */
export async function startGallery(onSelect, onCompare, onGone) {
  [select, compare, gone] = [onSelect, onCompare, onGone];
  byId("more").addEventListener("click", () => { shown += PAGE; render(); });
  byId("compare").addEventListener("click", () => setComparing(comparing ? null : []));
  const meanwhile = [];
  if (tabs) tabs.onmessage = (message) => meanwhile.push(message);
  const found = await everything("entries").catch(() => []);
  const known = new Set(entries.map((entry) => entry.id));
  entries = [...entries, ...found.filter((entry) => !known.has(entry.id)).sort((a, b) => b.time - a.time)];
  inEveryLanguage(render);
  if (tabs) tabs.onmessage = follow;
  meanwhile.forEach(follow);
}

/** Ends the choosing of two to compare; false where none was going on. */
export function stopComparing() {
  if (!comparing) return false;
  setComparing(null);
  byId("compare").focus();
  return true;
}

/** Is this blob a picture that opens? */
export const isPicture = (blob) => opened(blob).then(() => true, () => false);

function render() {
  const visible = entries.slice(0, shown);
  const keepIds = new Set(visible.map((entry) => entry.id));
  for (const [id, url] of urls) {
    if (!keepIds.has(id)) {
      URL.revokeObjectURL(url);
      urls.delete(id);
    }
  }
  const old = new Map([...byId("thumbs").children].map((item) => [item.dataset.id, item]));
  const items = visible.map((entry) => named(old.get(entry.id) ?? item(entry), entry));
  const focused = document.activeElement;
  byId("thumbs").replaceChildren(...items);
  if (focused?.isConnected && focused.classList.contains("thumb")) focused.focus();
  byId("gallery-count").textContent = entries.length ? number(entries.length) : "";
  show(byId("more"), entries.length > shown);
  show(byId("compare"), entries.length > 1);
  markChosen(chosen);
}

function item(entry) {
  const url = URL.createObjectURL(entry.thumb);
  urls.set(entry.id, url);
  const button = make("button", { type: "button", className: "thumb", "data-id": entry.id }, make("img", { src: url, alt: "", decoding: "async" }));
  button.dir = "auto";
  button.addEventListener("click", () => (comparing ? pick(entry, button) : select(entry)));
  return make("li", { "data-id": entry.id }, button);
}

function named(element, entry) {
  element.firstChild.setAttribute("aria-label", t("gallery.thumb", { prompt: entry.meta.prompt ?? "", seed: entry.seed }));
  element.firstChild.title = entry.meta.prompt ?? "";
  return element;
}

function setComparing(picked) {
  comparing = picked;
  const on = picked !== null;
  press(byId("compare"), on);
  byId("gallery-hint").textContent = t(on ? "compare.pick" : "gallery.empty");
  byId("gallery-hint").dataset.t = on ? "compare.pick" : "gallery.empty";
  byId("compare").closest(".gallery").toggleAttribute("data-comparing", on);
  for (const button of byId("thumbs").querySelectorAll(".thumb")) on ? press(button, false) : button.removeAttribute("aria-pressed");
  markChosen(chosen);
}

function pick(entry, button) {
  const at = comparing.indexOf(entry);
  if (at >= 0) comparing.splice(at, 1);
  else comparing.push(entry);
  press(button, at < 0);
  if (comparing.length < 2) return;
  const [one, other] = comparing;
  setComparing(null);
  compare(one, other);
}
