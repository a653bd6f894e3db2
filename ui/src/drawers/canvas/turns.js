// The conversation about a picture: its turns, each a picture of the gallery that was made of another by a sentence and a place.
// Any of them can be gone back to, and on from: they branch, and nothing of them is lost.

import { entryOf, fileOf, gallery, rowOf, sourceOf, thumbsOf } from "../../js/collection.js";
import { freshId } from "../../js/database.js";
import { all, byId, make, show } from "../../js/dom.js";
import { t } from "../../js/i18n.js";
import { scaled } from "../../js/pictures.js";
import { longestSide } from "../../js/size.js";
import { levelsOf, pixelsOf } from "./files.js";
import { canvasOf } from "./layers.js";

const SIDE = 112; // pixels of a small picture
const GRAIN = 24; // of each side, in which a place is told
const DIM = 0.5; // how dark what stayed is shown
const MOST = 0.6; // of the picture: more is nearly all of it
let now = null; // the conversation, and where in it one is: { talk, of }
let original = null; // what it began with, as it was given: { talk, source }
let go = () => {};
let round = 0; // how often the list was asked for
const known = new Map(); // by id: { canvas, sentence, place } of what is listed

/** A conversation that begins, with a picture of the gallery or another. */
export const begun = (id = freshId()) => ({ talk: id, of: id });

/** Where a picture of the gallery stands in its conversation. */
export const turnOf = ({ id }) => ({ talk: rowOf({ id })?.turn?.talk ?? id, of: id });

/** Was the picture that one stands at made in this conversation? */
export const hasBefore = () => Boolean(now && now.of !== now.talk && rowOf({ id: now.of })?.turn);

const turns = () => gallery().filter(({ turn }) => turn?.talk === now.talk).reverse(); // as they came

/** `onGo(id)` is asked to go to a turn. */
export function startTurns(onGo) {
  go = onGo;
  byId("canvas-turn-list").addEventListener("keydown", (event) => {
    const buttons = all("button", byId("canvas-turn-list"));
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowUp: at - 1, ArrowLeft: at - 1, ArrowDown: at + 1, ArrowRight: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    buttons[Math.max(0, Math.min(buttons.length - 1, to))].focus();
  });
}

/** Takes up the conversation that a picture to start from stands in. */
export function useTurns(source) {
  now = source.turn;
  if (now.of === now.talk && !(original?.talk === now.talk)) original = { talk: now.talk, source };
  return showTurns();
}

export function dropTurns() {
  now = original = null;
  known.clear();
  byId("canvas-turn-list").replaceChildren();
}

/** Lists the turns so far, where there are any. */
export async function showTurns() {
  if (!now) return;
  const own = ++round;
  const made = turns();
  const ids = [now.talk, ...made.map(({ id }) => id)];
  for (const id of made.length ? ids : []) {
    if (!known.has(id)) known.set(id, await told(id));
    if (own !== round || !now) return; // asked for anew, or closed
  }
  const focused = document.activeElement?.dataset.turn;
  byId("canvas-turn-list").replaceChildren(...(made.length ? ids.map((id, n) => item(id, n, ids)) : []));
  show(byId("canvas-turns"), made.length > 0);
  const buttons = all("button", byId("canvas-turn-list"));
  buttons.find((button) => button.dataset.turn === focused)?.focus();
  buttons.find((button) => button.ariaCurrent)?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function item(id, n, ids) {
  const { canvas, sentence, place } = known.get(id);
  const from = ids.indexOf(rowOf({ id })?.turn?.of);
  const said = [place && t(`canvas.place.${place}`), n > 1 && from >= 0 && from !== n - 1 ? (from ? t("canvas.turn.from", { n: from }) : t("canvas.turn.first")) : ""].filter(Boolean).join(", ");
  const words = make("span", { className: "turn-words" }, make("span", { className: "turn-said", dir: "auto" }, n ? `${n}. ${sentence}` : t("canvas.turn.begin")), make("span", { className: "hint" }, said));
  const button = make("button", { type: "button", className: "turn", "data-turn": id, title: sentence, tabIndex: id === now.of || (n === 0 && !ids.includes(now.of)) ? 0 : -1, onclick: () => go(id) }, canvas, words);
  if (id === now.of) button.setAttribute("aria-current", "true");
  return make("li", {}, button);
}

/** What is shown of a turn: its picture, darker where it stayed; its sentence; its place. */
async function told(id) {
  const row = rowOf({ id });
  const entry = row && (await entryOf(row));
  const blob = row ? (await thumbsOf([row]))[0] : id === now?.talk ? await beginning() : null;
  const place = !entry?.turn ? { name: null } : await placeIn(entry);
  return { canvas: await smallPicture(blob, place), sentence: sentenceOf(entry), place: place.name };
}

const sentenceOf = (entry) => entry?.meta.assisted?.wish ?? entry?.meta.prompt ?? "";

async function smallPicture(blob, { levels = null, inner = null }) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  canvas.width = canvas.height = SIDE;
  const bitmap = blob && (await createImageBitmap(blob).catch(() => null));
  if (!bitmap) return canvas;
  const factor = SIDE / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width * factor, bitmap.height * factor];
  const box = [(SIDE - width) / 2, (SIDE - height) / 2, width, height];
  const drawn = canvas.getContext("2d");
  drawn.imageSmoothingQuality = "high";
  drawn.drawImage(bitmap, ...box);
  bitmap.close();
  if (levels) {
    const shade = canvasOf(GRAIN, GRAIN);
    const pixels = new ImageData(GRAIN, GRAIN);
    levels.forEach((level, at) => { pixels.data[at * 4 + 3] = (255 - level) * DIM; });
    shade.getContext("2d").putImageData(pixels, 0, 0);
    drawn.drawImage(shade, ...box);
  } else if (inner) {
    drawn.fillStyle = `rgb(0 0 0 / ${DIM})`;
    drawn.fillRect(box[0] + inner.left * width, box[1] + inner.top * height, inner.width * width, inner.height * height);
  }
  return canvas;
}

