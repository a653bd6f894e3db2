// One request at a time: sent, followed line by line, cancelled, and kept when it is done. Those asked for meanwhile wait
// in the line.

import { cancelOrder, generate, ServerError } from "./api.js";
import { assistsStraight, isThinking, plansFirst, startAssistant, stopThinking } from "./assistant.js";
import { besideFields, besidePictures } from "./beside.js";
import { keepPicture } from "./collection.js";
import { focusFirstError, showError } from "./controls.js";
import { byId, show, tell } from "./dom.js";
import { drawer } from "./drawers.js";
import { request } from "./form.js";
import { t } from "./i18n.js";
import { rememberedHere } from "./memory.js";
import { dismiss, notice } from "./notices.js";
import { blobFrom } from "./pictures.js";
import { Progress } from "./progress.js";
import { again, changedQueue, drop, enter, kept, nextOrder, orders, putBack, setState, waiting, whenQueueChanges } from "./queue.js";
import { sourceFields, sourceMask, sourcePicture, sourceTurn } from "./source.js";
import { begin, bringIntoView, end, showFinished, showHidden, showPreview } from "./stage.js";
import { forgetRun, rememberRun, tellUnfinished } from "./unfinished.js";

const MOST_WAITING = 20;
const AGAIN = 3000; // milliseconds in which a second Esc means it
const ALL_ALIKE = [0, 403, 429, 503]; // no server, a key that isn't for that or has had enough, a full queue
const LEAVING = 2000; // milliseconds in which a run that breaks off does so because the page goes
let running = null;
let needKey = () => {};
let escaped = -Infinity;
let left = -Infinity; // when the page was last asked to go
let lost = null; // what asks again for what found no server, as the error that is shown says
let drafted = () => false;

/** `keep(wanted)`, before anything is asked for: was that on the stage as a draft, and is it kept as it is? */
export function whenAsked(keep) {
  drafted = keep;
}

export function startRun(onKey) {
  needKey = onKey;
  startAssistant(nameGenerate);
  byId("cancel").addEventListener("click", cancel);
  byId("run-queue-clear").addEventListener("click", () => { clearQueue(); byId("cancel").focus(); });
  whenQueueChanges(describeQueue);
  addEventListener("beforeunload", (event) => {
    if (!running) return;
    event.preventDefault();
    event.returnValue = ""; // for browsers that ask only then
    left = performance.now();
  });
  addEventListener("pagehide", () => { left = performance.now(); }); // phones ask nobody
}

/** Asks for what the form says: now, or once what is being made is done; where a plan is to be seen first, for that. */
export async function run() {
  if (isThinking()) return tell(t("assist.thinking"));
  const written = byId("f-prompt").value;
  const wanted = await asked();
  if (wanted === null) return tell(t("error.form"));
  drawer("words", true).then((words) => words?.keepPrompt(written));
  if (await drafted(wanted)) return undefined;
  if (!plansFirst()) return place(wanted);
  show(byId("run-error"), false);
  const draw = (planned) => {
    if (!running) bringIntoView();
    return place({ ...planned, queued: running !== null });
  };
  return (await drawer("plan"))?.planAndDraw(wanted, draw, (error) => sayFailed(error, wanted, run));
}

function place(wanted) {
  if (waiting().length >= MOST_WAITING) return notice(t("queue.full", { n: MOST_WAITING }), { about: "queue", bad: true });
  enter([wanted]);
  return running ? tell(t("queue.waiting", { n: waiting().length })) : next();
}

export const isRunning = () => running !== null;

/** Cancels at the second time within a moment: a key that also closes things must not end a long run by mistake. */
export function askedToCancel() {
  if (!running && !isThinking()) return;
  const now = performance.now();
  if (now - escaped < AGAIN) return isThinking() ? stopThinking() : cancel();
  escaped = now;
  notice(t("cancel.again"), { about: "cancel" });
}

/** The server answers again: that it didn't is no longer true, but what was asked for is still not made. */
export function serverIsBack() {
  if (lost === null) return;
  const again = lost;
  lost = null;
  show(byId("run-error"), false);
  notice(t("run.lost"), { about: "lost", stay: true, action: { text: t("run.again"), act: again } });
}

