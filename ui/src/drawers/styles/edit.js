// A style of one's own, changed: its name, its words, and which of the settings it has.

import { control, nameOf } from "../../js/controls.js";
import { byId, make, press, show } from "../../js/dom.js";
import { change } from "../../js/form.js";
import { t } from "../../js/i18n.js";
import { written } from "../../js/numbers.js";
import { presets } from "../../js/offers.js";
import { bare, keepOne, listed, SET } from "./own.js";

let edited = null; // the style
let then = () => {};

/** Shows what it has; `fresh`: it was just kept. `done(name)` once it is left. */
export function startEdit(one, { fresh, done }) {
  [edited, then] = [one, done];
  byId("styles-edit-title").textContent = t(fresh ? "styles.kept.title" : "styles.change.title", { name: one.name });
  byId("styles-leave").textContent = t(fresh ? "styles.asis" : "styles.leave");
  byId("styles-name").value = one.name;
  byId("styles-before").value = one.prompt_prefix ?? "";
  byId("styles-after").value = one.prompt_suffix ?? "";
  byId("styles-neg").value = one.neg ?? "";
  offerChips(fresh ? { ...one, model: one.model ?? (control("model").value || undefined) } : one);
  wrong("");
  show(byId("styles-edit"), true);
  byId("styles-edit").scrollIntoView({ block: "nearest" });
  byId("styles-name").select();
}

export function leaveEdit() {
  edited = null;
  show(byId("styles-edit"), false);
}

function offerChips(one) {
  const chip = (name, value, text, on) => {
    const button = make("button", { type: "button", className: "chip", "data-name": name, "data-value": JSON.stringify(value), dir: "auto" }, text);
    button.addEventListener("click", () => press(button, button.getAttribute("aria-pressed") !== "true"));
    press(button, on);
    return button;
  };
  const told = (value) => (typeof value === "number" ? written(value) : value);
  const set = SET.filter((name) => one[name] !== undefined).map((name) => chip(name, one[name], `${nameOf(name)}: ${told(one[name])}`, edited[name] !== undefined));
  const loras = listed(one.loras).map((lora) => chip("loras", lora, `LoRA ${lora.name}: ${told(lora.weight)}`, true));
  byId("styles-chips").replaceChildren(...set, ...loras);
  show(byId("styles-also"), set.length + loras.length > 0);
}

function wrong(sentence) {
  byId("styles-name-error").textContent = sentence;
  show(byId("styles-name-error"), sentence !== "");
  if (sentence) byId("styles-name").setAttribute("aria-invalid", "true");
  else byId("styles-name").removeAttribute("aria-invalid");
}

function finish() {
  if (!edited) return undefined;
  const name = byId("styles-name").value.trim();
  const taken = presets().some((one) => one.name === name && one.id !== edited.id);
  const error = !name ? t("styles.nameless") : taken ? t("styles.taken", { name }) : "";
  wrong(error);
  if (error) return byId("styles-name").focus();
  const kept = [...byId("styles-chips").children].filter((chip) => chip.getAttribute("aria-pressed") === "true").map(({ dataset }) => [dataset.name, JSON.parse(dataset.value)]);
  const loras = kept.filter(([key]) => key === "loras").map(([, lora]) => lora);
  const { id, own, name: before, description } = edited;
  const wasChosen = control("preset").value === before;
  const words = { prompt_prefix: byId("styles-before").value.trim(), prompt_suffix: byId("styles-after").value.trim(), neg: byId("styles-neg").value.trim() };
  keepOne(bare({ id, own, name, description, ...words, ...Object.fromEntries(kept.filter(([key]) => key !== "loras")), loras: loras.length ? loras : undefined }));
  if (wasChosen) change("preset", name);
  return left(name);
}

function left(name) {
  leaveEdit();
  then(name);
}

byId("styles-edit").addEventListener("submit", (event) => { event.preventDefault(); finish(); });
byId("styles-edit").addEventListener("keydown", (event) => {
  const done = event.key === "Enter" && (event.ctrlKey || event.metaKey);
  if (!done && event.key !== "Escape") return;
  event.preventDefault(); // the dialog stays, and the key isn't taken twice
  event.stopPropagation();
  if (done) finish();
  else left(edited.name);
});
byId("styles-leave").addEventListener("click", () => left(edited.name));