/** Where a turn has painted: in which part, by its `name` and the mask's few `levels`, or beyond what lay `inner`. */
async function placeIn({ meta, width, height }) {
  const mask = await sourceOf(meta.mask);
  if (!mask) return meta.extend ? { name: "beyond", inner: within(meta.extend, width, height) } : { name: "all" };
  const bitmap = await createImageBitmap(mask);
  const levels = levelsOf(pixelsOf(bitmap, GRAIN, GRAIN));
  bitmap.close();
  let [sum, across, down] = [0, 0, 0];
  levels.forEach((level, at) => { sum += level; across += level * (at % GRAIN); down += level * Math.floor(at / GRAIN); });
  if (sum > MOST * 255 * levels.length) return { name: "most", levels };
  const third = (value) => Math.min(2, Math.floor((3 * (value / (sum || 1) + 0.5)) / GRAIN));
  return { name: `${["top", "middle", "bottom"][third(down)]}.${["left", "middle", "right"][third(across)]}`, levels };
}

/** Where in a picture lies what it was extended from, in parts of its sides. */
function within({ left = 0, top = 0, right = 0, bottom = 0 }, width, height) {
  return { left: left / width, top: top / height, width: Math.max(0, 1 - (left + right) / width), height: Math.max(0, 1 - (top + bottom) / height) };
}

/** What the conversation began with, where that is no picture of the gallery. */
async function beginning() {
  if (original?.talk === now.talk) return (original.source.work ?? original.source).blob;
  const first = turns().find(({ turn }) => turn.of === now.talk);
  const entry = first && (await entryOf(first));
  return entry && (entry.turn.work?.blob ?? sourceOf(entry.meta.img));
}

/** A turn's picture to go on from: `{ source, mask, extend, sentence }`; null where the browser has lost it. */
export async function stateOf(id) {
  const turn = { talk: now.talk, of: id };
  if (id === original?.talk && !rowOf({ id })) {
    const { source } = original;
    return { source: { ...source, ...(source.work && { blob: source.work.blob, width: source.work.width, height: source.work.height, from: source.work.from, work: null }), levels: null, turn }, mask: null, extend: {}, sentence: "" };
  }
  const row = rowOf({ id });
  const file = row ? await fileOf(row) : id === now.talk ? await beginning() : null;
  if (!file) return null;
  const made = await scaled(file, longestSide());
  return { source: { ...made, name: t("source.result"), whole: made.from && file, turn }, mask: null, extend: {}, sentence: sentenceOf(row && (await entryOf(row))) };
}

/** What a turn was made of, with its mask and its colours as they were painted. */
export async function requestOf(id) {
  const entry = await entryOf({ id });
  if (!entry) return null;
  const { meta, turn } = entry;
  const [img, mask] = await Promise.all([sourceOf(meta.img), sourceOf(meta.mask)]);
  if (!img) return null;
  const first = turn.of === original?.talk ? { whole: original.source.whole, ...(!turn.work && { from: (original.source.work ?? original.source).from }) } : { whole: null };
  return { source: { ...(await scaled(img, longestSide())), ...first, name: t("source.result"), work: turn.work ?? null, turn: { talk: turn.talk, of: turn.of } }, mask: mask ?? null, extend: meta.extend ?? {}, sentence: sentenceOf(entry) };
}

/** What the picture that one stands at was made of, and where in it that lies. */
export async function pictureBefore() {
  const entry = await entryOf({ id: now.of });
  const blob = entry && (await sourceOf(entry.meta.img));
  return blob ? { blob, inner: within(entry.meta.extend ?? {}, entry.width, entry.height) } : null;
}
