// Settings in a link: in its hash, which no server sees. Never an address, a key or a picture.

import { copyText } from "./clipboard.js";
import { control, controls } from "./controls.js";
import { fill, flatten, settings } from "./form.js";
import { t } from "./i18n.js";
import { isLoras } from "./loras.js";
import { isNames } from "./names.js";
import { notice } from "./notices.js";
import { styled } from "./styled.js";
import { undoToNow } from "./undo.js";

const NEVER = new Set(["buckets", "keep_alive", "assisted"]);
const LONGEST = 50_000;

export function hashOf(said) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(flatten(said))) {
    if (NEVER.has(name) || !control(name)) continue;
    for (const one of [value].flat()) pairs.append(name, isLoras(control(name)) ? JSON.stringify(one) : one);
  }
  return `#${pairs}`;
}

export async function copyLink() {
  const link = `${location.origin}${location.pathname}${hashOf(styled(settings()))}`;
  if (await copyText(link)) notice(t("link.copied"), { about: "link" });
}

/** Takes the settings in the address, once, and clears them from it. Only what the form has a control for counts. */
export function takeHash() {
  const hash = location.hash.slice(1);
  if (!hash.includes("=") || hash.length > LONGEST) return false;
  history.replaceState(null, "", location.pathname + location.search);
  const known = new Set(controls().map((each) => each.dataset.field));
  const said = {};
  for (const [name, value] of new URLSearchParams(hash)) {
    if (!known.has(name) || NEVER.has(name)) continue;
    const [field, part] = name.split(".");
    if (isNames(control(name))) said[name] = [...(said[name] ?? []), value];
    else if (isLoras(control(name))) said[name] = [...(said[name] ?? []), ...loraIn(value)];
    else if (part) said[field] = { ...said[field], [part]: value };
    else said[field] = value;
  }
  if (!Object.keys(said).length) return false;
  const action = undoToNow();
  fill(said);
  notice(t("link.applied"), { about: "link", action });
  return true;
}

/** A LoRA as a link says it: a list of one, or of none where it says anything else. */
function loraIn(text) {
  try {
    const { name, weight, clip_weight: clip } = JSON.parse(text);
    if (typeof name !== "string" || typeof weight !== "number") return [];
    return [{ name, weight, ...(typeof clip === "number" ? { clip_weight: clip } : {}) }];
  } catch {
    return [];
  }
}
