// The places of one run's pictures, or of one picture: arranged so that each is as large as the room allows.

import { make, press } from "./dom.js";
import { t } from "./i18n.js";
import { paint } from "./pictures.js";

const GAP = 8; // pixels, as in the style

export class Board {
  /** `count` places for pictures of `shape`, width through height; `pick(entry)` is called for one that is clicked. */
  constructor(count, shape, pick) {
    this.element = make("div", { className: "tiles" });
    this.pick = pick;
    this.shape = shape;
    this.tiles = Array.from({ length: count }, (_, index) => {
      const canvas = make("canvas", { role: "img", "aria-label": t("picture.waiting", { n: index + 1 }) });
      canvas.width = canvas.height = 1;
      return { index, element: make("div", { className: "tile waiting" }, canvas), canvas, entry: null };
    });
    this.urls = [];
    this.element.append(...this.tiles.map((tile) => tile.element));
    this.arrange();
  }

  get entries() {
    return this.tiles.map((tile) => tile.entry).filter(Boolean);
  }

  /** The entry of a picture that has its place here. */
  find({ id }) {
    return this.tiles.find((tile) => tile.entry?.id === id)?.entry;
  }

  async preview(index, blob) {
    const { canvas, element } = this.place(index) ?? {};
    if (!canvas) return;
    await paint(canvas, blob);
    element.classList.remove("waiting");
    this.shaped(canvas.width / canvas.height);
  }

  /** Puts a finished picture in its place. */
  async fill(index, entry, blob) {
    const tile = this.place(index);
    if (!tile) return;
    const img = make("img", { alt: entry.meta.prompt ?? "" });
    if (blob) { // else the browser has lost it, and what it showed is read
      img.src = URL.createObjectURL(blob);
      this.urls.push(img.src);
    }
    await img.decode().catch(() => {});
    const label = `${t("picture.tile", { n: index + 1 })}: ${entry.meta.prompt ?? ""}`;
    const button = make("button", { type: "button", className: "tile", "aria-label": label, onclick: () => this.pick(entry) }, img);
    tile.element.replaceWith(button);
    Object.assign(tile, { element: button, canvas: null, entry });
    this.shaped(entry.width / entry.height);
  }

  /** Puts words in place of a picture that isn't to be shown, and of what was seen of it; null is the first that isn't done. */
  hide(index, words) {
    const tile = index === null ? this.tiles.find((one) => !one.entry && !one.hidden) : this.place(index);
    if (!tile) return;
    const element = make("p", { className: "tile hidden-tile", role: "note" }, words);
    tile.element.replaceWith(element);
    Object.assign(tile, { element, canvas: null, hidden: true });
  }

  /** Marks the chosen one, and goes there with the focus where it was among these. */
  mark(chosen, byKey = false) {
    const among = byKey && this.element.contains(document.activeElement);
    for (const tile of this.tiles) {
      if (!tile.entry || this.tiles.length === 1) continue;
      press(tile.element, tile.entry.id === chosen?.id);
      if (among && tile.entry.id === chosen?.id) tile.element.focus();
    }
  }

  /** Takes away the places of pictures that didn't come. */
  end() {
    this.keep((tile) => tile.entry || tile.hidden);
  }

  /** Takes pictures away. Returns what puts them back. */
  drop(ids) {
    const all = [...this.tiles];
    const gone = all.filter((one) => ids.has(one.entry?.id));
    this.keep((one) => !gone.includes(one));
    return () => {
      this.tiles = all.filter((one) => gone.includes(one) || this.tiles.includes(one));
      this.element.replaceChildren(...this.tiles.map((one) => one.element));
      this.arrange();
    };
  }

  /** To be called when the room has changed. */
  arrange() {
    const count = this.tiles.length;
    const room = this.element.parentElement?.getBoundingClientRect();
    const [width, height] = room?.width ? [room.width, room.height] : [1, 1];
    const side = (columns) => {
      const rows = Math.ceil(count / columns);
      return Math.min((width - (columns - 1) * GAP) / columns, ((height - (rows - 1) * GAP) / rows) * this.shape);
    };
    let best = 1;
    for (let columns = 2; columns <= count; columns++) if (side(columns) > side(best) + 1) best = columns;
    const style = this.element.style;
    this.columns = best;
    style.setProperty("--columns", best);
    style.setProperty("--rows", Math.max(1, Math.ceil(count / best)));
    style.setProperty("--shape", this.shape);
    this.element.classList.toggle("one", count === 1);
  }

  release() {
    for (const url of this.urls) URL.revokeObjectURL(url);
  }

  place(index) {
    return this.tiles.find((tile) => tile.index === index);
  }

  keep(which) {
    for (const tile of this.tiles) if (!which(tile)) tile.element.remove();
    this.tiles = this.tiles.filter(which);
    this.arrange();
  }

  shaped(shape) {
    if (Math.abs(shape / this.shape - 1) < 0.001) return;
    this.shape = shape;
    this.arrange();
  }
}
