// Where a picture comes from, as the server reads it out of the file: a sentence, and the facts behind it.

import { inspect, ServerError } from "./api.js";
import { byId, make, openDialog, show } from "./dom.js";
import { hasText, inEveryLanguage, number, t } from "./i18n.js";
import { cover } from "./pictures.js";

const GOOD = new Set(["ours", "valid"]);
let shown = null; // { file, name, told } in the dialog

/** What a file says; null where nobody can tell. */
export async function originOf(file) {
  try {
    return await inspect(file);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return null;
  }
}

/** The server's sentence, as one that stands alone. */
export const originSentence = ({ summary }) => `${summary.charAt(0).toLocaleUpperCase()}${summary.slice(1)}.`;

/** How far what is said can be relied on: good, bad, or open. */
export const standing = ({ signature }) => (GOOD.has(signature) ? "good" : signature === "invalid" ? "bad" : "open");

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

/** A list of facts. Its words may be anybody's: they are text. */
export function factsList(facts) {
  return facts.flatMap(([name, words]) => [make("dt", {}, name), make("dd", { dir: "auto" }, words)]);
}

export function startOrigin() {
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
