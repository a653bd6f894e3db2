// One request at a time: sent, followed line by line, cancelled, and kept when it is done.

import { cancelJobs, generate, ServerError } from "./api.js";
import { focusFirstError, showError } from "./controls.js";
import { byId, show, tell } from "./dom.js";
import { request } from "./form.js";
import { keepPicture } from "./gallery.js";
import { duration, hasText, number, t } from "./i18n.js";
import { blobFrom } from "./pictures.js";
import { sourceFields, sourceMask, sourcePicture } from "./source.js";
import { begin, end, showFinished, showPreview } from "./stage.js";

let running = null;
let needKey = () => {};

export const isRunning = () => running !== null;

export function startRun(onKey) {
  needKey = onKey;
  byId("cancel").addEventListener("click", cancel);
}

export function cancel() {
  if (!running) return;
  byId("run-text").textContent = t("run.cancelling");
  running.abort.abort();
  cancelJobs(running.jobs);
}

export async function run() {
  if (running) return tell(t("run.busy"));
  const said = request();
  if (said === null) return tell(t("error.form"));
  running = new Run(said.count ?? 1);
  setBusy(true);
  begin(running.count);
  tell(t("live.started"));
  try {
    const pictures = { img: sourcePicture()?.blob, mask: sourceMask() };
    const body = { ...said, ...(await sourceFields()), progress: true };
    for await (const line of generate(body, running.abort.signal)) await running.take(line, pictures);
    if (running.finished < running.count) throw new ServerError(0, "error.cut");
    tell(t("live.done", { n: running.count, seed: running.seed }));
  } catch (error) {
    failed(error);
  } finally {
    running = null;
    setBusy(false);
    await end();
  }
  return undefined;
}

class Run {
  constructor(count) {
    this.count = count;
    this.abort = new AbortController();
    this.jobs = new Set();
    this.done = new Array(count).fill(0); // steps
    this.steps = 0;
    this.finished = 0;
    this.said = 0;
    this.remaining = null;
    this.began = null; // when the first step was done, and how many there were then
    this.stage = "";
    describe(t("run.asking"));
  }

  async take(line, pictures) {
    const index = line.index ?? 0;
    if (line.job) this.jobs.add(line.job);
    switch (line.status) {
      case "queued":
        if (this.total() > 0) break;
        describe(line.position ? t("run.queued", { n: line.position }) : t("run.next"));
        if (!this.waited) tell(t("live.queued"));
        this.waited = true;
        break;
      case "loading":
        if (this.total() === 0) describe(t("run.loading", { model: line.model }));
        break;
      case "progress":
        this.step(index, line);
        break;
      case "intermediate":
        this.step(index, line);
        await showPreview(index, blobFrom(line.img, line.media_type ?? "image/png"));
        break;
      default:
        await this.finish(index, line, pictures);
    }
  }

  step(index, line) {
    this.done[index] = Math.max(this.done[index], line.step);
    this.steps = line.steps;
    this.stage = line.stage ?? this.stage;
    if (this.count === 1 && line.remaining !== undefined) this.remaining = line.remaining; // lines with a picture don't say
    const now = performance.now();
    if (this.total() > 0) this.began ??= { now, total: this.total() };
    this.describe(now);
  }

  async finish(index, line, pictures) {
    const blob = blobFrom(line.img, "image/png");
    this.done[index] = line.steps ?? this.steps;
    this.finished += 1;
    this.seed ??= line.seed;
    const entry = await keepPicture({ blob, meta: { ...line.meta, seed: String(line.seed) }, warnings: line.warnings, timings: line.timings, sources: pictures });
    await showFinished(index, entry, blob);
    this.describe(performance.now());
  }

  total() {
    return this.done.reduce((sum, steps) => sum + steps, 0);
  }

  describe(now) {
    const all = this.steps * this.count;
    const total = this.total();
    if (!all) return;
    const rate = this.began && now > this.began.now ? ((total - this.began.total) / (now - this.began.now)) * 1000 : 0;
    const left = this.remaining ?? (rate > 0 ? (all - total) / rate : null);
    const words = this.count > 1
      ? t("run.pictures", { done: this.finished, count: this.count })
      : total >= all && hasText(`run.stage.${this.stage}`) ? t(`run.stage.${this.stage}`) : t("run.step", { step: total, steps: this.steps });
    const speed = rate >= 1 ? t("run.speed", { n: number(rate) }) : rate > 0 ? t("run.pace", { n: number(1 / rate) }) : "";
    const time = left !== null && total < all ? t("run.left", { time: duration(Math.max(0, left)) }) : "";
    describe(words, [speed, time].filter(Boolean).join(" · "), total / all);
    const quarter = Math.floor((total / all) * 4);
    if (quarter > this.said && quarter < 4) tell(t("live.percent", { n: (this.said = quarter) * 25 }));
  }
}

function describe(text, more = "", part = null) {
  byId("run-text").textContent = text;
  byId("run-more").textContent = more;
  if (part === null) byId("progress").removeAttribute("value");
  else byId("progress").value = part;
}

function setBusy(busy) {
  show(byId("run"), busy);
  show(byId("cancel"), busy);
  byId("generate").setAttribute("aria-disabled", String(busy));
  if (busy) show(byId("run-error"), false);
  else if (document.activeElement === byId("cancel") || document.activeElement === document.body) byId("generate").focus({ preventScroll: true });
}

function failed(error) {
  if (running.abort.signal.aborted) return tell(t("live.cancelled"));
  if (!(error instanceof ServerError)) throw error;
  if (error.status === 401) return needKey(error.words);
  if (error.field && error.status !== 0 && showError(error.field, error.words)) return focusFirstError();
  byId("run-error").textContent = error.words;
  return show(byId("run-error"), true);
}
