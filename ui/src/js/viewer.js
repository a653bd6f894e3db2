// A picture alone on the screen: fitted, or pixel by pixel; its neighbours by the arrow keys.

import { byId, openDialog, press } from "./dom.js";
import { fileOf, gallery } from "./gallery.js";

let viewed = null;
let url = null;

export async function view(entry) {
  viewed = entry;
  const blob = await fileOf(entry);
  if (viewed !== entry) return; // another was asked for meanwhile
  release();
  url = URL.createObjectURL(blob ?? entry.thumb);
  const img = byId("viewer-img");
  img.src = url;
  img.alt = entry.meta.prompt ?? "";
  byId("viewer-title").textContent = byId("viewer-title").title = entry.meta.prompt ?? "";
  const at = gallery().indexOf(entry);
  byId("viewer-previous").disabled = at <= 0;
  byId("viewer-next").disabled = at < 0 || at >= gallery().length - 1;
  openDialog(byId("viewer"));
}

export function startViewer() {
  const go = (by) => {
    const next = gallery()[gallery().indexOf(viewed) + by];
    if (next) view(next);
  };
  byId("viewer-previous").addEventListener("click", () => go(-1));
  byId("viewer-next").addEventListener("click", () => go(1));
  byId("viewer-zoom").addEventListener("click", () => zoom(!byId("viewer-room").classList.contains("actual")));
  byId("viewer").addEventListener("keydown", (event) => {
    if (byId("viewer-room").classList.contains("actual") && event.target === byId("viewer-room")) return;
    if (event.key === "ArrowLeft") go(-1);
    if (event.key === "ArrowRight") go(1);
  });
  byId("viewer").addEventListener("close", () => {
    zoom(false);
    release();
    byId("viewer-img").removeAttribute("src");
  });
}

function zoom(actual) {
  byId("viewer-room").classList.toggle("actual", actual);
  press(byId("viewer-zoom"), actual);
}

function release() {
  if (url) URL.revokeObjectURL(url);
  url = null;
}
