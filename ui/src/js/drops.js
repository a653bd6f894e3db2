// What is dropped on the page, or pasted: a JSON brings settings back, a picture does that, is started from, or followed; so
// do pictures of the gallery.

import { reuseSettings } from "./actions.js";
import { takeBeside } from "./beside.js";
import { fileOf } from "./collection.js";
import { all, byId, show } from "./dom.js";
import { t } from "./i18n.js";
import { kindOf } from "./pictures.js";
import { takeSource } from "./source.js";

const BESIDE = ["control", "references"];
const KIND = "application/x-imagine-pictures"; // of the gallery: their ids

/** Has a drag carry pictures of the gallery. */
export function dragged(event, rows) {
  event.dataTransfer.setData(KIND, rows.map(({ id }) => id).join(" "));
  event.dataTransfer.effectAllowed = "copy";
}

/** What a drop holds: files, and of pictures of the gallery which. */
async function held(transfer) {
  const ids = transfer.getData(KIND).split(" ").filter(Boolean);
  if (!ids.length) return { ids, files: [...transfer.files] };
  const blobs = await Promise.all(ids.map((id) => fileOf({ id })));
  return { ids, files: blobs.filter(Boolean).map((blob) => new File([blob], t("source.result"), { type: blob.type })) };
}

export function startDrops(load) {
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.some((type) => type === "Files" || type === KIND);
  const over = (shown) => {
    show(byId("drop"), shown);
    if (!shown) depth = 0;
    for (const zone of all("[data-drop]")) zone.classList.remove("over");
  };
  addEventListener("dragenter", (event) => { if (hasFiles(event) && !document.querySelector("dialog[open]")) { depth += 1; show(byId("drop"), true); } });
  addEventListener("dragleave", () => { if ((depth -= 1) <= 0) over(false); });
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    const zone = event.target.closest?.("[data-drop]");
    for (const each of all("[data-drop]")) each.classList.toggle("over", each === zone);
  });
  addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    const wanted = event.target.closest?.("[data-drop]")?.dataset.drop;
    over(false);
    const { ids, files } = await held(event.dataTransfer);
    const [file] = files;
    if (!file) return;
    if (ids.length && !wanted) return;
    if (ids.length && wanted === "recipe") return void reuseSettings({ id: ids[0] });
    if (BESIDE.includes(wanted)) {
      for (const one of files) await takeBeside(wanted, one, one.name);
      return;
    }
    if (wanted === "input" && (await kindOf(file)) !== null) takeSource(file, file.name);
    else load(file);
  });
  addEventListener("paste", async (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (!file || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    await takeSource(file, t("source.pasted"));
  });
}
