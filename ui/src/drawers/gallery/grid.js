// A grid of many cells, of which only the rows near what is seen stand in the document; by mouse, finger and keys.

import { make } from "../../js/dom.js";

const GAP = 8; // pixels, as in the style
const LEAST = 96; // a cell's side
const BEYOND = 2; // rows that stand ready above and below

export class Grid {
  /** `room` scrolls and `element` is the grid in it; `describe(cell, item)` fills a cell, `seen(items)` is told what stands. */
  constructor(room, element, { describe, seen }) {
    Object.assign(this, { room, element, describe, seen, items: [], rows: new Map(), active: 0, columns: 1, side: LEAST });
    let asked = false;
    room.addEventListener("scroll", () => {
      if (!asked) requestAnimationFrame(() => { asked = false; this.update(); });
      asked = true;
    }, { passive: true });
    new ResizeObserver(() => this.arrange()).observe(room);
    element.addEventListener("focusin", ({ target }) => this.activate(this.indexOf(target)));
  }

  /** What is in it now: what was first in sight stays there, and the focus on its item. */
  set(items) {
    const [active, top] = [this.items[this.active]?.key, this.items[this.firstSeen()]?.key];
    const inside = this.element.contains(document.activeElement);
    this.items = items;
    const there = items.findIndex(({ key }) => key === active);
    this.active = Math.max(0, there >= 0 || !inside ? there : Math.min(this.active, items.length - 1)); // its neighbour
    this.measure();
    const first = this.room.scrollTop > this.height ? items.findIndex(({ key }) => key === top) : -1;
    if (first >= 0) this.room.scrollTop = Math.floor(first / this.columns) * this.height + (this.room.scrollTop % this.height);
    this.fill();
    if (inside && items.length) this.cell(this.active)?.focus({ preventScroll: true });
  }

  /** Fills every cell anew. */
  fill() {
    this.update();
    for (const [at, row] of this.rows) this.fillRow(at, row);
    this.seen(this.standing());
  }

  /** To be called when the room has changed. */
  arrange() {
    const top = this.firstSeen();
    const before = this.columns;
    this.measure();
    if (this.columns !== before) {
      this.room.scrollTop = Math.floor(top / this.columns) * this.height;
      for (const row of this.rows.values()) row.remove();
      this.rows.clear();
    }
    for (const [at, row] of this.rows) this.place(at, row);
    this.update();
  }

  /** Moves the focus to an item; true where there is one. */
  focus(index) {
    if (!this.items[index]) return false;
    this.activate(index);
    const [top, seen] = [Math.floor(index / this.columns) * this.height, this.room.clientHeight];
    if (top < this.room.scrollTop) this.room.scrollTop = top;
    else if (top + this.height > this.room.scrollTop + seen) this.room.scrollTop = top + this.height - seen;
    this.update();
    this.cell(index).focus({ preventScroll: true });
    return true;
  }

  /** Where a key leads from the active item; undefined for one that leads nowhere. */
  led(event) {
    const page = Math.max(1, Math.floor(this.room.clientHeight / this.height)) * this.columns;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns, PageUp: -page, PageDown: page }[event.key];
    const last = this.items.length - 1;
    if (event.key === "Home") return 0;
    if (event.key === "End") return last;
    if (by === undefined) return undefined;
    const to = this.active + by;
    if (Math.abs(by) === page) return Math.max(0, Math.min(last, to));
    return to < 0 || to > last ? this.active : to;
  }

  cell(index) {
    return this.rows.get(Math.floor(index / this.columns))?.children[index % this.columns];
  }

  indexOf(target) {
    const cell = target.closest?.("[role=gridcell]");
    return cell ? Number(cell.parentElement.dataset.row) * this.columns + [...cell.parentElement.children].indexOf(cell) : -1;
  }

  activate(index) {
    if (index < 0) return;
    this.cell(this.active)?.setAttribute("tabindex", "-1");
    this.active = index;
    this.cell(index)?.setAttribute("tabindex", "0");
  }

  firstSeen() {
    return Math.floor(this.room.scrollTop / this.height || 0) * this.columns;
  }

  measure() {
    const width = this.element.clientWidth;
    this.columns = Math.max(2, Math.floor((width + GAP) / (LEAST + GAP)));
    this.side = (width - (this.columns - 1) * GAP) / this.columns;
    this.height = this.side + GAP;
    const count = Math.ceil(this.items.length / this.columns);
    this.element.style.height = `${count * this.height}px`;
    this.element.style.setProperty("--columns", this.columns);
    this.element.setAttribute("aria-rowcount", count);
    this.element.setAttribute("aria-colcount", this.columns);
  }

  /** Takes away the rows that are far from what is seen, but not the focus, and adds those that are near. */
  update() {
    if (!this.room.clientHeight) return;
    const count = Math.ceil(this.items.length / this.columns);
    const first = Math.max(0, Math.floor(this.room.scrollTop / this.height) - BEYOND);
    const last = Math.min(count - 1, Math.floor((this.room.scrollTop + this.room.clientHeight) / this.height) + BEYOND);
    for (const [at, row] of this.rows) {
      if ((at >= first && at <= last) || (at < count && row.contains(document.activeElement))) continue;
      row.remove();
      this.rows.delete(at);
    }
    let fresh = false;
    for (let at = first; at <= last; at++) {
      if (this.rows.has(at)) continue;
      const row = make("div", { role: "row", className: "pick-row", "data-row": at, "aria-rowindex": at + 1 });
      this.rows.set(at, row);
      this.place(at, row);
      this.fillRow(at, row);
      const after = [...this.element.children].find((other) => Number(other.dataset.row) > at);
      this.element.insertBefore(row, after ?? null);
      fresh = true;
    }
    if (this.items.length && !this.cell(this.active)) this.activate(Math.min(this.firstSeen(), this.items.length - 1)); // what Tab leads to
    if (fresh) this.seen(this.standing());
  }

  place(at, row) {
    row.style.transform = `translateY(${at * this.height}px)`;
    row.style.height = `${this.side}px`;
  }

  fillRow(at, row) {
    const items = this.items.slice(at * this.columns, (at + 1) * this.columns);
    while (row.children.length > items.length) row.lastChild.remove();
    items.forEach((item, place) => {
      const cell = row.children[place] ?? row.appendChild(make("div", { role: "gridcell", className: "pick", "aria-colindex": place + 1 }));
      cell.setAttribute("tabindex", at * this.columns + place === this.active ? "0" : "-1");
      this.describe(cell, item);
    });
  }

  /** The items that stand in the document. */
  standing() {
    return [...this.rows.keys()].flatMap((at) => this.items.slice(at * this.columns, (at + 1) * this.columns));
  }
}
