// Where a picture comes from: the facts behind the sentence, and a dialog for a file that isn't kept here.

import { byId, openDialog, show } from "../../js/dom.js";
import { hasText, inEveryLanguage, number, t } from "../../js/i18n.js";
import { factsList, originSentence, standing } from "../../js/origin.js";
import { cover } from "../../js/pictures.js";

let shown = null; // { file, name, told } in the dialog

/** What there is to know, as pairs of a name and words. */
export function originFacts(told) {
  const made = [told.program, told.model].filter(Boolean).join(" · ");
  return [
    [t("origin.credentials"), worded("origin.signature", told.signature)],
    [t("origin.signer"), told.signer],
    [t(told.origin === "camera" ? "origin.camera" : "origin.program"), made],
    [t("origin.actions"), told.actions.map((one) => worded("origin.action", one)).join(", ")],
    [t("origin.type"), told.source_type && worded("origin.type", told.source_type)],
    [t("origin.sources"), told.sources.map(sourceWords).join("; ")],
    [t("origin.mark"), markWords(told)],
    [t("origin.faults"), told.faults.join(", ")],
  ].filter(([, words]) => words);
}

function startOrigin() {
  inEveryLanguage(describe);
  byId("origin-dialog").addEventListener("close", () => { shown = null; });
}

/** Opens what a file says of itself. */
export async function showOrigin(file, name, told) {
  shown = { name, told };
  describe();
  openDialog(byId("origin-dialog"));
  const canvas = byId("origin-thumb");
  canvas.width = canvas.height = 192;
  await cover(canvas, file).catch(() => {});
}

function describe() {
  if (!shown) return;
  byId("origin-name").textContent = shown.name;
  byId("origin-summary").textContent = originSentence(shown.told);
  byId("origin-summary").dataset.standing = standing(shown.told);
  byId("origin-facts").replaceChildren(...factsList(originFacts(shown.told)));
  show(byId("origin-proof"), shown.told.signature === "none" && !shown.told.watermark);
}

const worded = (start, word) => (hasText(`${start}.${word}`) ? t(`${start}.${word}`) : word);

function sourceWords(source) {
  const type = source.source_type && worded("origin.type", source.source_type);
  return [worded("origin.source", source.title), source.program, type, t(source.signed ? "origin.signed" : "origin.unsigned")].filter(Boolean).join(", ");
}

function markWords({ watermark, looked }) {
  if (watermark) return t("origin.mark.there", { says: worded("origin.mark", watermark.says), n: number(watermark.strength * 100, 0) });
  return t(looked ? "origin.mark.none" : "origin.mark.unlooked");
}

startOrigin();
