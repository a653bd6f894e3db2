// What else can be done with the chosen picture: be a reference or a control, be compared, be passed on.

import { besideRefusal, takeBeside } from "../../js/beside.js";
import { canCopyPictures, copyPicture } from "../../js/clipboard.js";
import { fileOf } from "../../js/collection.js";
import { all, allow, byId, show } from "../../js/dom.js";
import { drawer } from "../../js/drawers.js";
import { t } from "../../js/i18n.js";
import { notice } from "../../js/notices.js";
import { timeName } from "../../js/pictures.js";
import { chosenEntry, seenBoard } from "../../js/stage.js";
import { beforeOf } from "./before.js";

const MOST = 4; // that are compared at once
let close = () => {};
let earlier = null; // what the chosen picture was made from

/** Says what can be done with the picture that is chosen now; `closing(focus)` closes the menu. */
export async function offer(closing) {
  close = closing;
  const entry = chosenEntry();
  if (!entry) return;
  earlier = null;
  show(item("compare"), seenBoard().entries.length > 1);
  show(item("share"), canShare());
  for (const name of ["references", "control"]) allow(item(name), besideRefusal(name));
  const reasons = [...new Set(["references", "control"].map(besideRefusal))].filter(Boolean);
  byId("more-why").textContent = reasons.join(" ");
  show(byId("more-why"), reasons.length > 0);
  show(item("before"), false);
  const found = await beforeOf(entry);
  if (chosenEntry() !== entry) return;
  earlier = found;
  show(item("before"), found !== null);
}

function startMore() {
  byId("more-items").append(byId("more-list"));
  for (const name of ["references", "control"]) item(name).setAttribute("aria-describedby", "more-why");
  for (const [name, act] of Object.entries({ references: beside, control: beside, compare, before, copy, share })) item(name).addEventListener("click", () => { close(true); if (chosenEntry()) act(chosenEntry(), name); });
}

const item = (name) => all(`[data-more=${name}]`, byId("more-list"))[0];

/** The file of a picture, or a word that the browser has lost it. */
async function withFile(entry, act) {
  const file = await fileOf(entry);
  return file ? act(file) : notice(t("gallery.lost"), { about: "gallery", bad: true });
}

const beside = (entry, name) => withFile(entry, async (file) => {
  await takeBeside(name, file, t("source.result"));
  const group = document.querySelector(`[data-beside="${name}"]`);
  group.scrollIntoView({ block: "center" });
  all("select", group).at(-1)?.focus({ preventScroll: true });
});

/** Those that were made together, or of many the four among which the chosen one is. */
async function compare(entry) {
  const { entries } = seenBoard();
  const first = Math.floor(entries.findIndex(({ id }) => id === entry.id) / MOST) * MOST;
  const some = entries.slice(first, first + MOST);
  (await drawer("compare"))?.compare(some.length > 1 ? some : entries.slice(-2));
}

async function before(entry) {
  (await drawer("compare"))?.compare([earlier, entry], { made: true });
}

const copy = (entry) => withFile(entry, async (file) => {
  if (!canCopyPictures()) return notice(t("do.nocopy"), { about: "copy", bad: true });
  try {
    await copyPicture(file);
  } catch {
    return notice(t("do.denied"), { about: "copy", bad: true });
  }
  return notice(t("do.copied"), { about: "copy" });
});

const pngOf = (entry, file) => new File([file], `${timeName(entry.time)}.png`, { type: "image/png" });

/** Is there a share sheet, and does it take pictures? */
const canShare = () => Boolean(navigator.canShare?.({ files: [pngOf({ time: 0 }, new Blob())] }));

/** With its recipe, which is in the file. */
const share = (entry) => withFile(entry, async (file) => {
  try {
    await navigator.share({ files: [pngOf(entry, file)] });
  } catch (error) {
    if (error.name !== "AbortError") notice(t("do.share.not"), { about: "share", bad: true }); // thought better of
  }
});

startMore();
