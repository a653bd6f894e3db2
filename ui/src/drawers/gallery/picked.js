// Which pictures are picked, and what can be done with them together.

import { removePictures, reuseSettings } from "../../js/actions.js";
import { takeBeside } from "../../js/beside.js";
import { entryOf, fileOf, rowOf, star } from "../../js/collection.js";
import { all, allow, byId, press, show, startMenu, tell } from "../../js/dom.js";
import { drawer } from "../../js/drawers.js";
import { number, t } from "../../js/i18n.js";
import { notice } from "../../js/notices.js";
import { download, timeName } from "../../js/pictures.js";
import { takeSource } from "../../js/source.js";
import { enlargeAll } from "../../js/upscale.js";
import { ZipError, zipOf } from "./zip.js";

const picked = new Set(); // ids, as they were picked
let picking = false; // does a click pick?
let changed = () => {};
let leave = () => {};

export const isPicked = (rows) => rows.every(({ id }) => picked.has(id));
export const picks = () => picking || picked.size > 0;
/** The rows that are picked, the newest first. */
export const pickedRows = () => [...picked].map((id) => rowOf({ id })).filter(Boolean).sort((a, b) => b.time - a.time);

/** Picks rows, or lets them go; said to who doesn't see it. */
export function pick(rows, on) {
  for (const { id } of rows) on ? picked.add(id) : picked.delete(id);
  tell(t("pick.count", { n: picked.size }));
  describePicked();
}

export function clearPicked() {
  const were = picks();
  picked.clear();
  picking = false;
  if (were) tell(t("pick.count", { n: 0 }));
  describePicked();
  return were;
}

/** Those that are gone are picked no more. */
export function forgetPicked(rows) {
  for (const { id } of rows) picked.delete(id);
}

export function describePicked() {
  const rows = pickedRows();
  press(byId("pick-mode"), picks());
  if (!picks() && byId("pick-bar").contains(document.activeElement)) byId("pick-mode").focus();
  show(byId("pick-bar"), picks());
  show(byId("pick-foot"), !picks());
  byId("pick-count").textContent = rows.length ? t("pick.count", { n: rows.length }) : t("pick.how");
  const starred = rows.length > 0 && rows.every((row) => row.star);
  press(byId("pick-star"), starred);
  for (const button of all("button[data-least]", byId("pick-bar"))) allow(button, unfit(button, rows.length));
  changed();
}

/** Why nothing can be done with so many; "" where it can. */
function unfit({ dataset: { least, most = Infinity } }, n) {
  if (n < Number(least)) return t("pick.few", { n: Number(least) });
  return n > Number(most) ? t("pick.many", { n: Number(most) }) : "";
}

/** `onChange()` whenever others are picked; `onLeave()` before something else is looked at. */
export function startPicked(onChange, onLeave) {
  [changed, leave] = [onChange, onLeave];
  const close = startMenu(byId("pick-use"));
  const act = (id, what) => byId(id).addEventListener("click", () => what(pickedRows()));
  const use = (id, what) => act(id, async (rows) => { close(false); await useAs(what, rows); });
  byId("pick-mode").addEventListener("click", () => { if (!clearPicked()) { picking = true; describePicked(); } });
  act("pick-star", starPicked);
  act("pick-zip", downloadAll);
  act("pick-compare", async () => (await drawer("compare"))?.compare([...picked].map((id) => rowOf({ id })).filter(Boolean)));
  act("pick-delete", deletePicked);
  for (const what of ["input", "references", "control", "recipe"]) use(`use-${what}`, what);
  act("use-upscale", (rows) => { close(false); enlargeAll([...rows].reverse()); });
}

export function starPicked(rows) {
  const on = !rows.every((row) => row.star);
  tell(t(on ? "pick.starred" : "pick.unstarred", { n: rows.length }));
  return star(rows, on);
}

export async function deletePicked(rows) {
  if (rows.length) await removePictures(rows);
}

/** Gives pictures to the form: what a drag does, by a menu. */
async function useAs(what, rows) {
  leave();
  if (what === "recipe") return reuseSettings(rows[0]);
  for (const row of what === "input" ? rows.slice(0, 1) : [...rows].reverse()) {
    const file = await fileOf(row);
    if (!file) notice(t("gallery.lost"), { about: "gallery", bad: true });
    else await (what === "input" ? takeSource(file, t("source.result")) : takeBeside(what, file, t("source.result")));
  }
  const place = what === "input" ? byId("source-title") : document.querySelector(`[data-beside="${what}"]`);
  place.scrollIntoView({ block: "center" });
  (what === "input" ? byId("source-mask") : place.querySelector("[data-add]")).focus({ preventScroll: true });
  return undefined;
}

/** One zip of the pictures and their recipes, which `imagine run --from` takes. */
async function downloadAll(rows) {
  byId("pick-zip").disabled = true;
  const lost = [];
  try {
    const zip = await zipOf(filesOf(rows, lost));
    download(zip, `imagine-${timeName(Date.now())}.zip`);
    tell(t("pick.zipped", { n: rows.length - lost.length }));
    if (lost.length) notice(t("pick.lost", { n: lost.length }), { about: "gallery", bad: true });
  } catch (error) {
    if (!(error instanceof ZipError)) throw error;
    notice(t("pick.large"), { about: "gallery", bad: true });
  } finally {
    describePicked();
  }
}

/** Names are a time and a seed: what any disk takes. */
async function* filesOf(rows, lost) {
  const recipes = await drawer("recipe");
  const names = new Map();
  let done = 0;
  for (const row of rows) {
    const [file, entry] = await Promise.all([fileOf(row), entryOf(row)]);
    byId("pick-count").textContent = t("pick.packing", { n: number((done += 1)), of: number(rows.length) });
    if (!file || !entry) {
      lost.push(row);
      continue;
    }
    const plain = [timeName(row.time), row.seed.replace(/\D/g, "")].filter(Boolean).join("_");
    names.set(plain, (names.get(plain) ?? 0) + 1);
    const name = names.get(plain) > 1 ? `${plain}_${names.get(plain)}` : plain;
    yield { name: `${name}.png`, time: row.time, blob: file };
    if (recipes) yield { name: `${name}.json`, time: row.time, blob: recipes.jsonBlob({ meta: await recipes.wholeRecipe(entry) }) };
  }
}
