// Pictures enlarged: beside whatever else is made, one after the other, each kept as a picture of its own.

import { cancelOrder, ServerError, upscale } from "./api.js";
import { byId, make, startMenu, tell } from "./dom.js";
import { fileOf, keepPicture } from "./collection.js";
import { inEveryLanguage, t } from "./i18n.js";
import { notice } from "./notices.js";
import { enlargers } from "./offers.js";
import { base64From, blobFrom } from "./pictures.js";
import { chosenEntry, showEntry } from "./stage.js";

const TIMES = [2, 3, 4];
let running = null; // { abort, order, done }
let waiting = []; // entries to be enlarged after that
let needKey = () => {};

export function startUpscale(onKey) {
  needKey = onKey;
  byId("do-upscale").addEventListener("click", () => (running ? cancel() : chosenEntry() && enlargeAll([chosenEntry()])));
  byId("upscale-scale").append(...TIMES.map((times) => make("option", { value: String(times) }, `${times}×`)));
  byId("upscale-scale").addEventListener("change", describe);
  startMenu(byId("upscale-ways"));
  byId("upscale-ways").addEventListener("toggle", offerWays);
  inEveryLanguage(describe);
}

/** What enlarges, as it is there by now; what is chosen stays, where it is. */
function offerWays() {
  const select = byId("upscale-by");
  const chosen = select.value;
  const named = enlargers().map((name) => make("option", { value: name }, name));
  select.replaceChildren(make("option", { value: "" }, t("default")), ...named);
  if (enlargers().includes(chosen)) select.value = chosen;
}

/** Enlarges pictures, one after the other, behind those that wait already. */
export async function enlargeAll(entries) {
  waiting.push(...entries);
  describe();
  if (running) return;
  tell(t("upscale.started"));
  const made = [];
  while (waiting.length) {
    const enlarged = await enlarge(waiting.shift());
    if (enlarged === null) return; // what went wrong is said, and stays to be read
    if (enlarged) made.push(enlarged);
  }
  const [first] = made;
  const show = { about: "upscale", action: { text: t("run.show"), act: () => showEntry(first) } };
  if (made.length > 1) notice(t("upscale.all", { n: made.length }), show);
  else if (first && chosenEntry()?.id !== first.id) notice(sentence(first), show);
}

const sentence = ({ width, height }) => t("upscale.done", { width, height });

/** What became of a picture, undefined where it is lost, null where none shall follow. */
async function enlarge(entry) {
  running = { abort: new AbortController(), order: null, done: null };
  describe();
  try {
    const file = await fileOf(entry);
    if (!file) return void notice(t("gallery.lost"), { about: "gallery", bad: true });
    return await kept(await finalOf({ img: await base64From(file), scale: times(), upscaler: byId("upscale-by").value || undefined }), entry);
  } catch (error) {
    failed(error);
    return null;
  } finally {
    running = null;
    describe();
  }
}

const times = () => Number(byId("upscale-scale").value);

async function finalOf(body) {
  for await (const line of upscale(body, running.abort.signal)) {
    running.order ??= line.order ?? null;
    if (line.steps) running.done = line.step / line.steps;
    if (line.status === "final") return line;
    describe();
  }
  throw new ServerError(0, "error.cut");
}

/** The enlarged picture is seen at once where its source still is. */
async function kept(line, source) {
  const made = await keepPicture({ blob: blobFrom(line.img, "image/png"), meta: line.meta, warnings: line.warnings, notes: line.notes, timings: line.timings });
  tell(sentence(made));
  if (chosenEntry()?.id === source.id) showEntry(made);
  return made;
}

function cancel() {
  waiting = [];
  running.abort.abort();
  if (running.order) cancelOrder(running.order);
}

/** One that can't be enlarged is told of; so are none after it, which would fare alike. */
function failed(error) {
  waiting = [];
  if (running.abort.signal.aborted) return notice(t("live.cancelled"), { about: "upscale" });
  if (!(error instanceof ServerError)) throw error;
  if (error.status === 401) return needKey(error.words);
  return notice(error.words, { about: "upscale", bad: true });
}

function describe() {
  const done = Math.floor((running?.done ?? 0) * 100);
  const left = waiting.length ? ` · ${t("upscale.left", { n: waiting.length })}` : "";
  byId("do-upscale").textContent = running ? t("upscale.running", { n: done }) + left : t("do.upscale", { n: times() });
  byId("do-upscale").title = t(running ? "upscale.cancel" : "do.upscale.title");
}
