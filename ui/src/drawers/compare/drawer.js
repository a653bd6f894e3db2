// Two pictures, one over the other with a border to move, and the settings in which they differ.

import { nameOf } from "../../js/controls.js";
import { byId, make, openDialog } from "../../js/dom.js";
import { fileOf } from "../../js/gallery.js";
import { t } from "../../js/i18n.js";
import { markedWords } from "./differing.js";

const NOT_SETTINGS = new Set(["environment", "digest", "sha256", "parts", "buckets", "template", "neg_template", "assisted"]);
const WORDS = new Set(["prompt", "neg"]);
let urls = [];

export async function compareTwo(one, other) {
  release();
  for (const [id, entry] of [["compare-a", one], ["compare-b", other]]) {
    const url = URL.createObjectURL((await fileOf(entry)) ?? entry.thumb);
    urls.push(url);
    byId(id).src = url;
    byId(id).alt = entry.meta.prompt ?? "";
  }
  byId("compare-rows").replaceChildren(...rows(one.meta, other.meta));
  cut(50);
  openDialog(byId("compare-dialog"));
  byId("compare-cut").focus();
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
  });
}

function cut(percent) {
  byId("compare-cut").value = percent;
  byId("compare-room").style.setProperty("--cut", `${percent}%`);
}

function rows(one, other) {
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  const differing = names.filter((name) => !NOT_SETTINGS.has(name) && written(one[name]) !== written(other[name]));
  if (!differing.length) return [make("tr", {}, make("td", { colSpan: 3 }, t("compare.same")))];
  return differing.map((name) => {
    const texts = [written(one[name]), written(other[name])];
    const [left, right] = WORDS.has(name) ? markedWords(...texts) : texts.map((text) => [text]);
    return make("tr", {}, make("th", { scope: "row" }, nameOf(name)), make("td", { dir: "auto" }, ...left), make("td", { dir: "auto" }, ...right));
  });
}

function written(value) {
  if (value === undefined || value === null || value === "") return "–";
  if (Array.isArray(value)) return value.map(written).join("; ") || "–";
  if (typeof value === "object") return Object.entries(value).filter(([, part]) => part !== null).map(([name, part]) => `${nameOf(name)} ${written(part)}`).join(", ");
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value) ? `${value.slice(0, 12)}…` : String(value);
}

function release() {
  for (const url of urls) URL.revokeObjectURL(url);
  urls = [];
}

startCompare();
