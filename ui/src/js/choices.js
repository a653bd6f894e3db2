// What is said beside the controls, and the choices that depend on other choices.

import { offerBeside } from "./beside.js";
import { control, defaultOf, defaultText, field, isAuto, setAuto, setChoices, setOwnDefaults } from "./controls.js";
import { byId, show } from "./dom.js";
import { drawer } from "./drawers.js";
import { fileSize, hasText, t } from "./i18n.js";
import { offerLoras } from "./loras.js";
import { offerNames } from "./names.js";
import { chosenModel, chosenPreset, defaultModel, entriesOf, filesOf, firstModel, models, presetAbout, presetDefaults, presets, presetTitle, samplerNow, samplers } from "./offers.js";
import { describeSize } from "./size.js";

let marksAll = false; // every picture, whatever is asked
let worded = null; // on its way: the words on styles

/** Whether the server marks every picture: then there is nothing to choose. */
export function offerMark(always) {
  marksAll = always;
}

const named = (list) => list.map((name) => [name, name]);

/** The models, each once. Where nobody has chosen, one that draws is chosen. */
export function offerModels() {
  const auto = isAuto(control("model")) || control("model").value === "";
  if (auto) control("model").value = "";
  const text = (name) => (name === defaultModel() && models().length > 1 ? t("default.is", { value: name }) : name);
  setChoices("model", models().map((name) => [name, text(name)]), models().length ? null : t("model.nothing"));
  if (auto) setAuto("model", firstModel());
}

export function describeChoices() {
  offerModels();
  const own = { ...chosenModel()?.defaults, ...presetDefaults() };
  if (control("sampler").value) own.schedule = field("schedule").default; // a schedule belongs to its sampler
  setOwnDefaults(own);
  setChoices("sampler", named(samplers().map((row) => row.name)), defaultText("sampler"));
  setChoices("schedule", schedules(), defaultText("schedule"));
  setChoices("preset", presets().map((one) => [one.name, presetTitle(one)]), t("preset.none"));
  show(byId("preset-row"), presets().length > 0);
  describePreset(chosenPreset());
  offerFiles("vae", filesOf("vae"), t("vae.own"));
  offerNames(control("text_encoders"), filesOf("text-encoder"));
  offerLoras(control("loras"), entriesOf("lora"), chosenModel()?.lora_families ?? []);
  const seers = entriesOf("lora").filter((one) => one.own_map !== undefined).map((one) => ({ ...one, map: one.own_map, types: [] }));
  offerBeside([...entriesOf("controlnet"), ...seers], entriesOf("ip-adapter"), chosenModel());
  offerFiles("refiner", models().length > 1 ? models() : [], t("no"));
  if (control("refiner_at")) show(control("refiner_at").closest(".field"), Boolean(control("refiner")?.value));
  if (control("watermark")) show(control("watermark").closest(".field"), !marksAll);
  if (control("true_cfg")) show(control("true_cfg").closest(".field"), Boolean(chosenModel()?.true_cfg) || control("true_cfg").value !== "");
  describeModel(chosenModel());
  describeSize();
  if (control("hires.upscaler")) setChoices("hires.upscaler", named([...field("hires.upscaler").examples, ...filesOf("upscaler")]), defaultText("hires.upscaler"));
  if (control("hires.steps")) control("hires.steps").placeholder = control("num_steps").value || control("num_steps").placeholder;
  const standing = defaultOf("neg");
  control("neg").placeholder = standing ? t("neg.default", { value: standing }) : t("neg.placeholder");
  show(byId("no-neg-row"), Boolean(standing));
}

function schedules() {
  const names = samplerNow()?.schedules ?? field("schedule").examples;
  return names.map((name) => [name, name === "default" ? t("schedule.default") : name]);
}

/** A choice among files of the server's, out of sight where there is nothing to choose. */
function offerFiles(name, found, nothing) {
  if (!control(name)) return;
  setChoices(name, named(found), nothing);
  show(control(name).closest(".field"), found.length > 0 || control(name).value !== "");
}

function describePreset(one) {
  if (one?.shipped && !hasText(`preset.${one.name}.about`)) worded ??= drawer("styles", true).then(() => describePreset(chosenPreset()));
  const about = one ? presetAbout(one) : "";
  byId("preset-about").textContent = about;
  show(byId("preset-about"), about !== "");
}

function describeModel(detail) {
  const about = byId("model-about");
  if (models().length === 0) about.textContent = t("model.none");
  else if (!detail) about.textContent = "\u00a0";
  else {
    const family = [detail.family.replaceAll("_", " "), detail.variant].filter(Boolean).join(" ");
    const native = detail.resolution ? t("model.native", { n: detail.resolution }) : "";
    about.textContent = [family, native, detail.size >= 1e5 ? fileSize(detail.size) : "", detail.loaded ? t("model.loaded") : "", detail.shipped ? t("model.shipped") : ""].filter(Boolean).join(" · ");
  }
}
