// What draws, a row a device: how it is, what it is at, what it holds and for how much longer, and why it can't.

import { ask, ServerError } from "../../js/api.js";
import { elsewhere, server, whenLooked } from "../../js/connection.js";
import { byId, make, openDialog, say, show } from "../../js/dom.js";
import { duration, fileSize, hasText, inEveryLanguage, t } from "../../js/i18n.js";

const HOW = { ready: "good", starting: "wait", broken: "bad" };
let held = new Map(); // models by device, as the server last said
let looks = 0;
let written = ""; // what is seen

export async function openDevices() {
  openDialog(byId("devices-dialog"));
  byId("devices-title").focus();
  await look();
}

/** Which models lie where; how the devices are, the page looks at by itself. */
async function look() {
  if (!byId("devices-dialog").open) return;
  const mine = ++looks;
  let error = "";
  let found = held;
  try {
    const { details, others } = await ask("/models");
    found = new Map();
    for (const { name, loaded } of [...details, ...others]) {
      for (const each of loaded?.devices ?? []) found.set(each.device, [...(found.get(each.device) ?? []), { name, ...each }]);
    }
  } catch (failure) {
    if (!(failure instanceof ServerError)) throw failure;
    error = failure.words;
  }
  if (mine !== looks) return;
  held = found;
  say(byId("devices-error"), error);
  show(byId("devices-error"), error !== "");
  describe();
}

function describe() {
  const { health } = server();
  if (!health) return;
  const { devices, waiting, running } = health;
  const now = document.documentElement.lang + JSON.stringify([devices, waiting, running, [...held]]);
  if (now === written) return;
  written = now;
  byId("devices-line").textContent = [t("devices.running", { n: running }), t("devices.waiting", { n: waiting })].join(" · ");
  const others = new Set(elsewhere(devices));
  byId("devices-rows").replaceChildren(...devices.map((device) => rowOf(device, others.has(device.device))));
}

function rowOf(device, isElsewhere) {
  const { device: place, name, state, problem, running, restarts, size, memory, fetching } = device;
  const models = held.get(place) ?? [];
  const facts = [
    [HOW[state] ?? "", [t(`status.${state}`), state === "ready" ? (running ? t("devices.busy", { n: running }) : t("devices.idle")) : "", problem].filter(Boolean).join(" · ")],
    ["", memory ? t("devices.room", { size: fileSize(size), whole: fileSize(memory) }) : size ? t("devices.size", { size: fileSize(size) }) : ""],
    ...models.map((each) => ["", modelSaid(each)]),
    [fetching?.problem ? "bad" : "wait", fetching ? (fetching.problem ?? t("devices.fetching", { done: fileSize(fetching.done), size: fileSize(fetching.size) })) : ""],
    [restarts ? "wait" : "", restarts ? t("devices.restarts", { n: restarts }) : ""],
  ];
  const title = [name, place].filter(Boolean).join(" · ");
  const where = !isElsewhere ? "" : t(place.includes("/") ? "devices.cluster" : "devices.server");
  return make("li", {}, make("h3", { dir: "auto" }, title), ...(where ? [make("p", { className: "hint" }, where)] : []),
    make("ul", { className: "points" }, ...facts.filter(([, text]) => text).map(([how, text]) => make("li", how ? { "data-how": how } : {}, text))));
}

/** A model that is loaded, how it lies there, and until when. */
function modelSaid({ name, size, way, expires_in: left }) {
  const lies = hasText(`devices.way.${way}`) ? t(`devices.way.${way}`) : "";
  const until = left === null ? "" : t("devices.until", { time: duration(Math.max(0, left)) });
  return [t("devices.model", { name }), fileSize(size), lies, until].filter(Boolean).join(" · ");
}

whenLooked(look);
inEveryLanguage(describe);
