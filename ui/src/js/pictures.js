// Pictures as files: told by their content, opened before they are shown, made smaller, and turned into base64.

const MAGIC = {
  "image/png": [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  "image/jpeg": [0xff, 0xd8, 0xff],
};

/** A file that isn't a picture, or can't be opened; `message` is a key of the page's texts. */
export class PictureError extends Error {}

/** The kind of picture by its first bytes, whatever its name says; null for anything else. */
export async function kindOf(blob) {
  const bytes = new Uint8Array(await blob.slice(0, 12).arrayBuffer());
  for (const [kind, magic] of Object.entries(MAGIC)) {
    if (magic.every((byte, place) => bytes[place] === byte)) return kind;
  }
  const text = String.fromCharCode(...bytes);
  return text.startsWith("RIFF") && text.slice(8) === "WEBP" ? "image/webp" : null;
}

/** The blob under its true type, once sure that it is a picture that opens, and its size when upright. */
export async function opened(blob) {
  const kind = await kindOf(blob);
  if (kind === null) throw new PictureError("source.not");
  const typed = new Blob([blob], { type: kind });
  const bitmap = await decoded(typed);
  const { width, height } = bitmap;
  bitmap.close();
  return { blob: typed, width, height };
}

/** A picture for the server: as it is, or smaller where a side is more than `most`. */
export async function scaled(blob, most) {
  const kind = await kindOf(blob);
  if (kind === null) throw new PictureError("source.not");
  const typed = new Blob([blob], { type: kind });
  const bitmap = await decoded(typed);
  const from = { width: bitmap.width, height: bitmap.height };
  const factor = Math.min(1, most / Math.max(from.width, from.height));
  if (factor === 1) {
    bitmap.close();
    return { blob: typed, ...from, from: null };
  }
  const canvas = canvasOf(bitmap, Math.max(1, Math.round(from.width * factor)), Math.max(1, Math.round(from.height * factor)));
  bitmap.close();
  const smaller = await blobOf(canvas, kind === "image/jpeg" ? "image/jpeg" : "image/png", 0.95);
  return { blob: smaller, width: canvas.width, height: canvas.height, from };
}

/** A small picture for the gallery, at most `side` pixels. */
export async function thumbnail(blob, side) {
  const bitmap = await decoded(blob);
  const factor = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = canvasOf(bitmap, Math.max(1, Math.round(bitmap.width * factor)), Math.max(1, Math.round(bitmap.height * factor)));
  const size = { width: bitmap.width, height: bitmap.height };
  bitmap.close();
  return { thumb: await blobOf(canvas, "image/webp", 0.85), ...size };
}

/** Paints a picture into a canvas of its own size. */
export async function paint(canvas, blob) {
  const bitmap = await decoded(blob);
  if (canvas.width !== bitmap.width) canvas.width = bitmap.width;
  if (canvas.height !== bitmap.height) canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
}

/** Paints a picture to cover a canvas. */
export async function cover(canvas, blob) {
  const bitmap = await decoded(blob);
  const factor = Math.max(canvas.width / bitmap.width, canvas.height / bitmap.height);
  const [width, height] = [bitmap.width * factor, bitmap.height * factor];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
  bitmap.close();
}

export function blobOf(canvas, kind = "image/png", quality = undefined) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new PictureError("source.broken"))), kind, quality);
  });
}

export function base64From(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** The bytes of base64, or of a data URL; throws PictureError for what is neither. */
export function blobFrom(text, kind = "") {
  const plain = text.startsWith("data:") ? text.slice(text.indexOf(",") + 1) : text;
  try {
    return new Blob([Uint8Array.fromBase64?.(plain) ?? bytesOf(plain)], { type: kind });
  } catch {
    throw new PictureError("source.broken");
  }
}

/** For browsers of before 2026. */
function bytesOf(base64) {
  const characters = atob(base64.replace(/\s+/g, ""));
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The name that `imagine run` gives: the time, by this clock. */
export function timeName(time) {
  const at = new Date(time);
  const two = (value) => String(value).padStart(2, "0");
  return `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}_${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
}

async function decoded(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    throw new PictureError("source.broken");
  }
}

function canvasOf(bitmap, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas;
}
