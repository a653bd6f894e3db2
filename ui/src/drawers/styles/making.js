// Small pictures of the styles: one subject and one seed in each of them, made by the chosen model when somebody asks, and
// kept in this browser until the style or the model is another. What a person orders meanwhile is made first.

import { ask, cancelOrder, generate, ServerError } from "../../js/api.js";
import { entryOf, gallery } from "../../js/collection.js";
import { control } from "../../js/controls.js";
import { keys, get, put, several, write } from "../../js/database.js";
import { byId, show, tell } from "../../js/dom.js";
import { duration, t } from "../../js/i18n.js";
import { remember, remembered } from "../../js/memory.js";
import { detailsOf, nativeSide, ownStyles, presets, presetTitle } from "../../js/offers.js";
import { blobFrom, thumbnail } from "../../js/pictures.js";
import { orders, whenQueueChanges } from "../../js/queue.js";
import { styled } from "../../js/styled.js";
import { learnOwnPictures, ownKey, ownPicture, SIDE } from "./own.js";

const SUBJECT = "a small red house under a blue sky";
const SEED = "7";
const LARGE = 512; // pixels of a side, beyond which half of the model's own will do
const MODELS = 8; // whose pictures are kept: those they were last made by
const KIND = "style"; // in the keys of the browser's database
const NO_PAINTING = ["loading", "queued"]; // what else a picture's time was spent on
const ALL_ALIKE = [0, 401, 403, 429, 503]; // no server, a key that isn't for that or has had enough, a full queue
const listeners = [];
const pictures = new Map(); // key → blob
let model = null; // { name, digest, side, seconds }: what the pictures that are shown were made by
let making = null;
let wake = () => {};
let said = ""; // how it ended

/** `act` whenever a picture has come, or is begun. */
export const whenPictured = (act) => listeners.push(act);
const changed = () => { for (const act of listeners) act(); };

/** What a style says, whatever it is called. */
function textOf({ id, own, name, description, shipped, ...says }) {
  return JSON.stringify(says);
}

const keyOf = (one, { name, digest } = model) => JSON.stringify([KIND, name, digest, textOf(one)]);
export const pictureOf = (one) => (one.own && ownPicture(one)) || (model ? pictures.get(keyOf(one)) : undefined);
export const isBeingMade = (one) => making?.now === one.name;
const lacking = () => (model ? presets().filter((one) => !pictureOf(one)) : []);

/** The models whose pictures are kept, the latest first: { name, digest, seconds }. */
const makers = () => [remembered("styles.makers", [])].flat();

/** Looks which model is chosen, and which pictures there are by it. */
export async function learnPictures() {
  const name = control("model").value;
  if (model?.name !== name) model = null; // nothing is shown by another
  await learnOwnPictures();
  model = detailsOf(name) ? await known(name) : null;
  if (!model) return;
  const wanted = presets().map((one) => keyOf(one));
  (await several("thumbs", wanted).catch(() => [])).forEach((blob, at) => { if (blob) pictures.set(wanted[at], blob); });
  await forgetOld().catch(() => {}); // then another time
}

async function known(name) {
  let told;
  try {
    told = await ask(`/models/${name.split("/").map(encodeURIComponent).join("/")}`);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return null; // it can't be used: whoever draws with it is told why
  }
  const [own, digest] = [nativeSide(), told.digest || told.header_digest];
  const found = { name, digest, side: own <= LARGE ? own : Math.max(LARGE, Math.round(own / 128) * 64) };
  return { ...found, seconds: makers().find((one) => one.name === name && one.digest === digest)?.seconds ?? (await secondsOf(found)) };
}

/** How long a picture may take, by the latest that this model made; null where it made none. */
async function secondsOf({ name, side }) {
  const row = gallery().find((one) => one.model === name);
  const entry = row && (await entryOf(row).catch(() => undefined));
  if (!entry?.timings) return null;
  const spent = Object.entries(entry.timings).filter(([stage]) => !NO_PAINTING.includes(stage)).reduce((sum, [, seconds]) => sum + seconds, 0);
  return spent ? (spent * side * side) / (entry.width * entry.height) : null;
}

/** Takes out what nobody sees any more: of styles that are others by now, and of models that pictures weren't made by lately. */
async function forgetOld() {
  const there = (await keys("thumbs")).map(String); // before what is asked for now: a style is kept before its picture
  const texts = new Set(presets().map(textOf));
  const models = new Set(makers().map(({ name, digest }) => `${name}\n${digest}`));
  const own = new Set(ownStyles().map(ownKey));
  const stale = (key) => {
    if (key.startsWith(`["${KIND}",`)) {
      const [, name, digest, text] = JSON.parse(key);
      return !texts.has(text) || !models.has(`${name}\n${digest}`);
    }
    return key.startsWith(`["${KIND} of`) && !own.has(key);
  };
  await write(there.filter(stale).map((key) => ["thumbs", key]));
}

