// A whole grid as one picture, with its labels: the pages of the third axis beside each other. Pictures are read one after
// the other, so that the sheet alone takes memory.

import { fileOf } from "../../js/collection.js";
import { make } from "../../js/dom.js";
import { t } from "../../js/i18n.js";
import { blobOf } from "../../js/pictures.js";
import { cellAt } from "./feed.js";
import { axisName, countOf, labelOf, placesOf } from "./kinds.js";

const SIDE = 8192; // pixels that browsers surely take of a canvas
const AREA = 64e6;
const LEAST = 192; // of a cell's longer side: smaller ones have no room for words
const GAP = 8;
const LINES = 3; // of a label
const INK = { ground: "#ffffff", text: "#1f1d1a", muted: "#625f57", empty: "#f1f0ec" };
const FONT = "system-ui, -apple-system, \"Segoe UI\", Roboto, \"Noto Sans\", sans-serif";

/** The text in lines that are no wider than that; what has no room ends with an ellipsis. */
export function linesOf(text, measure, width, most) {
  const lines = [""];
  const pieces = text.split(/(?<=\s)/).flatMap((word) => (measure(word) > width ? [...word] : [word])); // a long word is parted
  for (const piece of pieces) {
    const longer = lines.at(-1) + piece;
    if (measure(longer.trimEnd()) <= width || lines.at(-1) === "") lines[lines.length - 1] = longer;
    else lines.push(piece);
  }
  if (lines.length <= most) return lines.map((line) => line.trim());
  const kept = lines.slice(0, most).map((line) => line.trim());
  let last = [...kept.at(-1)];
  while (last.length && measure(`${last.join("").trimEnd()}…`) > width) last = last.slice(0, -1);
  return [...kept.slice(0, -1), `${last.join("").trimEnd()}…`];
}

/** How large a cell is, and how much of it a label may take. */
function plan({ axes }, { width, height }) {
  const [columns, rows, pages] = [0, 1, 2].map((at) => axes[at]?.values.length ?? 1);
  const larger = Math.max(1, LEAST / Math.max(width, height));
  const fits = Math.min((SIDE * 0.85) / (columns * pages * width), (SIDE * 0.9) / (rows * height), Math.sqrt((AREA * 0.8) / (columns * rows * pages * width * height)));
  const scale = Math.min(larger, fits);
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const size = Math.round(Math.min(40, Math.max(11, w / 14)));
  return { columns, rows, pages, w, h, size, edge: Math.round(size * 0.8) };
}

/** The sheet as a canvas. */
async function drawn(grid) {
  const layout = plan(grid, await sizesOf(grid));
  const canvas = make("canvas");
  const context = canvas.getContext("2d");
  const words = wordsOf(grid, layout, context);
  const { edge, line, left, top, pageWidth, foot } = words;
  canvas.width = edge + layout.pages * (pageWidth + edge);
  canvas.height = 2 * edge + top + layout.rows * (layout.h + GAP) + foot.length * line;
  Object.assign(context, { fillStyle: INK.ground, textBaseline: "top", imageSmoothingQuality: "high" });
  context.fillRect(0, 0, canvas.width, canvas.height);
  for (let page = 0; page < layout.pages; page += 1) writeLabels(context, layout, words, page);
  write(context, words, foot, edge, canvas.height - edge / 2 - foot.length * line, { weight: 400, ink: INK.muted });
  for (let at = 0; at < countOf(grid.axes); at += 1) {
    const [column, row = 0, page = 0] = placesOf(grid.axes, at);
    await place(context, at, edge + page * (pageWidth + edge) + left + column * (layout.w + GAP), edge + top + row * (layout.h + GAP), layout);
  }
  return canvas;
}

const fontOf = (weight, size) => `${weight} ${size}px ${FONT}`;

