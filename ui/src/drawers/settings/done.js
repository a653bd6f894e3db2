// Who looks elsewhere while pictures are made is told once all are there, or why they aren't: by a notification and a soft
// sound, each only if they said so. They are asked once, after a run that was worth it, and never told what they cancelled.

import { batchOf, gallery } from "../../js/collection.js";
import { byId, show } from "../../js/dom.js";
import { inEveryLanguage, language, t } from "../../js/i18n.js";
import { remember, remembered } from "../../js/memory.js";
import { notice } from "../../js/notices.js";
import { orders, waiting, whenQueueChanges } from "../../js/queue.js";
import { showEntry } from "../../js/stage.js";
import { chime, prepareSound } from "./sound.js";

const LONG = 20_000; // milliseconds of a run that one doesn't sit before
const CAN_NOTIFY = isSecureContext && "Notification" in window;
let watched = null; // the order that is made, since when, and whether the page wasn't looked at meanwhile
let batch = fresh(); // what ended since the line began
let shown = null; // the notification

export function startTelling() {
  whenQueueChanges(follow);
  const leave = () => { if (watched && isAway()) watched.away = true; };
  addEventListener("blur", leave);
  document.addEventListener("visibilitychange", () => {
    leave();
    if (!document.hidden) shown?.close();
  });
  show(byId("done-notify-label"), CAN_NOTIFY);
  byId("done-notify").addEventListener("change", async ({ target }) => {
    if (target.checked) await allow();
    else remember("done.notify", false);
    describe();
  });
  byId("done-sound").addEventListener("change", ({ target }) => {
    remember("done.sound", target.checked);
    if (target.checked) chime(true);
  });
  addEventListener("storage", describe);
  inEveryLanguage(describe);
  follow();
}

/** The picture that a notification was about. */
export function showPicture(id) {
  const row = gallery().find((one) => one.id === id);
  if (row) showEntry(row, batchOf(row));
}

function fresh() {
  return { pictures: [], failed: false, error: "", long: false, away: false };
}

const isAway = () => document.hidden || !document.hasFocus();
const notifies = () => CAN_NOTIFY && remembered("done.notify", false) && Notification.permission === "granted";
const sounds = () => remembered("done.sound", false);

function describe() {
  byId("done-notify").checked = notifies();
  byId("done-sound").checked = sounds();
  const refused = CAN_NOTIFY && Notification.permission === "denied";
  byId("done-refused").textContent = refused ? t("done.refused") : "";
  show(byId("done-refused"), refused);
}

function follow() {
  const running = orders().find((order) => order.state === "running");
  if (watched && watched.order !== running) ended(watched);
  if (!running) watched = null;
  else if (watched?.order !== running) watched = { order: running, since: performance.now(), away: isAway() };
  if (running && sounds()) prepareSound();
  if (!running && !waiting().length && (batch.pictures.length || batch.failed)) tellAll();
}

function ended({ order, since, away }) {
  if (order.state === "cancelled") batch = fresh();
  if (order.state !== "done" && order.state !== "failed") return;
  batch.pictures.push(...order.made);
  batch.failed = order.state === "failed" || !order.made.length; // or none that is to be shown
  batch.error = order.error;
  batch.long ||= performance.now() - since >= LONG;
  batch.away ||= away;
}

function tellAll() {
  const { failed, long, away } = batch;
  if (isAway() && notifies()) notify(batch);
  if ((isAway() || long) && sounds()) chime(!failed);
  if (!failed && (long || away)) askOnce();
  batch = fresh();
}

/** Says neither what is seen nor what was asked for: it is read by whoever passes by the screen. */
async function notify({ pictures, failed, error }) {
  const title = failed ? t("done.failed") : t("run.done", { n: pictures.length });
  const options = { body: error, tag: "imagine.done", lang: language() };
  try {
    shown = new Notification(title, options);
    shown.onclick = () => {
      window.focus();
      shown.close();
      showPicture(pictures[0]?.id);
    };
  } catch { // on phones only a worker may
    const registration = await navigator.serviceWorker?.getRegistration();
    registration?.active?.postMessage({ show: { title, options, picture: pictures[0]?.id } });
  }
}

/** A question stays until it is answered, and is never put again. */
function askOnce() {
  if (!CAN_NOTIFY || Notification.permission !== "default" || remembered("done.asked", false)) return;
  remember("done.asked", true);
  const act = async () => {
    if (!(await allow())) return;
    remember("done.sound", true);
    describe();
  };
  notice(t("done.ask"), { about: "ask", stay: true, action: { text: t("done.yes"), act } });
}

async function allow() {
  const granted = (await Notification.requestPermission()) === "granted";
  remember("done.notify", granted);
  describe();
  return granted;
}
