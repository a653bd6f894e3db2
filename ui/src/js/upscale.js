// A picture enlarged: beside whatever else is made, one at a time, and kept as a picture of its own.

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
let needKey = () => {};

export function startUpscale(onKey) {
  needKey = onKey;
  byId("do-upscale").addEventListener("click", () => (running ? cancel() : chosenEntry() && enlarge(chosenEntry())));
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

async function enlarge(entry) {
  running = { abort: new AbortController(), order: null, done: null };
  describe();
  tell(t("upscale.started"));
  try {
    const file = await fileOf(entry);
    if (!file) return notice(t("gallery.lost"), { about: "gallery", bad: true });
    await kept(await finalOf({ img: await base64From(file), scale: times(), upscaler: byId("upscale-by").value || undefined }), entry);
  } catch (error) {
    failed(error);
  } finally {
    running = null;
    describe();
  }
  return undefined;
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

/** The enlarged picture is seen at once where its source still is; else whoever looks at another is told. */
async function kept(line, source) {
  const made = await keepPicture({ blob: blobFrom(line.img, "image/png"), meta: line.meta, warnings: line.warnings, notes: line.notes, timings: line.timings });
  tell(t("upscale.done", { width: made.width, height: made.height }));
  if (chosenEntry()?.id === source.id) return showEntry(made);
  return notice(t("upscale.done", { width: made.width, height: made.height }), { about: "upscale", action: { text: t("run.show"), act: () => showEntry(made) } });
}

function cancel() {
  running.abort.abort();
  if (running.order) cancelOrder(running.order);
}

function failed(error) {
  if (running.abort.signal.aborted) return notice(t("live.cancelled"), { about: "upscale" });
  if (!(error instanceof ServerError)) throw error;
  if (error.status === 401) return needKey(error.words);
  return notice(error.words, { about: "upscale", bad: true });
}

function describe() {
  const done = Math.floor((running?.done ?? 0) * 100);
  byId("do-upscale").textContent = running ? t("upscale.running", { n: done }) : t("do.upscale", { n: times() });
  byId("do-upscale").title = t(running ? "upscale.cancel" : "do.upscale.title");
}