/** All labels in their lines, and the room that they take. */
function wordsOf(grid, { columns, pages, w, h, size, edge }, context) {
  const [x, y, z] = grid.axes;
  const line = Math.round(size * 1.3);
  const measure = (text) => context.measureText(text).width;
  const side = Math.max(w * 0.7, 90); // what labels beside the rows may take
  const valuesOf = (axis, width, most) => (axis?.values ?? []).map((value) => linesOf(labelOf(axis.field, value), measure, width, most));
  context.font = fontOf(600, size);
  const above = valuesOf(x, w, LINES);
  const beside = valuesOf(y, side, Math.max(1, Math.min(6, Math.floor(h / line))));
  const name = y ? linesOf(axisName(y.field), measure, side, 2) : [];
  const left = y ? Math.ceil(Math.max(...[...beside.flat(), ...name].map(measure))) + edge : 0;
  const top = (z ? line + GAP : 0) + line + Math.max(...above.map((lines) => lines.length)) * line + GAP;
  const pageWidth = left + columns * (w + GAP) - GAP;
  const across = linesOf(axisName(x.field), measure, pageWidth - left, 1);
  const titles = (z?.values ?? []).map((value) => linesOf(t("axis.named", { name: axisName(z.field), value: labelOf(z.field, value) }), measure, pageWidth, 1));
  context.font = fontOf(400, size);
  const foot = linesOf(footOf(grid), measure, pages * (pageWidth + edge) - edge, 2);
  return { above, beside, name, across, titles, foot, left, top, pageWidth, line, edge, size };
}

function write(context, { line, size }, lines, at, to, { weight = 600, ink = INK.text, align = "left" } = {}) {
  Object.assign(context, { font: fontOf(weight, size), fillStyle: ink, textAlign: align });
  lines.forEach((text, place) => context.fillText(text, at, to + place * line));
}

function writeLabels(context, { w, h }, words, page) {
  const { above, beside, name, across, titles, left, top, pageWidth, line, edge } = words;
  const start = edge + page * (pageWidth + edge);
  const to = edge + (titles.length ? line + GAP : 0);
  if (titles.length) write(context, words, titles[page], start + left, edge);
  write(context, words, across, start + left, to, { weight: 400, ink: INK.muted });
  write(context, words, name, start, edge + top - GAP - name.length * line, { weight: 400, ink: INK.muted });
  above.forEach((lines, at) => write(context, words, lines, start + left + at * (w + GAP) + w / 2, to + line, { align: "center" }));
  beside.forEach((lines, at) => write(context, words, lines, start + left - edge / 2, edge + top + at * (h + GAP) + (h - lines.length * line) / 2, { align: "right" }));
}

/** What all cells have in common. */
function footOf({ said, axes }) {
  const varied = new Set(axes.map(({ field }) => field));
  const one = (name) => (varied.has(name) || (varied.has("walk") && name === "seed") || said[name] === undefined ? "" : name === "seed" ? t("about.seed", { seed: said.seed }) : String(said[name]));
  return [one("prompt"), one("model"), one("seed")].filter(Boolean).join(" · ");
}

/** The largest width and height of the pictures. */
async function sizesOf(grid) {
  let [width, height] = [1, 1];
  for (let at = 0; at < countOf(grid.axes); at += 1) {
    const bitmap = await bitmapOf(at);
    if (!bitmap) continue;
    [width, height] = [Math.max(width, bitmap.width), Math.max(height, bitmap.height)];
    bitmap.close();
  }
  return { width, height };
}

async function bitmapOf(at) {
  const { id } = cellAt(at);
  const file = id === undefined ? undefined : await fileOf({ id });
  return file ? createImageBitmap(file) : null;
}

/** Puts a picture into the middle of its cell, or an empty place. */
async function place(context, at, left, top, { w, h, size }) {
  const bitmap = await bitmapOf(at);
  if (!bitmap) {
    context.fillStyle = INK.empty;
    context.fillRect(left, top, w, h);
    return writeInto(context, cellAt(at).error ?? "", left, top, { w, h, size });
  }
  const factor = Math.min(w / bitmap.width, h / bitmap.height);
  const [width, height] = [bitmap.width * factor, bitmap.height * factor];
  context.drawImage(bitmap, left + (w - width) / 2, top + (h - height) / 2, width, height);
  return bitmap.close();
}

/** Why there is no picture, in its place. */
function writeInto(context, words, left, top, { w, h, size }) {
  const line = size * 1.3;
  const lines = words ? linesOf(words, (text) => context.measureText(text).width, w - 2 * GAP, Math.max(1, Math.floor((h - 2 * GAP) / line))) : [];
  Object.assign(context, { fillStyle: INK.muted, textAlign: "center" });
  lines.forEach((text, place) => context.fillText(text, left + w / 2, top + (h - lines.length * line) / 2 + place * line));
}

/** The sheet as a PNG. */
export async function sheetOf(grid) {
  return blobOf(await drawn(grid));
}
