// The page as an application, where the browser lets it be one (over https, or on this machine): what it is called, a worker
// that opens it while the server is away, and pictures and files that others hand over to it.

import { server, whenLooked } from "../../js/connection.js";
import { byId, make, show } from "../../js/dom.js";
import { drawer, workerAddress } from "../../js/drawers.js";
import { inEveryLanguage, language, t } from "../../js/i18n.js";
import { dismiss, notice } from "../../js/notices.js";
import { takeSource } from "../../js/source.js";
import { showEntry } from "../../js/stage.js";
import { undoToNow } from "../../js/undo.js";
import { showPicture } from "./done.js";

let offered = null; // the browser's own question whether to install it

export async function startApp() {
  if (!isSecureContext || !navigator.serviceWorker) return;
  whenLooked(tellAway);
  nameApp();
  offerInstalling();
  window.launchQueue?.setConsumer(opened);
  navigator.serviceWorker.addEventListener("message", heard);
  navigator.serviceWorker.startMessages();
  try {
    await navigator.serviceWorker.register(workerAddress, { updateViaCache: "none" });
  } catch { /* the server is away, or the browser wants none: what was registered stays */ }
  takeShared();
}

/** The page was opened, and no server has answered yet. */
function tellAway() {
  const { health, state } = server();
  if (health || state !== "gone") dismiss("away");
  else if (!byId("notices").querySelector("[data-about=away]")) notice(t("app.away"), { about: "away", stay: true });
}

function nameApp() {
  const link = make("link", { rel: "manifest", crossOrigin: "use-credentials" }); // a proxy may want those
  inEveryLanguage(() => { link.href = `./manifest.webmanifest?lang=${language()}`; });
  document.head.append(link);
}

function offerInstalling() {
  const describe = () => show(byId("app-install"), offered !== null);
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    offered = event;
    describe();
  });
  addEventListener("appinstalled", () => {
    offered = null;
    describe();
  });
  byId("app-install").addEventListener("click", () => {
    offered.prompt();
    offered = null;
    describe();
  });
}

/** Files that were opened with the application are loaded, as if they had been dropped. */
async function opened({ files }) {
  const file = await files[0]?.getFile();
  const entry = file && (await (await drawer("recipe"))?.loadFile(file));
  if (entry) await showEntry(entry);
}

/** A picture that was shared with the application waits with its worker. */
async function takeShared() {
  const asked = new URLSearchParams(location.search);
  const take = asked.get("shared");
  if (take === null) return;
  asked.delete("shared");
  history.replaceState(null, "", location.pathname + (asked.size ? `?${asked}` : "") + location.hash);
  (await navigator.serviceWorker.ready).active.postMessage({ take });
}

async function heard({ data: { shared, picture } }) {
  if (picture) showPicture(picture);
  if (!shared) return;
  const action = undoToNow();
  if (await takeSource(shared, shared.name)) notice(t("app.shared", { name: shared.name }), { about: "shared", action });
}
