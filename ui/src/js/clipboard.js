// Copying, also over plain http, where browsers keep the clipboard closed.

import { byId, openDialog } from "./dom.js";

/** Copies a text; where the browser won't, shows it selected. True where it was copied. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text) || offer(text);
  }
}

export const canCopyPictures = () => window.isSecureContext && "ClipboardItem" in window;

export async function copyPicture(blob) {
  await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })]);
}

function copyBySelection(text) {
  const field = document.createElement("textarea");
  const focused = document.activeElement;
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return copied;
}

function offer(text) {
  const field = byId("copy-text");
  field.value = text;
  openDialog(byId("copy-dialog"));
  field.select();
  return false;
}
