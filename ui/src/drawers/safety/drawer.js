// What holds for whoever reads this: what isn't drawn and what becomes of it, what pictures say of where they come from,
// and what leaves this computer. All of it is the server's own word, as it is set up now.

import { POLICIES } from "../../js/api.js";
import { elsewhere, isHere, server, whenLooked } from "../../js/connection.js";
import { field } from "../../js/controls.js";
import { byId, make, openDialog, say, show } from "../../js/dom.js";
import { hasText, inEveryLanguage, t } from "../../js/i18n.js";
import { remember, remembered } from "../../js/memory.js";

export function openSafety() {
  openDialog(byId("safety-dialog"));
  describe();
  byId("safety-title").focus();
}

function describe() {
  const { health } = server();
  if (!byId("safety-dialog").open || !health) return;
  const { moderation } = health;
  say(byId("safety-problem"), moderation.problem ?? "");
  show(byId("safety-problem"), Boolean(moderation.problem));
  points("safety-drawn", [...drawn(moderation), remembered("moderation", "") ? "safety.chosen" : ""]);
  points("safety-says", says(health));
  points("safety-goes", goes(health));
  offerStricter(moderation);
}

/** What is checked of prompts and of pictures, and what becomes of what isn't drawn: which of the two are, no policy's name says. */
function drawn({ policy, prompts, own, pictures }) {
  const held = policy !== "none" && (prompts || pictures);
  if (!held && !own && !pictures) return ["safety.none"];
  const named = hasText(`safety.${policy}`) ? [`safety.${policy}`] : [];
  const refused = own || (prompts && policy !== "none") ? ["safety.refused"] : [];
  return [...(held ? named : []), ...(own ? ["safety.own"] : []), ...refused, pictures ? "safety.pictures" : "safety.unseen"];
}

function says({ provenance, watermark }) {
  return ["safety.recipe", provenance ? "safety.signed" : "safety.unsigned", watermark ? "safety.marked" : field("watermark") ? "safety.mark" : ""];
}

/** Where what one writes and brings goes: to the server, and to whom it asks. */
function goes({ assistant, devices }) {
  const others = elsewhere(devices);
  return [t(isHere() ? "safety.here" : "safety.there", { host: location.host }), others.length ? t("safety.others", { names: others.join(", ") }) : "", assistant ? t("safety.assistant") : "", t("safety.kept"), t("safety.log")];
}

function points(id, sentences) {
  const texts = sentences.filter(Boolean).map((one) => (hasText(one) ? t(one) : one));
  const list = byId(id);
  if (list.textContent !== texts.join("")) list.replaceChildren(...texts.map((one) => make("li", {}, one)));
}

/** A person may ask for more than holds for everybody, and never for less. */
function offerStricter({ policy }) {
  const more = POLICIES.slice(POLICIES.indexOf(policy) + 1);
  const chosen = remembered("moderation", "");
  show(byId("safety-own"), field("moderation") !== undefined && more.length > 0);
  const select = byId("safety-stricter");
  const options = [["", t("safety.as_server")], ...more.map((one) => [one, t(`safety.${one}`)])];
  const said = JSON.stringify(options);
  if (select.dataset.said !== said) {
    select.dataset.said = said;
    select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  }
  select.value = more.includes(chosen) ? chosen : "";
}

byId("safety-stricter").addEventListener("change", ({ target }) => { remember("moderation", target.value); describe(); });
addEventListener("storage", describe);
whenLooked(describe);
inEveryLanguage(describe);
