// What is painted on a picture: its mask and its colours, as large as the picture that is sent. A step that can be undone
// keeps the parts that it changed as they were, never whole copies; the oldest go where they take too much room.

import { bounded } from "./coverage.js";

const TILE = 256;
const MOST_BYTES = 64 * 2 ** 20;
const MOST_STEPS = 300;
const TINT = [255, 106, 43];
const SEEN = 0.6; // how much of the tint a whole mask shows
const TINTS = tints();
const NO_FRAME = { left: 0, top: 0, right: 0, bottom: 0 };

export class Layers {
  /** `seen(box)` is called for what is to be shown anew, null for all of it; `changed()` after each step, there or back. */
  constructor(width, height, seen, changed) {
    Object.assign(this, { width, height, seen, changed, done: [], undone: [], step: null });
    this.mask = new Uint8Array(width * height);
    this.cover = new Uint8Array(width * height);
    this.tint = canvasOf(width, height);
    this.sketch = null;
    this.frame = NO_FRAME; // pixels beyond each edge that the picture is to have; less than 0: that are cut off
  }

  release() {
    for (const canvas of [this.tint, this.sketch]) if (canvas) canvas.width = canvas.height = 1;
    this.mask = this.cover = new Uint8Array(0);
    this.done = this.undone = [];
  }

  /** Takes a mask as it was: levels, one for each pixel. */
  setMask(levels) {
    this.mask.set(levels);
    this.showMask(this.whole());
  }

  /** Takes colours that were painted before. */
  setSketch(bitmap) {
    this.colours().drawImage(bitmap, 0, 0);
  }

