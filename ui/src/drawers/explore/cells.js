// The cells of a grid where one sees them: a table that is read and walked through by keys, a page of it for each value of
// the third axis. Each shows its small picture, how far it is, or why it failed.

import { rowOf, thumbsOf } from "../../js/collection.js";
import { all, byId, icon, make, show } from "../../js/dom.js";
import { t } from "../../js/i18n.js";
import { cellAt, theGrid } from "./feed.js";
import { axisName, cellName, countOf, labelOf } from "./kinds.js";

const urls = new Map(); // a picture's id → the address of its small one
let shown = ""; // what stands in the document: the grid, its page and the language
let names = []; // of its cells: asking the form for each at every step would keep the page busy
let page = 0;
let active = 0; // the cell that Tab leads to, of this page
let open = () => {};
let loading = false;

const across = () => theGrid().axes[0]?.values.length ?? 1;
const down = () => theGrid().axes[1]?.values.length ?? 1;
const pages = () => theGrid().axes[2]?.values.length ?? 1;
const first = () => page * across() * down();
const cells = () => all("[role=gridcell]", byId("explore-grid"));

/** Of these small pictures none is needed any more. */
function release(wanted = new Set()) {
  for (const [id, url] of urls) {
    if (wanted.has(id)) continue;
    URL.revokeObjectURL(url);
    urls.delete(id);
  }
}

export function showPage(which) {
  page = Math.max(0, Math.min(pages() - 1, which));
  byId("explore-page").value = String(page);
  describeCells();
}

/** Shows what has become of the grid by now; only what has changed is written anew. */
export function describeCells() {
  const grid = theGrid();
  const walk = grid.axes[0].field === "walk";
  if (!shown.startsWith(grid.id)) page = 0;
  const key = `${grid.id} ${page} ${document.documentElement.lang}`;
  if (key !== shown) {
    const within = byId("explore-grid").contains(document.activeElement);
    if (!shown.startsWith(grid.id)) { release(); active = 0; }
    shown = key;
    names = Array.from({ length: across() * down() }, (_, place) => cellName(grid.axes, first() + place));
    byId("explore-grid").replaceChildren(...table(grid));
    byId("explore-grid").style.setProperty("--columns", across());
    byId("explore-grid").classList.toggle("walk", walk);
    offerPages(grid);
    if (within) cells()[active]?.focus();
  }
  describeEach();
  loadThumbs();
}

function offerPages(grid) {
  show(byId("explore-pages"), pages() > 1);
  if (pages() < 2) return;
  const { field, values } = grid.axes[2];
  byId("explore-page-name").textContent = axisName(field);
  byId("explore-page").replaceChildren(...values.map((value, at) => make("option", { value: String(at) }, labelOf(field, value))));
  byId("explore-page").value = String(page);
}

function table({ axes }) {
  const [x, y] = axes;
  const label = (role, { field, values }, at) => make("div", { role, className: "explore-label", title: labelOf(field, values[at]) }, make("span", { dir: "auto" }, labelOf(field, values[at])));
  const corner = make("div", { role: "columnheader", className: "explore-corner" }, make("span", {}, y ? axisName(y.field) : ""), make("span", {}, axisName(x.field)));
  const head = make("div", { role: "row", className: "explore-row" }, corner, ...x.values.map((_, at) => label("columnheader", x, at)));
  const rows = Array.from({ length: down() }, (_, row) => make("div", { role: "row", className: "explore-row" },
    y ? label("rowheader", y, row) : make("div", { role: "rowheader", className: "explore-label" }), ...Array.from({ length: across() }, (_, column) => cellOf(row * across() + column))));
  return [head, ...rows];
}

function cellOf(place) {
  return make("div", { role: "gridcell", className: "explore-cell", tabIndex: place === active ? 0 : -1 }, make("img", { alt: "", decoding: "async" }), make("span", { className: "explore-said" }));
}

const describeEach = () => cells().forEach((cell, place) => describeCell(cell, first() + place, names[place]));

