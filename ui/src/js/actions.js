// What can be done with the chosen picture.

import { canCopyPictures, copyPicture, copyText } from "./clipboard.js";
import { byId } from "./dom.js";
import { drawer } from "./drawers.js";
import { change } from "./form.js";
import { deletePicture, fileOf, gallery, galleryPlace } from "./gallery.js";
import { allWorded, t } from "./i18n.js";
import { notice } from "./notices.js";
import { base64From, download, timeName } from "./pictures.js";
import { bringBack, savedJson } from "./recipe.js";
import { runAlso } from "./run.js";
import { takeSource } from "./source.js";
import { chosenEntry, seenBoard, takeAway } from "./stage.js";
import { undoToNow } from "./undo.js";
import { view } from "./viewer.js";

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
  act("do-reuse", (entry) => bringBack(entry.meta, allWorded(entry), {}, t("reuse.done")));
  act("do-seed", keepSeed);
  act("seed-keep", keepSeed);
  act("do-full", view);
  withFile("do-copy", copy);
  withFile("do-png", (entry, file) => download(file, `${timeName(entry.time)}.png`));
  withFile("do-json", async (entry) => download(await savedJson(entry), `${timeName(entry.time)}.json`));
  act("do-delete", remove);
  byId("seed-copy").addEventListener("click", copySeed);
}

async function useAsInput(entry, file) {
  await takeSource(file, t("source.result"));
  byId("source-title").scrollIntoView({ block: "center" });
  byId("source-mask").focus({ preventScroll: true });
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

async function remove(entry) {
  const at = galleryPlace(entry);
  const restore = await deletePicture(entry);
  const back = await takeAway(entry, gallery()[at] ?? gallery()[at - 1]);
  const act = async () => { await restore(); await back(); };
  notice(t("do.deleted"), { about: "deleted", action: { text: t("restore"), act, undo: true } });
  (seenBoard() ? byId("do-delete") : byId("f-prompt")).focus();
}
