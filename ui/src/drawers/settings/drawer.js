// The server's dialog: its address and key, which stay in this browser, the way to what is to be known of it, and how one is
// told of pictures that are done. With it comes what the page is outside of its own window, and help where it is needed.

import { ask, POLICIES, ServerError } from "../../js/api.js";
import { addressFrom, devicesNamed, look, server, whenLooked } from "../../js/connection.js";
import { keys } from "../../js/database.js";
import { all, byId, openDialog, show } from "../../js/dom.js";
import { drawer } from "../../js/drawers.js";
import { isReady, settings } from "../../js/form.js";
import { inEveryLanguage, language, t } from "../../js/i18n.js";
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
  show(byId("server-views"), health !== null);
  const own = remembered("moderation", "");
  if (own && health && POLICIES.indexOf(own) <= POLICIES.indexOf(health.moderation.policy)) remember("moderation", ""); // all are held to that by now
}

/** What opens each of the views: what is here, the devices, what holds, the orders that the server keeps, the keys. */
const VIEWS = {
  first: async () => (await drawer("first"))?.openFirst(),
  devices: async () => (await drawer("devices"))?.openDevices(),
  safety: async () => (await drawer("safety"))?.openSafety(),
  orders: async () => (await drawer("orders"))?.openOrders(),
  help: async () => (await drawer("help"))?.openHelp(),
};

let greeted = false;

/** Who is here for the first time, and has no picture yet, is told once what there is: when the server has told it. */
async function greet() {
  if (greeted || !isReady()) return;
  greeted = true;
  if (remembered("first", false) || location.hash) return;
  const pictures = await keys("rows").catch(() => [0]);
  if (pictures.length) remember("first", true);
  else (await drawer("first", true))?.greet();
}

/** Copies a text where the clipboard is closed: as if it were selected and copied by hand, which it else is to be. */
export function copyOtherwise(text) {
  if (copyBySelection(text)) return true;
  byId("copy-text").value = text;
  openDialog(byId("copy-dialog"));
  byId("copy-text").select();
  return false;
}

function copyBySelection(text) {
  const field = document.createElement("textarea");
  const focused = document.activeElement;
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return copied;
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
for (const button of all("[data-view]", byId("server-views"))) button.addEventListener("click", VIEWS[button.dataset.view]);
drawer("help", true);
whenLooked(greet);
