// The server's dialog: its address and key, which stay in this browser, what holds there, and how one is told of pictures
// that are done. With it comes what the page is outside of its own window.

import { ask, ServerError } from "../../js/api.js";
import { addressFrom, devicesNamed, look, server, whenLooked } from "../../js/connection.js";
import { byId, make, openDialog, show } from "../../js/dom.js";
import { settings } from "../../js/form.js";
import { fileSize, hasText, inEveryLanguage, language, t } from "../../js/i18n.js";
import { hashOf } from "../../js/link.js";
import { remember, remembered } from "../../js/memory.js";
import { startApp } from "./app.js";
import { startTelling } from "./done.js";
import { startSigns } from "./signs.js";

const SENDABLE = /^[\x20-\x7e]*$/; // in a header

/** Opens the dialog, where something is wrong with a sentence that says what. */
export function openSettings(error = "") {
  byId("server-address").value = location.origin;
  byId("server-key").value = remembered("key", "");
  byId("server-error").textContent = error;
  show(byId("server-error"), Boolean(error));
  openDialog(byId("server-dialog"));
  if (error) byId("server-key").focus();
}

function describe() {
  const { health } = server();
  const device = devicesNamed(health) || t("status.starting");
  byId("server-about").textContent = health ? t("server.about", { version: health.version, device }) : "";
  describeDevices(health?.devices?.length > 1 ? health.devices : []);
  describeRules(health);
}

/** Of several devices, each in a line. */
function describeDevices(devices) {
  const lines = devices.map((each) => each.problem ? `${each.device} · ${each.problem}`
    : t("server.device", { ...each, state: t(`status.${each.state}`), size: fileSize(each.size) }));
  const list = byId("server-devices");
  if (list.textContent !== lines.join("")) list.replaceChildren(...lines.map((line) => make("li", {}, line)));
  show(list, lines.length > 0);
}

/** What holds for whoever reads this: what isn't drawn, what becomes of pictures. */
function describeRules(health) {
  const rules = !health ? [] : [
    ...checks(health.moderation),
    health.provenance ? t("rules.signed") : "",
    health.watermark ? t("rules.marked") : "",
    health.assistant ? t("rules.assistant") : "",
  ].filter(Boolean);
  const list = byId("server-rules-list");
  if (list.textContent !== rules.join("")) list.replaceChildren(...rules.map((rule) => make("li", {}, rule)));
  show(byId("server-rules"), rules.length > 0);
}

/** What is checked of prompts and of pictures: which of the two are, no policy's name says. */
function checks({ policy, prompts, own, pictures }) {
  const held = policy !== "none" && (prompts || pictures);
  const named = hasText(`rules.${policy}`) ? t(`rules.${policy}`) : policy;
  const rules = [held ? named : "", own ? t("rules.own") : "", pictures ? t("rules.pictures") : ""];
  return rules.some(Boolean) ? rules : [t("rules.none")];
}

async function useServer(event) {
  event.preventDefault();
  const address = addressFrom(byId("server-address").value);
  if (address === null) return sayInDialog(t("server.bad"), "server-address");
  if (address !== location.origin) return location.assign(`${address}/?lang=${language()}${hashOf(settings())}`);
  const key = byId("server-key").value.trim();
  try {
    if (!SENDABLE.test(key)) throw new ServerError(401, "", { keyed: true });
    await ask("/models", { key });
  } catch (error) {
    if (error.status === undefined) throw error;
    return sayInDialog(error.words, "server-key");
  }
  remember("key", key);
  byId("server-dialog").close();
  return look();
}

function sayInDialog(sentence, about) {
  byId("server-error").textContent = sentence;
  show(byId("server-error"), true);
  byId(about).focus();
  byId(about).select();
}

byId("server-form").addEventListener("submit", useServer);
whenLooked(describe);
inEveryLanguage(describe);
startSigns();
startTelling();
startApp();