/** Makes those that are lacking, one after the other. */
async function makePictures() {
  const wanted = lacking();
  if (!wanted.length) return; // another model has just been chosen
  making = { model, count: wanted.length, done: 0, seconds: [], failed: [], now: null, abort: null, stopped: false };
  said = "";
  remember("styles.makers", [model, ...makers().filter(({ name, digest }) => name !== model.name || digest !== model.digest)].slice(0, MODELS));
  tell(t("styles.begun", { n: wanted.length }));
  changed();
  for (const one of wanted) if (!making.stopped) await makeOne(one);
  const { done, failed, error } = making;
  making = null;
  said = error ?? (failed.length ? t("styles.failed", { n: failed.length, names: failed.map(({ one }) => presetTitle(one)).slice(0, 3).join(", "), why: failed[0].why }) : "");
  tell([t("styles.made", { n: done }), said].filter(Boolean).join(" "));
  changed();
}

/** Makes one; begun anew where it made way for what a person ordered. */
async function makeOne(one) {
  const key = keyOf(one, making.model);
  while (!making.stopped) {
    making.now = null;
    changed();
    await free();
    if (making.stopped) return;
    const there = await get("thumbs", key).catch(() => undefined); // another tab was faster
    Object.assign(making, { now: one.name, abort: new AbortController() });
    changed();
    const { signal } = making.abort;
    try {
      pictures.set(key, there ?? (await painted(one, signal)));
    } catch (error) {
      if (signal.aborted) continue;
      return refused(one, error);
    }
    making.done += 1;
    put("thumbs", key, pictures.get(key)).catch(() => {}); // it lasts as long as the page, then
    return;
  }
}

function refused(one, error) {
  if (!(error instanceof ServerError)) throw error;
  if (ALL_ALIKE.includes(error.status)) Object.assign(making, { stopped: true, error: error.words });
  else making.failed.push({ one, why: error.words });
}

/** A small picture in a style: nothing of it comes into the gallery, and it is asked for as what can wait. */
async function painted(one, signal) {
  const { name, side } = making.model;
  const asked = { prompt: SUBJECT, model: name, seed: SEED, width: side, height: side };
  const began = performance.now();
  let order = null;
  signal.addEventListener("abort", () => { if (order) cancelOrder(order); });
  for await (const line of generate({ ...(one.own ? styled(asked, one) : { ...asked, preset: one.name }), priority: "low", progress: true }, signal)) {
    order ??= line.order ?? null;
    if (line.status === "blocked") throw line.error;
    if (line.status !== "final") continue;
    paced((performance.now() - began) / 1000);
    return (await thumbnail(blobFrom(line.img, "image/png"), SIDE)).thumb;
  }
  throw new ServerError(0, "error.cut");
}

/** How long one takes, for the next time: the first one may have waited for its model. */
function paced(seconds) {
  making.seconds.push(seconds);
  const later = making.seconds.slice(1);
  const usual = later.length ? later.reduce((sum, one) => sum + one, 0) / later.length : seconds;
  making.model.seconds = usual;
  remember("styles.makers", makers().map((one) => (one.name === making.model.name && one.digest === making.model.digest ? { ...one, seconds: usual } : one)));
}

const isBusy = () => orders().some(({ state }) => state === "running" || state === "waiting");

/** Waits until nothing is made or waits that a person ordered. */
const free = () => (isBusy() ? new Promise((go) => { wake = go; }) : undefined);

function stop() {
  making.stopped = true;
  making.abort?.abort();
  wake();
}

/** How many pictures are lacking and how long they take; while they are made, how far that is. */
export function describeMaking() {
  const n = lacking().length;
  const focused = [byId("styles-make-go"), byId("styles-make-stop")].includes(document.activeElement);
  show(byId("styles-make"), making !== null || n > 0 || said !== "");
  show(byId("styles-make-go"), making === null && n > 0);
  show(byId("styles-make-stop"), making !== null && !making.stopped);
  show(byId("styles-make-bar"), making !== null);
  byId("styles-make-text").textContent = making ? progressOf(making) : n ? [t("styles.lacking", { n, model: model.name }), model.seconds ? t("styles.time", { time: roughly(n * model.seconds) }) : t("styles.time.unknown")].join(" ") : "";
  if (making) byId("styles-make-bar").value = (making.done + making.failed.length) / making.count;
  byId("styles-make-more").textContent = making ? t("styles.behind") : said;
  show(byId("styles-make-more"), byId("styles-make-more").textContent !== "");
  if (focused) [byId("styles-make-go"), byId("styles-make-stop"), byId("styles-title")].find((each) => !each.hidden).focus();
}

/** A time that is only estimated, in whole seconds or minutes. */
const roughly = (seconds) => (seconds < 90 ? duration(Math.max(1, Math.round(seconds))) : t("styles.minutes", { n: Math.round(seconds / 60) }));

function progressOf({ now, done, failed, count, stopped, model: { seconds } }) {
  const so = t("styles.so_far", { n: done + failed.length, count });
  if (stopped) return so;
  if (!now && isBusy()) return `${so} · ${t("styles.waits")}`;
  const left = seconds ? t("run.left", { time: roughly((count - done - failed.length) * seconds) }) : "";
  return [so, left].filter(Boolean).join(" · ");
}

export function startMaking() {
  byId("styles-make-go").addEventListener("click", makePictures);
  byId("styles-make-stop").addEventListener("click", stop);
  whenQueueChanges(() => { if (!isBusy()) wake(); else if (making?.now) making.abort.abort(); });
}
