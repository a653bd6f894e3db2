// The latest pictures in a strip below the stage, and the way to all of them: on wide screens the gallery stands beside the
// stage where somebody has opened it there, or has made many.

import { gallery, thumbsOf, whenGalleryChanges } from "./collection.js";
import { byId, make, show } from "./dom.js";
import { drawer } from "./drawers.js";
import { inEveryLanguage, number, t } from "./i18n.js";
import { remember, remembered } from "./memory.js";

const MOST = 24;
const MANY = 24; // pictures, from which on the gallery stands beside the stage by itself at the next visit
const urls = new Map(); // id → the address of its small picture
const listeners = new Set();
let chosen = null;
let select = () => {};

export const marked = () => chosen;
export const wide = matchMedia("(min-width: 1240px)");

/** `act` whenever another picture is the chosen one. */
export function whenMarked(act) {
  listeners.add(act);
}

export function markChosen(entry) {
  chosen = entry;
  for (const button of byId("thumbs").querySelectorAll(".thumb")) mark(button);
  for (const act of listeners) act();
}

function mark(button) {
  if (button.dataset.id === chosen?.id) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
}

/** `onSelect(row)` is told of a picture that is to be seen. */
export function startGallery(onSelect) {
  select = onSelect;
  byId("open-gallery").addEventListener("click", async () => (await drawer("gallery"))?.openGallery());
  wide.addEventListener("change", openBeside);
  if (document.documentElement.dataset.gallery === "beside" && wide.matches) drawer("gallery", true); // on its way while the rows are read
  whenGalleryChanges(async ({ made }) => {
    render();
    if (made && remembered("limit", 0)) (await drawer("gallery"))?.keepWithin();
  });
  inEveryLanguage(render);
}

/** Opens it beside the stage where it stood there before. */
export async function openBeside() {
  const root = document.documentElement;
  if (root.dataset.gallery === "beside" && wide.matches && !(await drawer("gallery"))?.openGallery(false)) delete root.dataset.gallery;
  if (gallery().length >= MANY && remembered("gallery", null) === null) remember("gallery", "beside");
}

async function render() {
  const visible = gallery().slice(0, MOST);
  const ids = new Set(visible.map(({ id }) => id));
  for (const [id, url] of urls) {
    if (ids.has(id)) continue;
    URL.revokeObjectURL(url);
    urls.delete(id);
  }
  const old = new Map([...byId("thumbs").children].map((item) => [item.dataset.id, item]));
  const items = visible.map((row) => named(old.get(row.id) ?? item(row), row));
  const focused = document.activeElement;
  byId("thumbs").replaceChildren(...items);
  if (focused?.isConnected && focused.classList.contains("thumb")) focused.focus();
  byId("gallery-count").textContent = gallery().length ? number(gallery().length) : "";
  show(byId("open-gallery"), gallery().length > 1);
  const fresh = visible.filter((row) => !old.has(row.id));
  const thumbs = fresh.length ? await thumbsOf(fresh) : [];
  fresh.forEach((row, at) => {
    const image = byId("thumbs").querySelector(`[data-id="${row.id}"] img`);
    if (!image || !thumbs[at] || urls.has(row.id)) return;
    urls.set(row.id, URL.createObjectURL(thumbs[at]));
    image.src = urls.get(row.id);
  });
}

function item(row) {
  const button = make("button", { type: "button", className: "thumb", "data-id": row.id }, make("img", { alt: "", decoding: "async" }));
  button.dir = "auto";
  button.addEventListener("click", () => select(row));
  mark(button);
  return make("li", { "data-id": row.id }, button);
}

function named(element, { prompt, seed }) {
  element.firstChild.setAttribute("aria-label", t("gallery.thumb", { prompt, seed }));
  element.firstChild.title = prompt;
  return element;
}
