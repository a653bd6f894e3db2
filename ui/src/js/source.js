// The picture to start from, and its mask: dropped, pasted, picked, or a result; kept over a reload.

import { byId, show } from "./dom.js";
import { drawer } from "./drawers.js";
import { dropMargins, setWithPicture } from "./form.js";
import { inEveryLanguage, t } from "./i18n.js";
import { dismiss, notice } from "./notices.js";
import { base64From, cover, PictureError, scaled } from "./pictures.js";
import { longestSide } from "./size.js";
import { draft, keepDraft } from "./tabs.js";

let source = null; // { blob, width, height, from, name, whole }, scaled down of `whole`; of the canvas `work`, `levels`, `turn`
let mask = null;
let changed = () => {};

export const sourcePicture = () => source;
export const sourceMask = () => mask;

/** Where the picture stands in its conversation, with what the canvas made it of. */
export const sourceTurn = () => source?.turn && { ...source.turn, work: source.work };

/** The picture is one of a conversation from now on. */
export function markSource(turn) {
  source = { ...source, turn };
  return keep();
}

/** Starts from a file; says beside the place for it where that can't be. True where it could. */
export async function takeSource(blob, name, { withMask = null, quiet = false } = {}) {
  const before = sourceState();
  try {
    const made = await scaled(blob, longestSide());
    source = { ...made, name, whole: made.from && blob };
    mask = withMask;
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    byId("source-error").textContent = t(error.message);
    show(byId("source-error"), true);
    return false;
  }
  if (!quiet) {
    changed();
    dropMargins();
  }
  await keep();
  await describe(!quiet);
  if (!quiet) offerMask(before);
  return true;
}

export async function dropSource({ quiet = false } = {}) {
  const before = sourceState();
  source = mask = null;
  changed();
  await keep();
  await describe();
  if (!quiet) offerMask(before);
}

/** The picture and its mask as they are, to bring them back by `restoreSource`. */
export const sourceState = () => ({ source, mask });

export async function restoreSource(state) {
  ({ source, mask } = state);
  changed();
  await keep();
  await describe();
}

/** A mask that went with its picture was painted by hand: it can be brought back. */
function offerMask(before) {
  dismiss("mask");
  if (before.mask) notice(t("mask.removed"), { about: "mask", action: { text: t("undo"), act: () => restoreSource(before), undo: true } });
}

/** The fields of the request that hold pictures. */
export async function sourceFields() {
  if (source === null) return {};
  const [picture, its] = [source.blob, mask]; // as they are now: the canvas may change them meanwhile
  const img = await base64From(picture);
  return its === null ? { img } : { img, mask: await base64From(its) };
}

export async function startSource(onChange) {
  changed = onChange;
  const pick = () => byId("source-file").click();
  byId("source-empty").addEventListener("click", pick);
  byId("source-replace").addEventListener("click", pick);
  byId("source-file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) takeSource(file, file.name);
  });
  byId("source-remove").addEventListener("click", async () => {
    await dropSource();
    byId("source-empty").focus();
  });
  byId("source-mask").addEventListener("click", async () => (await drawer("canvas"))?.openCanvas());
  byId("extend-remove").addEventListener("click", () => {
    dropMargins();
    byId("source-mask").focus();
  });
  byId("mask-remove").addEventListener("click", async () => {
    const before = sourceState();
    await dropMask();
    offerMask(before);
    byId("source-mask").focus();
  });
  inEveryLanguage(() => { describe(); });
  const kept = await draft("img").catch(() => null);
  if (kept && source === null) {
    source = kept;
    mask = await draft("mask").catch(() => null);
    await describe();
  }
}

async function dropMask() {
  mask = null;
  source = { ...source, levels: null, work: source.work && { ...source.work, mask: null } }; // of what is cut off, too
  changed();
  await keep();
  await describe();
}

async function keep() {
  try {
    await keepDraft("img", source);
    await keepDraft("mask", mask);
  } catch { /* no room in the browser: it stays for as long as the page is open */ }
}

async function describe(fresh = false) {
  show(byId("source-empty"), source === null);
  show(byId("source-full"), source !== null);
  show(byId("mask-note"), mask !== null);
  show(byId("mask-around"), mask !== null);
  setWithPicture(source && { width: source.width, height: source.height }, fresh);
  if (source === null) return;
  show(byId("source-error"), false);
  const { width, height, from, name } = source;
  byId("source-name").textContent = byId("source-name").title = name;
  byId("source-note").textContent = from
    ? t("source.scaled", { width, height, from_width: from.width, from_height: from.height })
    : t("source.size", { width, height });
  const canvas = byId("source-thumb");
  canvas.setAttribute("aria-label", t("source.alt", { name }));
  canvas.width = canvas.height = 192;
  await cover(canvas, source.blob);
  if (mask) await tint(canvas);
}

/** Shows on the small picture what the mask leaves to be painted. */
async function tint(canvas) {
  const layer = document.createElement("canvas");
  layer.width = layer.height = canvas.width;
  await cover(layer, mask);
  const drawn = layer.getContext("2d");
  const pixels = drawn.getImageData(0, 0, layer.width, layer.height);
  for (let at = 0; at < pixels.data.length; at += 4) {
    pixels.data.set([255, 122, 66, pixels.data[at] * 0.6], at);
  }
  drawn.putImageData(pixels, 0, 0);
  canvas.getContext("2d").drawImage(layer, 0, 0);
}