/** What the form says now, with its pictures; null where something in it can't be used, which is said unless `quiet`. */
export async function asked(quiet) {
  const said = request(quiet);
  if (said === null) return null;
  const beside = await besideFields(quiet);
  if (beside === null) return null;
  const pictures = { img: sourcePicture()?.blob, mask: sourceMask(), ...besidePictures() };
  const assist = assistsStraight() ? { assist: true } : {};
  const turn = sourceTurn();
  return { said, pictures, body: { ...said, ...(await sourceFields()), ...beside, ...assist, progress: true }, queued: running !== null, turn };
}

/** Asks for something else than the form says: at once, or before what waits. */
export const runAlso = (body, pictures) => resume([{ said: body, pictures, body: { ...body, progress: true }, queued: running !== null }]);

/** Has one that is made up wait for its turn; its `batch` is what it belongs to. */
export function runAfter(wanted) {
  enter([wanted]);
  next();
}

/** What the page was closed over goes on in its line; one that was alone is only told of. */
export async function resumeQueue() {
  const { own, others, copied } = await kept();
  if (own.some(({ state, wanted }) => state !== "running" || wanted.batch)) {
    forgetRun();
    const n = await again(own);
    if (n) notice(t("queue.resumed", { n }), { about: "cut" });
    next();
  } else if (!copied) tellUnfinished();
  for (const one of own) drop(one);
  if (rememberedHere("grid")) drawer("explore", true);
  if (!others.length) return;
  const act = async () => {
    await again(others);
    next();
  };
  notice(t("queue.left", { n: others.length }), { about: "left", stay: true, action: { text: t("queue.again"), act } });
}

async function follow(order) {
  const { wanted } = order;
  const count = wanted.said.count ?? 1;
  running = { abort: new AbortController(), entered: order, count, end: ["failed"], order: null, progress: new Progress(count, wanted.body.assist ? "assist.thinking" : "run.asking"), seed: null, finished: 0, hidden: 0 };
  rememberRun();
  setBusy(true);
  begin(count, wanted.queued);
  tell(t("live.started"));
  let goOn = true;
  try {
    for await (const line of generate(wanted.body, running.abort.signal)) await take(line, wanted.pictures);
    if (running.finished + running.hidden < count) throw new ServerError(0, "error.cut");
    tell(t("live.done", { n: running.finished, seed: running.seed }));
  } catch (error) {
    goOn = failed(error, wanted);
  } finally {
    const whole = running.finished + running.hidden === count;
    running.progress.end(whole);
    if (whole || performance.now() - left > LEAVING) {
      forgetRun();
      setState(order, ...(whole ? ["done"] : running.end));
    }
    running = null;
    setBusy(false);
    await end();
  }
  return goOn ? next() : putAside();
}

async function take(line, pictures) {
  running.order ??= line.order ?? null;
  running.progress.take(line);
  const preview = line.status === "intermediate" ? blobFrom(line.img, line.media_type ?? "image/png") : null;
  if (preview) running.entered.picture = preview;
  tellOrder();
  if (preview) await showPreview(line.index ?? 0, preview);
  if (line.status === "blocked") hide(line.index ?? 0, line.error);
  if (line.status !== "final") return;
  const blob = blobFrom(line.img, "image/png");
  running.finished += 1;
  running.seed ??= line.seed;
  const batch = running.entered.wanted.batch ?? (running.count > 1 ? { id: running.entered.id, at: line.index ?? 0 } : null);
  const entry = await keepPicture({ blob, meta: { ...line.meta, seed: String(line.seed) }, warnings: line.warnings, notes: line.notes, timings: line.timings, sources: pictures, batch, turn: running.entered.wanted.turn });
  await showFinished(line.index ?? 0, entry, blob);
  running.entered.made.push(entry);
  running.progress.finished(line);
  tellOrder();
}

/** How far it is, for who looks at the line. */
function tellOrder() {
  const { entered } = running;
  entered.said = [byId("run-text").textContent, byId("run-more").textContent].filter(Boolean).join(" · ");
  entered.part = byId("progress").hasAttribute("value") ? byId("progress").value : null;
  changedQueue();
}

