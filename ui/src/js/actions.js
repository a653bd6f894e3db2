// What can be done with the chosen picture.

import { canCopyPictures, copyPicture, copyText } from "./clipboard.js";
import { deletePictures, entryOf, fileOf, gallery, galleryPlace, rowOf, star } from "./collection.js";
import { byId, show } from "./dom.js";
import { drawer } from "./drawers.js";
import { change } from "./form.js";
import { allWorded, t } from "./i18n.js";
import { notice } from "./notices.js";
import { base64From, download, timeName } from "./pictures.js";
import { runAlso } from "./run.js";
import { takeSource } from "./source.js";
import { chosenEntry, seenBoard, takeAway, view } from "./stage.js";
import { undoToNow } from "./undo.js";

const VARIATIONS = 4;
const VARIATION = 0.3; // how far from the picture
const VARIED = ["model", "digest", "parts", "prompt", "neg", "width", "height", "num_steps", "guidance", "true_cfg", "sampler", "schedule", "clip", "hires", "fit", "loras", "vae", "text_encoders", "embeddings", "template", "neg_template"];

export function startActions() {
  const act = (id, what) => byId(id).addEventListener("click", () => chosenEntry() && what(chosenEntry()));
  const withFile = (id, what) => act(id, async (entry) => {
    const file = await fileOf(entry);
    return file ? what(entry, file) : notice(t("gallery.lost"), { about: "gallery", bad: true });
  });
  withFile("do-input", useAsInput);
  for (const [id, mode] of [["do-fix", "mask"], ["do-extend", "frame"]]) withFile(id, async (entry, file) => (await drawer("canvas"))?.openResult(entry, file, mode));
  withFile("do-vary", vary);
  act("do-reuse", reuseSettings);
  act("do-seed", keepSeed);
  act("seed-keep", keepSeed);
  act("do-full", view);
  act("do-star", (entry) => star([entry], !rowOf(entry)?.star));
  withFile("do-copy", copy);
  show(byId("do-share"), canShare());
  withFile("do-share", share);
  withFile("do-png", (entry, file) => download(file, `${timeName(entry.time)}.png`));
  withFile("do-json", async (entry) => (await drawer("recipe"))?.saveJson(entry));
  act("do-delete", async (entry) => {
    await removePictures([entry]);
    (seenBoard() ? byId("do-delete") : byId("f-prompt")).focus();
  });
  byId("seed-copy").addEventListener("click", copySeed);
}

const pngOf = (entry, file) => new File([file], `${timeName(entry.time)}.png`, { type: "image/png" });

/** Is there a share sheet, and does it take pictures? */
const canShare = () => Boolean(navigator.canShare?.({ files: [pngOf({ time: 0 }, new Blob())] }));

/** With its recipe, which is in the file. */
async function share(entry, file) {
  try {
    await navigator.share({ files: [pngOf(entry, file)] });
  } catch (error) {
    if (error.name !== "AbortError") notice(t("do.share.not"), { about: "share", bad: true }); // thought better of
  }
}

async function useAsInput(entry, file) {
  await takeSource(file, t("source.result"));
  byId("source-title").scrollIntoView({ block: "center" });
  byId("source-mask").focus({ preventScroll: true });
}

/** Fills the form in as it was for a picture. */
export async function reuseSettings(one) {
  const entry = await entryOf(one);
  if (entry) await (await drawer("recipe"))?.bringBack(entry.meta, allWorded(entry), {}, t("reuse.done"));
}

/** Neighbours of a picture: by its own recipe, each of another seed. */
async function vary(entry, file) {
  const said = Object.fromEntries(Object.entries(entry.meta).filter(([name]) => VARIED.includes(name)));
  await runAlso({ ...said, count: VARIATIONS, variations: VARIATION, img: await base64From(file) }, { img: file });
}

function keepSeed({ seed }) {
  const action = byId("f-seed").value.trim() ? undoToNow() : null;
  change("seed", seed);
  notice(t("seed.kept", { seed }), { about: "seed", action });
}

async function copySeed() {
  const seed = byId("f-seed").value.trim() || chosenEntry()?.seed;
  if (!seed) return notice(t("seed.none"), { about: "seed" });
  if (await copyText(seed)) notice(t("seed.copied", { seed }), { about: "seed" });
  return undefined;
}

async function copy(entry, file) {
  if (!canCopyPictures()) return notice(t("do.nocopy"), { about: "copy", bad: true });
  try {
    await copyPicture(file);
  } catch {
    return notice(t("do.denied"), { about: "copy", bad: true });
  }
  return notice(t("do.copied"), { about: "copy" });
}

/** Deletes pictures, and says so in one sentence that brings all of them back. */
export async function removePictures(some, said = t("do.deleted", { n: some.length })) {
  const at = Math.min(...some.map(galleryPlace));
  const restore = await deletePictures(some);
  const back = await takeAway(some, gallery()[at] ?? gallery()[at - 1]);
  const act = async () => { await restore(); await back(); };
  notice(said, { about: "deleted", action: { text: t("restore"), act, undo: true } });
}
