// The size that is asked for: shapes to choose from, and one that suits the model where the picture to start from is large.

import { clearErrors, control, defaultOf, field, setValue } from "./controls.js";
import { all, byId, press, show } from "./dom.js";
import { t } from "./i18n.js";
import { chosenModel, nativeSide } from "./offers.js";

const SHAPES = { "1:1": 1, "4:3": 4 / 3, "3:4": 3 / 4, "16:9": 16 / 9, "9:16": 9 / 16 };
const LARGE = 2; // times the area of the model's own square
let source = null; // the picture to start from: { width, height }
let changed = () => {};

export const hasSource = () => source !== null;

/** The longest side of a picture that can come out: larger ones needn't be sent. */
export const longestSide = () => field("width")?.max ?? 2048;

export function startSize(onChange) {
  changed = onChange;
  for (const chip of all("[data-shape]")) chip.addEventListener("click", () => take(shapeSize(chip.dataset.shape)));
  byId("swap").addEventListener("click", () => take([...asked()].reverse()));
  byId("source-large-act").addEventListener("click", () => take(isEmpty(asked()) ? suited(source) : ["", ""]));
}

/** Another picture to start from, or none. A `fresh` one that is large sets a size that suits the model. */
export function setSource(found, fresh) {
  const wasSuited = isEmpty(asked()) || same(asked(), suited(source));
  source = found;
  if (field("width") && wasSuited && (fresh || found === null)) set(suited(found) ?? ["", ""]);
}

/** The shape of what comes out, as far as it is known before: width through height. */
export function expectedShape() {
  const [width, height] = asked().map(Number);
  const own = source ?? { width: Number(defaultOf("width")) || nativeSide(), height: Number(defaultOf("height")) || nativeSide() };
  if (width && height) return width / height;
  if (source) return own.width / own.height;
  return (width || own.width) / (height || own.height);
}

/** What is said beside the size, and of what is painted beyond the picture. */
export function describeSize() {
  const margins = ["left", "top", "right", "bottom"].filter((side) => control(`extend.${side}`).value > 0);
  show(byId("extend-note"), margins.length > 0);
  byId("extend-text").textContent = t("extend.there", { sides: margins.map((side) => `${t(`extend.${side}`).toLowerCase()} ${control(`extend.${side}`).value}`).join(", ") });
  const side = nativeSide();
  for (const name of ["width", "height"]) control(name).placeholder = source || (isEnlarged() && !defaultOf(name)) ? t("size.auto") : String(defaultOf(name) ?? side);
  for (const chip of all("[data-shape]")) press(chip, same(shapeSize(chip.dataset.shape), asked()));
  const better = suited(source);
  const [kept, taken] = [isEmpty(asked()), same(asked(), better)];
  show(byId("source-large"), better !== null && (kept || taken));
  if (better === null) return;
  const [width, height] = better;
  byId("source-large-text").textContent = kept ? t("source.large", { ...source, side }) : t("source.suited", { width, height, side });
  byId("source-large-act").textContent = kept ? t("source.suit", { width, height }) : t("source.own", source);
}

/** Does the model have pictures enlarged whose size nobody says? */
const isEnlarged = () => Boolean(chosenModel()?.upscaler);
const asked = () => [control("width").value.trim(), control("height").value.trim()];
const isEmpty = (size) => size.join("") === "";
const same = (one, other) => other !== null && String(one) === String(other);

function set([width, height]) {
  setValue("width", width);
  setValue("height", height);
}

function take(size) {
  set(size);
  for (const name of ["width", "height"]) clearErrors(control(name));
  changed();
}

function shapeSize(shape) {
  if (shape === "auto") return ["", ""];
  const side = nativeSide();
  const multiple = side >= 512 ? 64 : 8;
  const root = Math.sqrt(SHAPES[shape]);
  return [side * root, side / root].map((value) => bounded(value, multiple));
}

/** A size of the picture's shape and about the model's own area; null where the picture's own isn't much more. */
function suited(picture) {
  const side = nativeSide();
  if (picture === null || picture.width * picture.height <= LARGE * side * side) return null;
  const shape = picture.width / picture.height;
  const sizes = [];
  for (let part = 0.9; part <= 1.1; part += 0.01) {
    const width = bounded(side * Math.sqrt(shape) * part, 8);
    const height = bounded(width / shape, 8);
    sizes.push({ size: [width, height], off: Math.abs(width / height / shape - 1) + Math.abs(part - 1) / 100 });
  }
  return sizes.reduce((best, one) => (one.off < best.off ? one : best)).size;
}

function bounded(value, multiple) {
  return Math.min(Math.max(Math.round(value / multiple) * multiple, field("width")?.min ?? 64), longestSide());
}
