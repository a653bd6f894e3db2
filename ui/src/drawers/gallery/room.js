// What the pictures take, how much the person lets them take, and what goes where that is full: the oldest without a star,
// which is said before it happens.

import { removePictures } from "../../js/actions.js";
import { gallery } from "../../js/collection.js";
import { byId, make, show, startMenu } from "../../js/dom.js";
import { fileSize, inEveryLanguage, t } from "../../js/i18n.js";
import { remember, remembered } from "../../js/memory.js";
import { dismiss, notice } from "../../js/notices.js";

const LIMITS = [5e8, 1e9, 2e9, 5e9, 1e10, 2e10];
const LIMIT = "limit";
let told = false; // since the page is open, that something will go with the next picture
let wanted = 0; // the limit that waits for a yes

const sizeOf = (rows) => rows.reduce((sum, row) => sum + row.bytes, 0);

/** The oldest without a star whose going brings the rest within `limit`; never the latest. */
function tooMany(limit) {
  const going = [];
  let over = sizeOf(gallery()) - limit;
  for (const row of gallery().slice(1).reverse()) {
    if (over <= 0) break;
    if (row.star) continue;
    going.push(row);
    over -= row.bytes;
  }
  return going;
}

/** To be called for each picture that is kept: over the limit the oldest go, but not before that was said. */
export async function keepPicturesWithin() {
  const limit = remembered(LIMIT, 0);
  const going = limit ? tooMany(limit) : [];
  if (!going.length) return;
  if (told) {
    dismiss("room");
    return void (await removePictures(going, t("room.gone", { n: going.length })));
  }
  told = true;
  notice(t("room.soon", { limit: fileSize(limit) }), { about: "room", stay: true });
}

export function startRoom() {
  startMenu(byId("room"));
  byId("room").addEventListener("toggle", describeRoom);
  byId("room-limit").addEventListener("change", (event) => set(Number(event.target.value)));
  byId("room-yes").addEventListener("click", async () => {
    const going = tooMany(wanted);
    remember(LIMIT, wanted);
    if (going.length) await removePictures(going, t("room.gone", { n: going.length }));
    await describeRoom();
    byId("room-limit").focus();
  });
  byId("room-persist").addEventListener("click", async () => {
    const kept = await navigator.storage.persist();
    await describeRoom();
    if (!kept) byId("room-safe").textContent = t("room.refused");
  });
  inEveryLanguage(() => byId("room-limit").replaceChildren(...[0, ...LIMITS].map((limit) => make("option", { value: limit }, limit ? fileSize(limit) : t("room.none")))));
}

/** Takes a limit at once where nothing goes by it; else says what would, and waits for a yes. */
function set(limit) {
  const going = limit ? tooMany(limit) : [];
  wanted = limit;
  show(byId("room-ask"), going.length > 0);
  if (going.length) byId("room-going").textContent = t("room.going", { n: going.length, size: fileSize(sizeOf(going)) });
  else remember(LIMIT, limit);
}

/** What is used, in the line that is always seen, and in what it opens. */
export async function describeRoom() {
  byId("room-used").textContent = t("room.used", { size: fileSize(sizeOf(gallery())) });
  if (!byId("room").open) return;
  show(byId("room-ask"), false);
  byId("room-limit").value = remembered(LIMIT, 0);
  const { quota } = (await navigator.storage?.estimate?.().catch(() => null)) ?? {};
  byId("room-quota").textContent = quota ? t("room.quota", { size: fileSize(quota) }) : "";
  const kept = await navigator.storage?.persisted?.().catch(() => null);
  show(byId("room-persist"), kept === false);
  byId("room-safe").textContent = kept === undefined || kept === null ? "" : t(kept ? "room.safe" : "room.unsafe");
}
