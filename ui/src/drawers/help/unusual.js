// A word beside a value that is unusual for the chosen model: what comes of it, and what is usual. Nothing is forbidden.

import { control, defaultOf } from "../../js/controls.js";
import { all, describeBy, make } from "../../js/dom.js";
import { isReady, whenChanged } from "../../js/form.js";
import { inEveryLanguage, number, t } from "../../js/i18n.js";
import { numberIn } from "../../js/numbers.js";
import { chosenModel, entriesOf, nativeSide } from "../../js/offers.js";
import { hasSource } from "../../js/size.js";
import { sourceMask } from "../../js/source.js";

const MOST_STEPS = 80; // of models that weren't made for few
const FEW = 0.35; // of the usual steps
const MOST_GUIDANCE = 15;
const LARGE = 2.2; // times the model's own area
const SMALL = 0.3;
const LONG = 2.6; // one side through the other
const MOST_AGAIN = 0.75; // strength of a second pass
const MOST_WEIGHT = 1.5;
const hints = new Map(); // by field

export function startUnusual() {
  whenChanged(describe);
  inEveryLanguage(describe);
}

function describe() {
  if (!isReady()) return;
  const model = chosenModel();
  const about = { model: model?.name ?? control("model").value };
  tell("num_steps", steps(model?.bounds?.num_steps, about));
  tell("guidance", guidance(model, about));
  tell("neg", control("neg").value.trim() && !hearsNegative(model) ? t("unusual.neg", about) : "");
  tell("width", size(about));
  tell("strength", strength());
  tell("hires.strength", said("hires.scale") > 1 && said("hires.strength") > MOST_AGAIN ? t("unusual.hires") : "");
  tell("loras", loras(model, about));
}

/** What is written; NaN for nothing. */
const said = (name) => (control(name) ? numberIn(control(name).value) : NaN);
/** What is written, or would be taken. */
const meant = (name) => { const value = said(name); return Number.isNaN(value) ? Number(defaultOf(name) ?? NaN) : value; };

function steps(bounds, about) {
  const [value, usual] = [said("num_steps"), Number(defaultOf("num_steps"))];
  if (bounds) return value > bounds[1] ? t("unusual.steps.bounds", { ...about, min: bounds[0], max: bounds[1] }) : "";
  if (value > MOST_STEPS) return t("unusual.steps.many", { most: MOST_STEPS });
  return value < usual * FEW ? t("unusual.steps.few", { usual }) : "";
}

function guidance(model, about) {
  const [value, usual] = [said("guidance"), Number(defaultOf("guidance"))];
  const bounds = model?.bounds?.guidance;
  if (bounds && bounds[1] <= 2) return value > Math.max(1, bounds[1]) ? t("unusual.guidance.off", about) : "";
  if (bounds && (value < bounds[0] || value > bounds[1])) return t("unusual.guidance.bounds", { ...about, min: number(bounds[0]), max: number(bounds[1]) });
  if (bounds) return "";
  if (value > MOST_GUIDANCE) return t("unusual.guidance.high", { usual: number(usual) });
  return value <= 1 && usual > 1 ? t("unusual.guidance.low") : "";
}

/** By a second row, which guidance beyond 1 asks for. */
function hearsNegative(model) {
  if (model?.true_cfg) return meant("true_cfg") > 1;
  return (model?.guidance_kind ?? "cfg") === "cfg" && meant("guidance") > 1;
}

/** Only of a size that somebody wrote; where it is made small and enlarged, none is too large. */
function size(about) {
  const [width, height] = [said("width"), said("height")];
  if (Number.isNaN(width + height)) return "";
  const side = nativeSide();
  const part = (width * height) / (side * side);
  const enlarged = (control("fit")?.value || defaultOf("fit")) === "scale";
  if (part > LARGE && !enlarged) return t("unusual.size.large", { ...about, side });
  if (part < SMALL) return t("unusual.size.small", { ...about, side });
  return Math.max(width / height, height / width) > LONG && !hasSource() ? t("unusual.size.long") : "";
}

function strength() {
  if (!hasSource()) return "";
  if (said("strength") === 0) return t("unusual.strength.none");
  return said("strength") === 1 && !sourceMask() ? t("unusual.strength.all") : "";
}

/** Weights that are large; or that none of those that are here can be had. */
function loras(model, about) {
  const there = entriesOf("lora");
  const families = model?.lora_families ?? [];
  const fits = ({ family }) => !family || !families.length || families.includes(family);
  if (there.length && !there.some(fits)) return t("unusual.loras.none", about);
  const heavy = all(".lora", control("loras")).filter((row) => Math.abs(numberIn(row.querySelector("[data-weight]").value)) > MOST_WEIGHT);
  return heavy.length ? t("unusual.loras", { names: heavy.map((row) => row.lora.name).join(", ") }) : "";
}

function tell(name, sentence) {
  const each = control(name);
  if (!each) return;
  if (!hints.has(name) && !sentence) return;
  if (!hints.has(name)) hints.set(name, made(each));
  const hint = hints.get(name);
  if (hint.textContent !== sentence) hint.textContent = sentence;
  describeBy(each, hint.id, sentence !== "");
}

function made(each) {
  const hint = make("p", { className: "hint unusual", id: `unusual-${each.id}`, role: "status" });
  const box = each.closest("fieldset.field") ?? each.closest(".field");
  box.insertBefore(hint, box.querySelector(":scope > .lora"));
  return hint;
}
