// What can be done with the chosen picture.

import { copyText } from "./clipboard.js";
import { deletePictures, entryOf, fileOf, gallery, rowOf, star } from "./collection.js";
import { byId, startMenu } from "./dom.js";
import { drawer } from "./drawers.js";
import { change } from "./form.js";
import { allWorded, t } from "./i18n.js";
import { isSaid, notice } from "./notices.js";
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
  const close = startMenu(byId("do-more"));
  byId("do-more").addEventListener("toggle", async () => byId("do-more").open && (await drawer("more"))?.offer(close));
  withFile("do-png", (entry, file) => download(file, `${timeName(entry.time)}.png`));
  withFile("do-json", async (entry) => (await drawer("recipe"))?.saveJson(entry));
  act("do-delete", async (entry) => {
    const byButton = document.activeElement === byId("do-delete");
    await removePictures([entry]);
    byId(!seenBoard() ? "f-prompt" : byButton ? "do-delete" : "stage").focus({ preventScroll: true });
  });
  byId("seed-copy").addEventListener("click", copySeed);
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

let deleted = []; // what the notice brings back, the latest last: { n, act }

/** Deletes pictures, and says so in one sentence that brings all of them back, and those before while it is still to be seen;
 * `said`, where the page does it by itself. */
export async function removePictures(some, said = null) {
  const ids = new Set(some.map(({ id }) => id));
  const at = gallery().findIndex(({ id }) => ids.has(id));
  const restore = await deletePictures(some);
  if (restore === null) return;
  const back = await takeAway(some, gallery()[at] ?? gallery()[at - 1]);
  const own = { n: some.length, act: async () => { await restore(); await back(); } };
  const all = said === null && isSaid("deleted") ? [...deleted, own] : [own];
  if (said === null) deleted = all;
  const act = async () => { for (const one of [...all].reverse()) await one.act(); };
  const n = all.reduce((sum, one) => sum + one.n, 0);
  notice(said ?? t("do.deleted", { n }), { about: said ? "made-room" : "deleted", action: { text: t("restore"), act, undo: true } });
}
