// A model fetched: what it would come to first, then how far it is, file by file.

import { post, pull, ServerError } from "../../js/api.js";
import { byId, make, show, tell } from "../../js/dom.js";
import { allWorded, duration, fileSize, inEveryLanguage, number, t } from "../../js/i18n.js";
import { notice } from "../../js/notices.js";

const PACE = 3000; // milliseconds behind which a speed is told
let plan = null; // what was looked up
let pulling = null; // { abort, rows by what lines call them, began, done, stage }
let looking = null;
let changed = () => {};

export function startGet(onChange) {
  changed = onChange;
  byId("models-get").addEventListener("submit", (event) => { event.preventDefault(); look(); });
  byId("models-name").addEventListener("input", () => say(""));
  byId("models-fetch").addEventListener("click", fetchIt);
  byId("models-leave").addEventListener("click", leave);
  inEveryLanguage(describe);
}

/** The catalogue's rows. */
export function offerCatalogue(rows) {
  byId("models-known").replaceChildren(...rows.map((row) => make("option", { value: row.name })));
  byId("models-rows").replaceChildren(...rows.map((row) => make("li", {},
    make("span", {}, make("b", {}, row.name), make("span", { className: "hint" }, ` ${[row.source, row.licence, row.size ? fileSize(row.size) : ""].filter(Boolean).join(" · ")}`)),
    row.here ? make("span", { className: "muted" }, t("models.here")) : make("button", { type: "button", className: "text-button", "aria-label": t("models.look.at", { name: row.name }), onclick: () => look(row.name) }, t("models.look")))));
}

async function look(name = byId("models-name").value.trim()) {
  if (pulling) return say(t("models.busy"));
  if (!name) return say(t("models.nameless"));
  byId("models-name").value = name;
  looking?.abort();
  const mine = (looking = new AbortController());
  say("");
  byId("models-look").textContent = t("models.looking");
  tell(t("models.looking"));
  try {
    plan = await post("/library/plan", { model: name }, mine.signal);
  } catch (error) {
    if (mine.signal.aborted) return undefined;
    if (!(error instanceof ServerError)) throw error;
    plan = null;
    say(error.words);
  } finally {
    if (looking === mine) {
      looking = null;
      byId("models-look").textContent = t("models.look");
    }
  }
  if (looking) return undefined;
  describe();
  if (plan) byId("models-plan-title").focus();
  return undefined;
}

function describe() {
  show(byId("models-plan"), plan !== null);
  if (!plan) return;
  const { model, source, licence, size, free, files } = plan;
  byId("models-plan-title").textContent = model;
  const facts = [[t("models.source"), source], [t("models.licence"), licence || t("models.licence.none")], [t("models.size"), size ? fileSize(size) : t("models.all.here")], [t("models.free"), free ? fileSize(free) : ""]];
  byId("models-plan-facts").replaceChildren(...facts.filter(([, words]) => words).flatMap(([name, words]) => [make("dt", {}, name), make("dd", { dir: "auto" }, words)]));
  const rows = files.map((file) => {
    const bar = make("progress", { max: 1, value: file.here ? 1 : 0, "aria-label": file.name });
    show(bar, pulling !== null);
    const row = make("li", {}, make("b", { dir: "auto" }, file.name), make("span", { className: "muted" }, file.here ? t("models.here") : fileSize(file.size)), bar);
    return { file, row, bar };
  });
  byId("models-plan-files").replaceChildren(...rows.map(({ row }) => row));
  if (pulling) pulling.rows = rows;
  const warnings = allWorded(plan);
  byId("models-plan-warnings").replaceChildren(...warnings.map((one) => make("li", { dir: "auto" }, one)));
  show(byId("models-plan-warnings"), warnings.length > 0);
  nameButtons();
}

function nameButtons() {
  byId("models-leave").textContent = t(pulling ? "cancel" : "models.leave");
  byId("models-fetch").textContent = plan?.size ? t("models.fetch", { size: fileSize(plan.size) }) : t("models.take");
  show(byId("models-fetch"), pulling === null);
  if (!pulling) byId("models-plan-said").textContent = "";
}

async function fetchIt() {
  const asked = plan;
  looking?.abort();
  pulling = { abort: new AbortController(), rows: [], began: performance.now(), first: null, quarter: 0 };
  describe();
  byId("models-leave").focus();
  byId("models-plan-said").textContent = t("models.begun");
  tell(t("models.begun"));
  try {
    let last = null;
    for await (const line of pull({ model: asked.model }, pulling.abort.signal)) take((last = line));
    if (last?.status !== "success") throw new ServerError(0, "error.cut");
    plan = null;
    notice(t("models.done", { name: asked.model }), { about: "pull" });
  } catch (error) {
    if (!pulling.abort.signal.aborted) {
      if (!(error instanceof ServerError)) throw error;
      say(t("models.failed", { why: error.words }));
      if (!byId("models-dialog").open) notice(t("models.failed", { why: error.words }), { about: "pull", bad: true });
    } else tell(t("models.stopped"));
  } finally {
    const stopped = pulling.abort.signal.aborted;
    const near = byId("models-plan").contains(document.activeElement) || document.activeElement === document.body;
    pulling = null;
    describe();
    if (stopped) byId("models-plan-said").textContent = t("models.stopped");
    if (near && byId("models-dialog").open) (plan ? byId("models-fetch") : byId("models-name")).focus();
    await changed();
  }
}

function take({ status, digest, completed = 0, total }) {
  const { rows } = pulling;
  const found = rows.find(({ file }) => (digest ? digest === `sha256:${file.digest}` : status === `pulling ${file.name}`));
  if (found && total) found.bar.value = completed / total;
  if (status.startsWith("verifying") && byId("models-plan-said").textContent !== t("models.checking")) {
    byId("models-plan-said").textContent = t("models.checking");
    tell(t("models.checking"));
  }
  if (!found) return;
  const whole = rows.reduce((sum, { file }) => sum + (file.here ? 0 : file.size), 0);
  const done = rows.reduce((sum, { file, bar }) => sum + (file.here ? 0 : file.size * bar.value), 0);
  const now = performance.now();
  pulling.first ??= { now, done };
  const pace = now - pulling.first.now > PACE ? ((done - pulling.first.done) / (now - pulling.first.now)) * 1000 : 0;
  const left = pace > 0 ? t("run.left", { time: duration((whole - done) / pace) }) : "";
  const part = whole ? done / whole : 1;
  byId("models-plan-said").textContent = [t("models.so_far", { done: fileSize(done), whole: fileSize(whole), n: number(part * 100, 0) }), left].filter(Boolean).join(" · ");
  const quarter = Math.floor(part * 4);
  if (quarter > pulling.quarter && quarter < 4) tell(t("live.percent", { n: (pulling.quarter = quarter) * 25 }));
}

function leave() {
  if (pulling) return pulling.abort.abort();
  plan = null;
  describe();
  return byId("models-name").focus();
}

function say(sentence) {
  byId("models-get-error").textContent = sentence;
  show(byId("models-get-error"), sentence !== "");
}
