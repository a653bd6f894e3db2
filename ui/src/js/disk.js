// The page opened from disk: a browser lets no file talk to a server, so it finds the server and goes to its own copy.

import { addressFrom } from "./connection.js";
import { byId, show } from "./dom.js";
import { inEveryLanguage, language, t } from "./i18n.js";
import { remember, remembered } from "./memory.js";

const DEFAULT = "http://localhost:5000";
const EVERY = 2500;
let address = DEFAULT;
let said = "disk.looking";
let timer = null;

export function startFromDisk() {
  show(byId("app"), false);
  show(byId("status"), false);
  show(byId("open-models"), false);
  show(byId("open-queue"), false);
  show(byId("disk"), true);
  address = addressFrom(remembered("server", DEFAULT)) ?? DEFAULT;
  byId("disk-address").value = address;
  byId("disk-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const asked = addressFrom(byId("disk-address").value);
    if (asked === null) return say("server.bad");
    address = asked;
    remember("server", address);
    return look(true);
  });
  inEveryLanguage(() => say(said));
  // Who came back from the server's page wants to stay here, say to write another address.
  const came = performance.getEntriesByType("navigation")[0]?.type;
  look(came !== "back_forward");
}

/** A request whose answer can't be read, but which tells whether somebody is there. */
async function look(go) {
  clearTimeout(timer);
  say("disk.looking");
  try {
    await fetch(`${address}/health`, { mode: "no-cors", cache: "no-store", credentials: "omit" });
  } catch {
    say("disk.none");
    show(byId("disk-help"), true);
    timer = setTimeout(() => look(true), EVERY);
    return;
  }
  say(go ? "disk.found" : "disk.there");
  if (go) location.assign(`${address}/?lang=${language()}`);
}

function say(key) {
  if (key === "disk.looking" && said === "disk.none") return; // looking again is nothing to tell
  said = key;
  byId("disk-said").textContent = t(key, { address });
}
