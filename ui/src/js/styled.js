// A style of this browser's own: no server knows it, so its words and settings go into the request itself, as a server
// puts in those of its presets.

import { chosenPreset, presetDefaults } from "./offers.js";
import { hasSource } from "./size.js";

const ENDS = ",.;:!?";

/** What is asked for, with what the style adds where that is this browser's own; what is said itself wins. */
export function styled(said, one = chosenPreset()) {
  if (!one?.own) return said;
  const { preset, ...rest } = said;
  const settled = [...(said.sampler ? ["sampler", "schedule"] : []), ...(said.width || said.height || hasSource() ? ["width", "height"] : [])];
  const set = Object.entries(presetDefaults(one)).filter(([name]) => !settled.includes(name));
  const loras = [...(said.loras ?? []), ...(one.loras ?? []).filter(({ name }) => !said.loras?.some((lora) => lora.name === name))];
  return { ...Object.fromEntries(set), ...rest, prompt: around(said.prompt ?? "", one), ...(loras.length ? { loras } : {}) };
}

function around(prompt, { prompt_prefix: prefix = "", prompt_suffix: suffix = "" }) {
  const gap = ENDS.includes(prompt.trimEnd().at(-1) ?? ",") ? " " : ", ";
  return `${prefix && !/\s$/.test(prefix) ? `${prefix} ` : prefix}${prompt}${!suffix || /^[\s,.;:!?]/.test(suffix) ? "" : gap}${suffix}`;
}
