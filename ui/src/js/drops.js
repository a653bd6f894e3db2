// Files that are dropped on the page, or pasted: a JSON brings settings back, a picture does that, is started from, or followed.

import { takeBeside } from "./beside.js";
import { all, byId, show } from "./dom.js";
import { t } from "./i18n.js";
import { kindOf } from "./pictures.js";
import { takeSource } from "./source.js";

const BESIDE = ["control", "references"];

export function startDrops(load) {
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
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
    const files = [...event.dataTransfer.files];
    const [file] = files;
    over(false);
    if (!file) return;
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
