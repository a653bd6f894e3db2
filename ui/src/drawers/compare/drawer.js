// Two pictures, one over the other with a border to move, or up to four beside each other; and the settings in which they differ.

import { entryOf, seenOf } from "../../js/collection.js";
import { nameOf } from "../../js/controls.js";
import { byId, make, openDialog, show } from "../../js/dom.js";
import { t } from "../../js/i18n.js";
import { markedWords } from "./differing.js";

const NOT_SETTINGS = new Set(["environment", "digest", "sha256", "parts", "buckets", "template", "neg_template", "assisted"]);
const WORDS = new Set(["prompt", "neg"]);
let urls = [];

/** Opens it for two to four pictures of the gallery, in their order; or for what one was made from, which may be none of these
 * (`{ meta: null, blob }`), and that one. */
export async function compare(some, { made = false } = {}) {
  release();
  const entries = (await Promise.all(some.map((one) => (one.blob ? one : entryOf(one))))).filter(Boolean);
  if (entries.length < 2) return;
  const blobs = await Promise.all(entries.map((one) => one.blob ?? seenOf(one)));
  const known = entries.every(({ meta }) => meta);
  urls = blobs.map((blob) => (blob ? URL.createObjectURL(blob) : ""));
  const two = entries.length === 2;
  for (const id of ["compare-room", "compare-slider"]) show(byId(id), two);
  show(byId("compare-many"), !two);
  const names = made ? [t("compare.before"), t("compare.after")] : two ? [t("compare.left"), t("compare.right")] : entries.map((_, at) => t("picture.tile", { n: at + 1 }));
  if (two) ["compare-a", "compare-b"].forEach((id, at) => Object.assign(byId(id), { src: urls[at], alt: entries[at].meta?.prompt ?? names[at] }));
  else byId("compare-many").replaceChildren(...entries.map(({ meta }, at) => make("figure", {}, make("img", { src: urls[at], alt: meta.prompt ?? "" }), make("figcaption", {}, names[at]))));
  byId("compare-heads").replaceChildren(...[t("compare.setting"), ...names].map((name) => make("th", { scope: "col" }, name)));
  show(byId("compare-settings"), known); // a photo has none
  byId("compare-rows").replaceChildren(...(known ? rows(entries.map(({ meta }) => meta)) : []));
  cut(50);
  openDialog(byId("compare-dialog"));
  (two ? byId("compare-cut") : byId("compare-dialog").querySelector("[data-close]")).focus();
}

function startCompare() {
  byId("compare-cut").addEventListener("input", (event) => cut(event.target.value));
  byId("compare-room").addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && event.buttons === 0) return;
    const box = byId("compare-room").getBoundingClientRect();
    cut(Math.min(100, Math.max(0, ((event.clientX - box.left) / box.width) * 100)));
  });
  byId("compare-dialog").addEventListener("close", () => {
    release();
    for (const id of ["compare-a", "compare-b"]) byId(id).removeAttribute("src");
    byId("compare-many").replaceChildren();
  });
}

function cut(percent) {
  byId("compare-cut").value = percent;
  byId("compare-room").style.setProperty("--cut", `${percent}%`);
}

function rows(metas) {
  const names = [...new Set(metas.flatMap(Object.keys))];
  const differing = names.filter((name) => !NOT_SETTINGS.has(name) && new Set(metas.map((meta) => written(meta[name]))).size > 1);
  if (!differing.length) return [make("tr", {}, make("td", { colSpan: metas.length + 1 }, t("compare.same")))];
  return differing.map((name) => {
    const texts = metas.map((meta) => written(meta[name]));
    const marked = WORDS.has(name) && texts.length === 2 ? markedWords(...texts) : texts.map((text) => [text]);
    return make("tr", {}, make("th", { scope: "row" }, nameOf(name)), ...marked.map((nodes) => make("td", { dir: "auto" }, ...nodes)));
  });
}

function written(value) {
  if (value === undefined || value === null || value === "") return "–";
  if (Array.isArray(value)) return value.map(written).join("; ") || "–";
  if (typeof value === "object") return Object.entries(value).filter(([name, part]) => part !== null && !NOT_SETTINGS.has(name)).sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, part]) => `${nameOf(name)} ${written(part)}`).join(", ");
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value) ? `${value.slice(0, 12)}…` : String(value);
}

function release() {
  for (const url of urls) URL.revokeObjectURL(url);
  urls = [];
}

startCompare();
