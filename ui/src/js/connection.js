// Is the server there, and can it draw?

import { ask } from "./api.js";
import { byId } from "./dom.js";
import { drawer } from "./drawers.js";
import { isReady, learn } from "./form.js";
import { inEveryLanguage, t } from "./i18n.js";
import { whenRemembered } from "./memory.js";

const EVERY = 4000;
const HOST = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[0-9a-f:.]+\])$/i; // some browsers' URL lets spaces and signs pass
const listeners = new Set();
let health = null;
let state = "waiting";
let learned = () => {};
let back = () => {};
let told = () => {};

/** `{ health, state }`: what the server said of itself when it last answered, and how it is now. */
export const server = () => ({ health, state });

/** `act` now and whenever it was looked at. */
export function whenLooked(act) {
  listeners.add(act);
  act();
}

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
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  inEveryLanguage(describe);
  whenRemembered("key", look);
  await look();
  setInterval(() => { if (!document.hidden) look(); }, EVERY);
}

/** Opens the server's dialog, where something is wrong with a sentence that says what. */
export async function openServer(error = "") {
  (await drawer("settings"))?.openSettings(error);
}

/** What it draws on, in words: each sort once; "" where that isn't known yet. */
export const devicesNamed = (said) => [...new Set((said?.devices ?? []).map((each) => each.name).filter(Boolean))].join(", ");

/** The devices of other machines: another server's are called by its address, a cluster's by its node's. */
export const elsewhere = (devices) => devices.filter((each) => each.elsewhere).map((each) => each.device);

/** Does the page come from a server of this computer? */
export const isHere = () => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);

export async function look() {
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
  const lost = (health?.devices ?? []).filter((each) => each.state === "broken").map((each) => ` · ${each.device}: ${t("status.broken")}`);
  const device = devicesNamed(health);
  byId("status").dataset.state = state;
  byId("status-text").textContent = t(`status.${state}`);
  byId("status-device").textContent = state === "ready" && device ? ` · ${device}${lost.join("")}` : "";
  for (const act of listeners) act();
}