function describeCell(cell, at, called) {
  const told = cellAt(at);
  const lost = told.state === "made" && rowOf({ id: told.id }) === undefined;
  const [image, said] = cell.children;
  const url = told.state === "made" ? (urls.get(told.id) ?? "") : "";
  if ((image.getAttribute("src") ?? "") !== url) url ? image.setAttribute("src", url) : image.removeAttribute("src");
  const state = lost ? "lost" : told.state;
  const part = told.order?.part;
  const words = state === "failed" ? told.error : state === "made" ? "" : state === "running" ? t("explore.running", { n: Math.floor((part ?? 0) * 100) }) : t(`explore.cell.${state}`);
  cell.dataset.state = state;
  if (said.dataset.words !== words) {
    said.dataset.words = words;
    said.replaceChildren(...(state === "failed" || state === "lost" ? [icon("reuse")] : []), words);
  }
  const more = state === "failed" ? t("explore.failed", { why: told.error }) : state === "lost" ? t("explore.lost") : words;
  const name = [called, more].filter(Boolean).join(": ");
  if (cell.title !== name) cell.title = name;
  if (cell.getAttribute("aria-label") !== name) cell.setAttribute("aria-label", name);
}

/** The small pictures of this page, and of no other. */
async function loadThumbs() {
  if (loading) return;
  loading = true;
  try {
    for (let missing = wanted().filter((id) => !urls.has(id)); missing.length; missing = wanted().filter((id) => !urls.has(id))) {
      const thumbs = await thumbsOf(missing.map((id) => ({ id })));
      missing.forEach((id, at) => urls.set(id, thumbs[at] ? URL.createObjectURL(thumbs[at]) : ""));
      describeEach();
    }
    release(new Set(wanted()));
  } finally {
    loading = false;
  }
}

const wanted = () => Array.from({ length: Math.min(across() * down(), countOf(theGrid().axes)) }, (_, place) => cellAt(first() + place).id).filter((id) => id !== undefined);

/** Goes to a cell of this page with the focus. */
export function focusCell(place) {
  const list = cells();
  if (!list[place]) return;
  if (list[active]) list[active].tabIndex = -1;
  active = place;
  list[place].tabIndex = 0;
  list[place].focus();
}

function pressed(event) {
  if (event.ctrlKey && !["Home", "End"].includes(event.key)) return;
  if (event.metaKey || event.altKey || !event.target.matches("[role=gridcell]")) return;
  const [columns, rows] = [across(), down()];
  const [column, row] = [active % columns, Math.floor(active / columns)];
  const to = {
    ArrowLeft: column > 0 ? active - 1 : active, ArrowRight: column < columns - 1 ? active + 1 : active,
    ArrowUp: row > 0 ? active - columns : active, ArrowDown: row < rows - 1 ? active + columns : active,
    Home: event.ctrlKey ? 0 : row * columns, End: event.ctrlKey ? columns * rows - 1 : (row + 1) * columns - 1,
  }[event.key];
  if (to !== undefined) focusCell(to);
  else if (event.key === "PageDown" || event.key === "PageUp") showPage(page + (event.key === "PageDown" ? 1 : -1));
  else if (event.key === "Enter" || event.key === " ") open(first() + active);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** `act(at)` is told of a cell that is opened. */
export function startCells(act) {
  open = act;
  byId("explore-grid").addEventListener("keydown", pressed);
  byId("explore-grid").addEventListener("click", ({ target }) => {
    const place = cells().indexOf(target.closest("[role=gridcell]"));
    if (place < 0) return;
    focusCell(place);
    open(first() + place);
  });
  byId("explore-grid").addEventListener("focusin", ({ target }) => { // brought there by something else than these keys
    const place = cells().indexOf(target);
    if (place >= 0 && place !== active) focusCell(place);
  });
  byId("explore-page").addEventListener("change", ({ target }) => showPage(Number(target.value)));
}
