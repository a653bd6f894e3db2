// Help that is there: the keys, by "?"; and a word beside a value that is unusual.

import { byId, make, openDialog } from "../../js/dom.js";
import { hasText, inEveryLanguage, t } from "../../js/i18n.js";
import { KEYS } from "./keys.js";
import { startUnusual } from "./unusual.js";

const WRITTEN = "textarea, select, input:not([type=range], [type=checkbox], [type=color])";
const WHERE = [["#canvas-dialog[open]", "canvas"], ["#gallery-dialog[open], #gallery-whole:focus-within", "gallery"], ["#styles-dialog[open]", "styles"], ["#viewer[open]", "alone"]];
const ON_MAC = /Mac|iPhone|iPad/.test(navigator.platform);
const MACS = { Mod: "⌘", Shift: "⇧", Delete: "fn ⌫", Enter: "↵", Esc: "esc" };
const OTHERS = { Mod: "Ctrl", Delete: "Del" };

/** Opens the list of keys; those of what is open come first. */
export function openHelp() {
  const here = WHERE.find(([selector]) => document.querySelector(selector))?.[1];
  const groups = [...new Set(KEYS.map(([group]) => group))].sort((a, b) => (b === here) - (a === here));
  byId("help-keys").replaceChildren(...groups.map(section));
  openDialog(byId("help-dialog"));
  byId("help-title").focus();
}

function section(group) {
  const rows = KEYS.filter(([where]) => where === group);
  const list = rows.flatMap(([, keys, what]) => [make("dt", {}, ...keys.map((key) => make("kbd", {}, keyName(key)))), make("dd", {}, t(`keys.${what}`))]);
  return make("section", {}, make("h3", {}, t(`keys.${group}`)), make("dl", {}, ...list));
}

/** As it is printed on the keyboard at hand. */
function keyName(key) {
  const parts = key === "+" ? [key] : key.split("+");
  const printed = (part) => (ON_MAC ? MACS : OTHERS)[part] ?? (hasText(`key.${part}`) ? t(`key.${part}`) : part);
  return parts.map(printed).join(ON_MAC ? " " : "+");
}

document.addEventListener("keydown", (event) => {
  const asks = event.key === "?" || (event.code === "Slash" && event.shiftKey);
  if (!asks || event.ctrlKey || event.metaKey || event.altKey || event.target.matches(WRITTEN)) return;
  event.preventDefault();
  openHelp();
});
inEveryLanguage(() => { if (byId("help-dialog").open) openHelp(); });
startUnusual();