/** A picture isn't to be shown: in its place stands why. */
function hide(index, error) {
  running.hidden += 1;
  running.entered.picture = null;
  changedQueue();
  tell(error.words);
  if (!showHidden(index, error.words) || document.querySelector("dialog[open]")) notice(error.words, { about: "hidden", bad: true });
}

function cancel() {
  if (!running) return;
  byId("run-text").textContent = t("run.cancelling");
  running.abort.abort();
  if (running.order) cancelOrder(running.order);
}

function next() {
  const order = running ? null : nextOrder();
  return order ? follow(order) : undefined;
}

/** Takes one order back, wherever it is in the line. */
export function takeBack(order) {
  if (running?.entered === order) return cancel();
  drop(order);
  const act = () => back([order]);
  return notice(t("queue.cleared", { n: 1 }), { about: "queue", action: { text: t("undo"), act, undo: true } });
}

/** Asks once more for what was cancelled, failed, or was put aside: as the next. */
export function askAgain(order) {
  drop(order);
  resume([order.wanted]);
}

/** Requests that wait for a server that is gone would only fail, one after the other. */
function putAside() {
  const aside = waiting();
  if (!aside.length) return;
  for (const order of aside) setState(order, "aside");
  const act = () => {
    const still = aside.filter((order) => order.state === "aside" && orders().includes(order));
    for (const order of still) drop(order);
    resume(still.map((order) => order.wanted));
  };
  notice(t("queue.aside", { n: aside.length }), { about: "queue", action: { text: t("queue.again"), act }, bad: true });
}

/** Takes back all that wait. */
export function clearQueue() {
  const before = waiting();
  for (const order of before) drop(order);
  const act = () => back(before);
  notice(t("queue.cleared", { n: before.length }), { about: "queue", action: { text: t("undo"), act, undo: true } });
}

function back(list) {
  putBack(list);
  next();
}

/** Puts requests first in the line. */
function resume(before) {
  enter(before, { first: true });
  next();
}

function describeQueue() {
  const left = waiting().length;
  show(byId("run-queue"), left > 0);
  byId("run-queue-text").textContent = t("queue.waiting", { n: left });
  byId("queue-count").textContent = left ? String(left) : "";
  const named = left ? t("queue.open.n", { n: left }) : t("queue.open");
  byId("open-queue").setAttribute("aria-label", named);
  byId("open-queue").title = named;
}

function setBusy(busy) {
  show(byId("run"), busy);
  show(byId("cancel"), busy);
  nameGenerate();
  if (busy) {
    lost = null;
    dismiss("lost");
    show(byId("run-error"), false);
  } else if (document.activeElement === byId("cancel") || document.activeElement === document.body) {
    byId("generate").focus({ preventScroll: true });
  }
}

/** Generate is called by what it does. */
function nameGenerate() {
  describeQueue();
  byId("generate-text").dataset.t = plansFirst() ? "plan.make" : running ? "queue.add" : "generate";
  byId("generate-text").textContent = t(byId("generate-text").dataset.t);
}

/** Says what went wrong. Is there a point in going on with what waits? */
function failed(error, wanted) {
  if (running.abort.signal.aborted) {
    running.end = ["cancelled"];
    notice(t("live.cancelled"), { about: "cancel", action: { text: t("run.again"), act: () => resume([wanted]) } });
    return true;
  }
  if (!(error instanceof ServerError)) throw error;
  if (error.hides) {
    hide(null, error); // with it the order ends: it is the only one that is left
    return true;
  }
  running.end = ["failed", error.words];
  return sayFailed(error, wanted);
}

/** Says it beside the field that it is about, else on the stage; `again` asks for it once the server is back. False where
 * others would fail likewise. */
function sayFailed(error, wanted, again = () => resume([wanted])) {
  if (error.status === 401) {
    needKey(error.words);
    return false;
  }
  if (!wanted.queued && error.status !== 0 && error.field && showError(error.field, error.words)) focusFirstError();
  else {
    lost = error.status === 0 ? again : null;
    byId("run-error").textContent = error.words;
    show(byId("run-error"), true);
  }
  return !ALL_ALIKE.includes(error.status);
}
