// Is the server there, and can it draw? And its address and key, which stay in this browser.

import { ask, ServerError } from "./api.js";
import { byId, make, openDialog, show } from "./dom.js";
import { hashOf } from "./link.js";
import { isReady, learn, settings } from "./form.js";
import { fileSize, hasText, inEveryLanguage, language, t } from "./i18n.js";
import { remember, remembered } from "./memory.js";

const EVERY = 4000;
const HOST = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[0-9a-f:.]+\])$/i; // some browsers' URL lets spaces and signs pass
const SENDABLE = /^[\x20-\x7e]*$/; // in a header
let health = null;
let state = "waiting";
let learned = () => {};
let back = () => {};
let told = () => {};

/** The address that a person wrote, as a URL's origin; null for what is none. */
export function addressFrom(text) {
  try {
    const url = new URL(/^https?:\/\//i.test(text.trim()) ? text.trim() : `http://${text.trim()}`);
    return HOST.test(url.hostname) && /^https?:$/.test(url.protocol) ? url.origin : null;
  } catch {
    return null;
  }
}

/** `onLearned` is called when the server has said what it can do, `onBack` when it answers again, `onTold` with how it is. */
export async function startConnection(onLearned, onBack, onTold) {
  [learned, back, told] = [onLearned, onBack, onTold];
  byId("status").addEventListener("click", () => openServer());
  byId("server-form").addEventListener("submit", useServer);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  inEveryLanguage(describe);
  await look();
  setInterval(() => { if (!document.hidden) look(); }, EVERY);
}

/** Opens the server's dialog, where something is wrong with a sentence that says what. */
export function openServer(error = "") {
  byId("server-address").value = location.origin;
  byId("server-key").value = remembered("key", "");
  byId("server-error").textContent = error;
  show(byId("server-error"), Boolean(error));
  openDialog(byId("server-dialog"));
  if (error) byId("server-key").focus();
}

async function look() {
  const before = state;
  try {
    health = await ask("/health");
    state = health.status;
    told(health);
    if (before === "gone") back();
    if (!isReady()) await learn().then(learned);
  } catch (error) {
    if (error.status === undefined) throw error;
    state = error.status === 401 ? "key" : "gone";
  }
  describe();
}

function describe() {
  const devices = health?.devices ?? [];
  const device = [...new Set(devices.map((each) => each.name).filter(Boolean))].join(", ");
  const lost = devices.filter((each) => each.state === "broken").map((each) => ` · ${each.device}: ${t("status.broken")}`);
  byId("status").dataset.state = state;
  byId("status-text").textContent = t(`status.${state}`);
  byId("status-device").textContent = state === "ready" && device ? ` · ${device}${lost.join("")}` : "";
  byId("server-about").textContent = health ? t("server.about", { version: health.version, device: device || t("status.starting") }) : "";
  describeDevices(devices.length > 1 ? devices : []);
  describeRules();
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
function describeRules() {
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
  if (address === null) {
    byId("server-error").textContent = t("server.bad");
    show(byId("server-error"), true);
    return byId("server-address").focus();
  }
  if (address !== location.origin) return location.assign(`${address}/?lang=${language()}${hashOf(settings())}`);
  const key = byId("server-key").value.trim();
  try {
    if (!SENDABLE.test(key)) throw new ServerError(401, "", { keyed: true });
    await ask("/models", { key });
  } catch (error) {
    if (error.status === undefined) throw error;
    return sayInDialog(error.words);
  }
  remember("key", key);
  byId("server-dialog").close();
  return look();
}

function sayInDialog(sentence) {
  byId("server-error").textContent = sentence;
  show(byId("server-error"), true);
  byId("server-key").focus();
  byId("server-key").select();
}
