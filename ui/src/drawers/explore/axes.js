// The three axes, as a person sets them: which setting, and its values; what of them makes no sense is said beside it.

import { all, byId, make, show } from "../../js/dom.js";
import { inEveryLanguage, t } from "../../js/i18n.js";
import { chosenPreset } from "../../js/offers.js";
import { someSeed } from "./feed.js";
import { axisName, choicesOf, kindOf, kinds, labelOf, valuesIn, WORDS } from "./kinds.js";
import { textOf } from "./values.js";

const SIDES = ["x", "y", "z"];
const SHOWN = 8; // values that are told back
const SEEDS = 4; // that are added together
const set = { x: { field: "", text: "" }, y: { field: "", text: "" }, z: { field: "", text: "" } };
let changed = () => {};

const part = (side, name) => byId(`axis-${side}-${name}`);

/** The axes that are set, those with values first as they stand: `[{ field, values }]`; null where one can't be used, or two
 * are of one setting, of which the second alone would count. */
export function axesSet(aloud = false) {
  const found = [];
  let wrong = false;
  for (const side of SIDES) {
    const { field } = set[side];
    if (!field) continue;
    try {
      const values = valuesOf(side);
      if (field !== WORDS && found.some((one) => one.field === field)) throw t("axis.twice", { name: axisName(field) });
      if (values.length) found.push({ field, values });
      else if (aloud) throw t("axis.none");
      accept(side);
    } catch (sentence) {
      if (typeof sentence !== "string") throw sentence;
      if (aloud && !wrong) (part(side, "text") ?? part(side, "ticks")?.querySelector("input") ?? part(side, "field")).focus();
      wrong = true;
      refuse(side, sentence);
    }
  }
  return wrong ? null : found;
}

function valuesOf(side) {
  const { field, text } = set[side];
  const kind = kindOf(field);
  if (!kind) return [];
  if (kind.how !== "ticks") return valuesIn(field, text);
  if (field === "preset" && chosenPreset()?.own) throw t("axis.own"); // its words are in the prompt already
  const ticked = all("input:checked", part(side, "ticks")).map((box) => Number(box.value));
  return choicesOf(field).filter((_, at) => ticked.includes(at)).map(([value]) => value);
}

/** Sets them from a recipe: `[{ field, values }]`. */
export function setAxes(axes) {
  SIDES.forEach((side, at) => {
    const { field = "", values = [] } = axes[at] ?? {};
    const how = kindOf(field)?.how;
    Object.assign(set[side], { field: how ? field : "", text: how && how !== "ticks" ? textOf(values, how === "lines") : "" });
    fill(side);
    if (how !== "ticks") return;
    const choices = choicesOf(field);
    for (const box of all("input", part(side, "ticks"))) box.checked = values.includes(choices[Number(box.value)][0]);
    describe(side);
  });
  changed();
}

function refuse(side, sentence) {
  part(side, "error").textContent = sentence;
  show(part(side, "error"), true);
  part(side, "text")?.setAttribute("aria-invalid", "true");
}

function accept(side) {
  show(part(side, "error"), false);
  part(side, "text")?.removeAttribute("aria-invalid");
}

/** Beside it stands what its values are understood as. */
function describe(side) {
  accept(side);
  let said = "";
  const { field } = set[side];
  try {
    const values = field ? valuesOf(side) : [];
    const shown = values.slice(0, SHOWN).map((value) => labelOf(field, value));
    said = values.length ? t("axis.values", { n: values.length, values: `${shown.join(" · ")}${values.length > SHOWN ? " …" : ""}` }) : field ? t(`axis.how.${field === WORDS ? WORDS : kindOf(field)?.how ?? "list"}`) : "";
  } catch (sentence) {
    if (typeof sentence !== "string") throw sentence;
    refuse(side, sentence);
  }
  part(side, "said").textContent = said;
}

/** What takes the values of the chosen setting. */
function fill(side) {
  offerKinds(side);
  const { field, text } = set[side];
  const how = kindOf(field)?.how;
  const room = part(side, "values");
  const label = t("axis.values.label", { name: field ? axisName(field) : "" });
  const about = { id: `axis-${side}-text`, "aria-label": label, "aria-describedby": `axis-${side}-said axis-${side}-error`, spellcheck: false, autocomplete: "off", value: text };
  if (!how) room.replaceChildren();
  else if (how === "ticks") room.replaceChildren(make("div", { id: `axis-${side}-ticks`, className: "explore-ticks", role: "group", "aria-label": label }, ...choicesOf(field).map(([, name], at) => make("label", { className: "check" }, make("input", { type: "checkbox", value: String(at) }), make("span", { dir: "auto" }, name)))));
  else if (how === "lines") room.replaceChildren(make("textarea", { ...about, rows: 3, dir: "auto" }));
  else room.replaceChildren(make("input", { type: "text", ...about }));
  if (how === "seeds") room.append(make("button", { type: "button", className: "text-button inset", onclick: () => addSeeds(side) }, t("axis.seeds", { n: SEEDS })));
  describe(side);
}

function addSeeds(side) {
  const before = set[side].text.trim().replace(/[,;]$/, "");
  set[side].text = [before, ...Array.from({ length: SEEDS }, someSeed)].filter(Boolean).join("; ");
  part(side, "text").value = set[side].text;
  describe(side);
  changed();
}

/** The settings to choose from: those of words, then the others; what no longer is one goes. */
function offerKinds(side) {
  const there = kinds();
  if (!there.some(({ field }) => field === set[side].field)) set[side].field = "";
  const options = (some) => some.map(({ field }) => make("option", { value: field }, axisName(field)));
  const isWords = ({ field }) => [WORDS, "prompt", "neg"].includes(field);
  part(side, "field").replaceChildren(make("option", { value: "" }, t("axis.no")), make("optgroup", { label: t("axis.group.words") }, ...options(there.filter(isWords))), make("optgroup", { label: t("axis.group.settings") }, ...options(there.filter((one) => !isWords(one)))));
  part(side, "field").value = set[side].field;
}

/** To be called where the form may be another. */
export function offerAxes() {
  for (const side of SIDES) {
    const ticked = new Set(all(`#axis-${side}-ticks input:checked`).map((box) => box.parentElement.textContent));
    fill(side);
    for (const box of all(`#axis-${side}-ticks input`)) box.checked = ticked.has(box.parentElement.textContent);
    describe(side);
  }
}

export function startAxes(act) {
  changed = act;
  byId("explore-axes").append(...SIDES.map((side) => make("fieldset", { className: "field explore-axis", "data-side": side },
    make("legend", { "data-t": `axis.${side}` }, t(`axis.${side}`)), make("select", { id: `axis-${side}-field` }), make("div", { id: `axis-${side}-values`, className: "explore-values" }),
    make("p", { className: "hint", id: `axis-${side}-said` }), make("p", { className: "error", id: `axis-${side}-error`, role: "alert", hidden: true }))));
  for (const side of SIDES) {
    part(side, "field").addEventListener("change", ({ target }) => {
      Object.assign(set[side], { field: target.value, text: target.value === "prompt" ? byId("f-prompt").value.trim() : "" });
      fill(side);
      changed();
    });
    part(side, "values").addEventListener("input", ({ target }) => {
      if (target.id === `axis-${side}-text`) set[side].text = target.value;
      describe(side);
      changed();
    });
  }
  inEveryLanguage(() => {
    for (const side of SIDES) part(side, "field").setAttribute("aria-label", t(`axis.${side}`));
    offerAxes();
  });
}