  whole() {
    return { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  /** Begins a step on a layer, "mask" or "sketch". */
  begin(layer) {
    this.step = { layer, tiles: new Map(), bytes: 0 };
  }

  /** Lays what is covered in a box on the step's layer, over what was there before the step. */
  lay(box, { erase, colour }) {
    for (const tile of this.tilesIn(box)) {
      const before = this.keptTile(tile);
      const part = { left: Math.max(box.left, tile.left), top: Math.max(box.top, tile.top), right: Math.min(box.right, tile.right), bottom: Math.min(box.bottom, tile.bottom) };
      if (this.step.layer === "mask") this.layMask(before, tile, part, erase);
      else this.laySketch(before, tile, part, erase, colour);
    }
    if (this.step.layer === "mask") this.showMask(box);
    this.seen(box);
  }

  /** Draws a picture on the colours, as a step of its own. */
  place(bitmap, { x, y, width, height }) {
    this.begin("sketch");
    const box = bounded({ left: x, top: y, right: x + width, bottom: y + height }, this.width, this.height);
    for (const tile of this.tilesIn(box)) this.keptTile(tile);
    const drawn = this.colours();
    drawn.imageSmoothingQuality = "high";
    drawn.drawImage(bitmap, x, y, width, height);
    this.seen(box);
    this.end();
  }

  /** Ends the step, which can be undone from now on. */
  end() {
    const { step } = this;
    this.step = null;
    for (const { left, top, right, bottom } of step.tiles.values()) this.uncover(left, top, right, bottom);
    if (step.tiles.size) this.push(step);
  }

  /** Ends the step as if it had never begun. */
  abort() {
    const { step } = this;
    if (!step) return;
    this.step = null;
    for (const { left, top, right, bottom } of step.tiles.values()) this.uncover(left, top, right, bottom);
    this.swap(step);
  }

  invert() {
    const step = { invert: true, bytes: 0 };
    this.swap(step);
    this.push(step);
  }

  /** Nothing is painted on a layer any more. */
  clear(layer) {
    this.begin(layer);
    this.cover.fill(255);
    this.lay(this.whole(), { erase: true, colour: TINT });
    const painted = [...this.step.tiles].filter(([, tile]) => tile.data.some(Boolean));
    Object.assign(this.step, { tiles: new Map(painted), bytes: painted.reduce((sum, [, tile]) => sum + tile.data.length, 0) });
    this.cover.fill(0);
    this.end();
  }

  /** Adds levels, one for each pixel, to the mask. */
  addMask(levels) {
    this.begin("mask");
    this.cover.set(levels);
    this.lay(this.whole(), { erase: false });
    this.cover.fill(0);
    this.end();
  }

  /** Another frame, as a step; `by` tells steps that belong together, as numbers of one field that is typed in. */
  setFrame(frame, by = null) {
    if (Object.keys(frame).every((side) => frame[side] === this.frame[side])) return;
    const step = { frame: this.frame, by, bytes: 0 };
    this.frame = frame;
    if (by && this.done.at(-1)?.by === by) {
      this.undone = [];
      this.changed();
    } else this.push(step);
  }

  undo() {
    return this.back(this.done, this.undone);
  }

  redo() {
    return this.back(this.undone, this.done);
  }

  /** Is anything painted on the colours? */
  isSketched() {
    if (!this.sketch) return false;
    return [...this.tilesIn(this.whole())].some((tile) => new Uint32Array(this.readSketch(tile).data.buffer).some(Boolean));
  }

  back(from, to) {
    const step = from.pop();
    if (!step) return false;
    this.swap(step);
    to.push(step);
    this.changed();
    return true;
  }

  push(step) {
    this.done.push(step);
    this.undone = [];
    let bytes = this.done.reduce((sum, one) => sum + one.bytes, 0);
    while (this.done.length > 1 && (bytes > MOST_BYTES || this.done.length > MOST_STEPS)) bytes -= this.done.shift().bytes;
    this.changed();
  }

  /** Exchanges what a step kept for what is there. */
  swap(step) {
    if (step.frame) [this.frame, step.frame] = [step.frame, this.frame];
    if (step.invert) {
      for (let at = 0; at < this.mask.length; at++) this.mask[at] = 255 - this.mask[at];
      this.showMask(this.whole());
    }
    for (const tile of step.tiles?.values() ?? []) {
      const now = this.read(step.layer, tile);
      if (step.layer === "mask") {
        this.writeMask(tile);
        this.showMask(tile);
      } else this.colours().putImageData(new ImageData(tile.data, tile.right - tile.left, tile.bottom - tile.top), tile.left, tile.top);
      tile.data = now;
    }
    this.seen(null);
  }

  * tilesIn({ left, top, right, bottom }) {
    if (right <= left || bottom <= top) return;
    for (let y = Math.floor(top / TILE) * TILE; y < bottom; y += TILE) {
      for (let x = Math.floor(left / TILE) * TILE; x < right; x += TILE) {
        yield { left: x, top: y, right: Math.min(x + TILE, this.width), bottom: Math.min(y + TILE, this.height) };
      }
    }
  }

  /** A tile as it was before the step. */
  keptTile(tile) {
    const { step } = this;
    const key = `${tile.left} ${tile.top}`;
    if (!step.tiles.has(key)) {
      const kept = { ...tile, data: this.read(step.layer, tile) };
      step.tiles.set(key, kept);
      step.bytes += kept.data.length;
    }
    return step.tiles.get(key).data;
  }

  read(layer, tile) {
    if (layer === "sketch") return this.readSketch(tile).data;
    const across = tile.right - tile.left;
    const data = new Uint8Array(across * (tile.bottom - tile.top));
    for (let y = tile.top, at = 0; y < tile.bottom; y++, at += across) data.set(this.mask.subarray(y * this.width + tile.left, y * this.width + tile.right), at);
    return data;
  }

  readSketch({ left, top, right, bottom }) {
    return this.colours().getImageData(left, top, right - left, bottom - top);
  }

  writeMask({ left, top, right, bottom, data }) {
    const across = right - left;
    for (let y = top, at = 0; y < bottom; y++, at += across) this.mask.set(data.subarray(at, at + across), y * this.width + left);
  }

  layMask(before, tile, part, erase) {
    const across = tile.right - tile.left;
    for (let y = part.top; y < part.bottom; y++) {
      let from = (y - tile.top) * across + part.left - tile.left;
      for (let at = y * this.width + part.left; at < y * this.width + part.right; at++, from++) {
        const was = before[from];
        this.mask[at] = Math.round(erase ? (was * (255 - this.cover[at])) / 255 : was + ((255 - was) * this.cover[at]) / 255);
      }
    }
  }

  /** Colours over colours, as painters lay them; erasing thins them. */
  laySketch(before, tile, part, erase, [red, green, blue]) {
    const across = tile.right - tile.left;
    const pixels = new ImageData(part.right - part.left, part.bottom - part.top);
    for (let y = part.top, to = 0; y < part.bottom; y++) {
      let from = ((y - tile.top) * across + part.left - tile.left) * 4;
      for (let at = y * this.width + part.left; at < y * this.width + part.right; at++, from += 4, to += 4) {
        const covered = this.cover[at] / 255;
        const under = (before[from + 3] / 255) * (1 - covered);
        const over = erase ? 0 : covered;
        const alpha = over + under;
        if (alpha === 0) continue;
        pixels.data[to] = (red * over + before[from] * under) / alpha;
        pixels.data[to + 1] = (green * over + before[from + 1] * under) / alpha;
        pixels.data[to + 2] = (blue * over + before[from + 2] * under) / alpha;
        pixels.data[to + 3] = alpha * 255;
      }
    }
    this.colours().putImageData(pixels, part.left, part.top);
  }

  /** The mask's levels in a box, as they are seen over the picture. */
  showMask({ left, top, right, bottom }) {
    if (right <= left || bottom <= top) return;
    const pixels = new ImageData(right - left, bottom - top);
    const whole = new Uint32Array(pixels.data.buffer);
    for (let y = top, to = 0; y < bottom; y++) for (let at = y * this.width + left; at < y * this.width + right; at++, to++) whole[to] = TINTS[this.mask[at]];
    this.tint.getContext("2d", { willReadFrequently: true }).putImageData(pixels, left, top);
  }

  uncover(left, top, right, bottom) {
    for (let y = top; y < bottom; y++) this.cover.fill(0, y * this.width + left, y * this.width + right);
  }

  colours() {
    this.sketch ??= canvasOf(this.width, this.height);
    return this.sketch.getContext("2d", { willReadFrequently: true });
  }
}

export function canvasOf(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
}

/** The tint at every level of a mask, a pixel each. */
function tints() {
  const pixels = new Uint8ClampedArray(256 * 4);
  for (let level = 0; level < 256; level++) pixels.set([...TINT, level * SEEN], level * 4);
  return new Uint32Array(pixels.buffer);
}
