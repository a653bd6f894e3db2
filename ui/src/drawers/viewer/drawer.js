// A picture alone on the screen: fitted, or pixel by pixel; its neighbours by the arrow keys.

import { entryOf, gallery, galleryPlace, seenOf } from "../../js/collection.js";
import { allow, byId, openDialog, press } from "../../js/dom.js";
import { t } from "../../js/i18n.js";

let viewed = null;
let url = null;

export async function view(one) {
  viewed = one;
  const [entry, blob] = await Promise.all([entryOf(one), seenOf(one)]);
  if (viewed !== one || !entry) return; // another was asked for meanwhile
  release();
  url = blob ? URL.createObjectURL(blob) : null;
  const img = byId("viewer-img");
  img.src = url ?? "";
  img.alt = entry.meta.prompt ?? "";
  byId("viewer-title").textContent = byId("viewer-title").title = entry.meta.prompt ?? "";
  const at = galleryPlace(one);
  allow(byId("viewer-previous"), at > 0 ? "" : t("viewer.newest"));
  allow(byId("viewer-next"), at >= 0 && at < gallery().length - 1 ? "" : t("viewer.oldest"));
  openDialog(byId("viewer"));
}

function startViewer() {
  const go = (by) => {
    const next = gallery()[galleryPlace(viewed) + by];
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

startViewer();
