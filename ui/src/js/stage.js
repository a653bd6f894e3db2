// The stage: the picture in the making, or the one that was chosen, and what can be done with it.

import { canCopyPictures, copyPicture, copyText } from "./clipboard.js";
import { byId, make, press, show, tell } from "./dom.js";
import { change, onlyShipped } from "./form.js";
import { deletePicture, fileOf, gallery, markChosen } from "./gallery.js";
import { duration, inEveryLanguage, t } from "./i18n.js";
import { notice } from "./notices.js";
import { download, paint, timeName } from "./pictures.js";
import { bringBack, savedJson } from "./recipe.js";
import { takeSource } from "./source.js";
import { view } from "./viewer.js";

let tiles = []; // { element, canvas, entry, url }
let chosen = null;

export const chosenEntry = () => chosen;

/** Makes room for `count` pictures in the making. */
export function begin(count) {
  clear(count);
  choose(null);
  tiles = Array.from({ length: count }, (_, index) => {
    const canvas = make("canvas", { role: "img", "aria-label": t("picture.waiting", { n: index + 1 }) });
    canvas.width = canvas.height = 1;
    const element = make("div", { className: "tile waiting" }, canvas);
    byId("tiles").append(element);
    return { element, canvas, entry: null, url: null };
  });
}

export async function showPreview(index, blob) {
  const tile = tiles[index];
  if (!tile?.canvas) return;
  await paint(tile.canvas, blob);
  tile.element.classList.remove("waiting");
}

/** Puts a finished picture in its place; the first is chosen. */
export async function showFinished(index, entry, blob) {
  const tile = tiles[index];
  if (!tile) return;
  await fillTile(tile, entry, blob, index);
  if (!chosen) choose(entry);
}

/** Takes away the places of pictures that didn't come. */
export function end() {
  for (const tile of tiles) if (!tile.entry) tile.element.remove();
  tiles = tiles.filter((tile) => tile.entry);
  arrange(tiles.length);
  if (!chosen && gallery()[0] && tiles.length === 0) return showEntry(gallery()[0]);
  return undefined;
}

/** Shows a picture of the gallery. */
export async function showEntry(entry) {
  const blob = await fileOf(entry);
  clear(1);
  const tile = { element: make("div", { className: "tile" }), canvas: null, entry: null, url: null };
  byId("tiles").append(tile.element);
  tiles = [tile];
  await fillTile(tile, entry, blob ?? entry.thumb, 0);
  choose(entry);
}

export function startStage() {
  const act = (id, what) => byId(id).addEventListener("click", () => chosen && what(chosen));
  act("do-input", async (entry) => {
    await takeSource(await fileOf(entry), t("source.result"));
    byId("source-title").scrollIntoView({ block: "center" });
    byId("source-mask").focus({ preventScroll: true });
  });
  act("do-reuse", (entry) => bringBack(entry.meta, entry.warnings));
  act("do-seed", (entry) => change("seed", entry.seed));
  act("do-full", (entry) => view(entry));
  act("do-copy", async (entry) => {
    if (!canCopyPictures()) return notice(t("do.nocopy"), { about: "copy" });
    await copyPicture(await fileOf(entry));
    return tell(t("do.copied"));
  });
  act("do-png", async (entry) => download(await fileOf(entry), `${timeName(entry.time)}.png`));
  act("do-json", async (entry) => download(await savedJson(entry), `${timeName(entry.time)}.json`));
  act("do-delete", remove);
  byId("seed-keep").addEventListener("click", () => chosen && change("seed", chosen.seed));
  byId("seed-copy").addEventListener("click", async () => {
    const seed = byId("f-seed").value.trim() || chosen?.seed;
    if (!seed) return tell(t("seed.none"));
    if (await copyText(seed)) notice(t("seed.copied"), { about: "seed" });
    return undefined;
  });
  inEveryLanguage(() => { describe(); examples(); });
}

/** Prompts to begin with: what the installed models can paint. */
export function examples() {
  const prompts = t(onlyShipped() ? "examples.shipped" : "examples");
  byId("examples").replaceChildren(...prompts.map((prompt) => make("button", {
    type: "button", className: "chip", onclick: () => { change("prompt", prompt); byId("f-prompt").focus(); },
  }, prompt)));
}

async function remove(entry) {
  const at = gallery().indexOf(entry);
  const restore = await deletePicture(entry);
  const next = gallery()[at] ?? gallery()[at - 1];
  notice(t("do.deleted"), { about: "deleted", action: { text: t("do.undo"), act: async () => { await restore(); await showEntry(entry); } } });
  if (next) await showEntry(next);
  else {
    clear(0);
    choose(null);
  }
  (next ? byId("do-delete") : byId("f-prompt")).focus();
}

function clear(count) {
  for (const tile of tiles) if (tile.url) URL.revokeObjectURL(tile.url);
  tiles = [];
  byId("tiles").replaceChildren();
  arrange(count);
}

function arrange(count) {
  show(byId("empty"), count === 0);
  show(byId("tiles"), count > 0);
  byId("tiles").classList.toggle("one", count === 1);
  const columns = Math.max(1, Math.ceil(Math.sqrt(count)));
  byId("tiles").style.setProperty("--columns", columns);
  byId("tiles").style.setProperty("--shape", columns / Math.max(1, Math.ceil(count / columns)));
}

async function fillTile(tile, entry, blob, index) {
  const url = URL.createObjectURL(blob);
  const img = make("img", { alt: entry.meta.prompt ?? "" });
  img.src = url;
  await img.decode().catch(() => {});
  const button = make("button", { type: "button", className: "tile", "aria-label": `${t("picture.tile", { n: index + 1 })}: ${entry.meta.prompt ?? ""}` }, img);
  button.addEventListener("click", () => (chosen === entry ? view(entry) : choose(entry)));
  tile.element.replaceWith(button);
  Object.assign(tile, { element: button, canvas: null, entry, url });
}

function choose(entry) {
  chosen = entry;
  for (const tile of tiles) if (tile.entry && tiles.length > 1) press(tile.element, tile.entry === entry);
  markChosen(entry);
  describe();
}

function describe() {
  show(byId("about"), chosen !== null);
  byId("seed-keep").disabled = chosen === null;
  if (!chosen) return;
  const { meta, timings, width, height, warnings, seed } = chosen;
  const seconds = Object.values(timings).reduce((sum, value) => sum + value, 0);
  const parts = [`${width} × ${height}`, meta.model, meta.num_steps ? t("about.steps", { n: meta.num_steps }) : "", meta.sampler, seed ? t("about.seed", { seed }) : "", seconds ? t("about.seconds", { time: duration(seconds) }) : ""];
  byId("about-text").textContent = parts.filter(Boolean).join(" · ");
  byId("warnings").replaceChildren(...warnings.map((warning) => make("li", { lang: "en" }, warning)));
  show(byId("warnings"), warnings.length > 0);
}
