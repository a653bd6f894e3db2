// Copying, also over plain http, where browsers keep the clipboard closed.

import { drawer } from "./drawers.js";

/** Copies a text; where the browser won't, shows it selected. True where it was copied. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return (await drawer("settings"))?.copyOtherwise(text) ?? false;
  }
}

export const canCopyPictures = () => window.isSecureContext && "ClipboardItem" in window;

export async function copyPicture(blob) {
  await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })]);
}
