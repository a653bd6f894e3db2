export const build = "d335abcceb8f8c90";
export const texts = {"redraw.switch":["Redraw while I write","Перерисовывать, пока я пишу"],"redraw.hint":["After each pause there is a draft, always of one seed. Generate keeps it.","После каждой паузы появляется черновик, всё время с одним и тем же сидом. Кнопка «Создать» его сохранит."],"redraw.unknown":["Make one picture with this model first: then it is known whether it is quick enough.","Сначала сделайте этой моделью одну картинку: станет ясно, достаточно ли она быстрая."],"redraw.slow":["With this model and these settings a picture takes about {time}; this needs {most} or less.","С этой моделью и такими настройками картинка занимает около {time}, а нужно не больше {most}."],"redraw.assistant":["Not while the prompt is understood as a wish.","Не работает, пока описание понимается как пожелание."],"redraw.battery":["Paused: the battery of this device is low.","Приостановлено: батарея этого устройства почти разряжена."],"redraw.saving":["Paused: this device is to save data.","Приостановлено: на этом устройстве включена экономия трафика."],"redraw.draft":["Draft","Черновик"],"redraw.alt":["Draft: {prompt}","Черновик: {prompt}"],"redraw.there":["A draft is there. Generate keeps it.","Черновик готов. Кнопка «Создать» его сохранит."],"redraw.differs":["A quick draft: Generate draws it as large as you asked for, and it may come out differently.","Это быстрый черновик. По кнопке «Создать» картинка будет нарисована в заданном размере и может получиться другой."],"redraw.not":["Not redrawn: {why}","Не перерисовано: {why}"],"redraw.making":["drawing…","рисуется…"],"redraw.keep":["Keep","Оставить"],"redraw.seed":["Another seed","Другой сид"],"redraw.off":["Stop redrawing","Больше не перерисовывать"]};
export const style = "#redraw-row{grid-column:1 / -1}\n#redraw[aria-disabled=\"true\"] + span{color:var(--muted)}\n#redraw-small{display:none}\n#redraw-note:empty{display:none}\n\n@media (max-width:860px){\n#redraw-small{display:block;justify-self:start;max-width:100%;max-height:42dvh;border-radius:10px}\n.panel #redraw-about{margin-top:var(--s2)}\n}\n";
export const tree = [["div",{"id":"redraw-row"},["label",{"class":"check"},["input",{"type":"checkbox","id":"redraw","aria-describedby":"redraw-hint"}]," ",["span",{"data-t":"redraw.switch"}]],["p",{"class":"hint","id":"redraw-hint"}]],["div",{"class":"about","id":"redraw-about","hidden":""},["canvas",{"id":"redraw-small","width":"1","height":"1","aria-hidden":"true"}],["p",{"class":"about-text","id":"redraw-text"}],["p",{"class":"hint","id":"redraw-note"}],["div",{"class":"toolbar","id":"redraw-acts","role":"group","data-t-aria-label":"redraw.draft"},["button",{"type":"button","class":"button small","id":"redraw-keep","data-t":"redraw.keep"}],["button",{"type":"button","class":"button small","id":"redraw-seed","data-t":"redraw.seed"}],["button",{"type":"button","class":"button small","id":"redraw-off","data-t":"redraw.off"}]]]];
export const start = ({ $api, $assistant, $board, $collection, $controls, $dom, $form, $i18n, $memory, $offers, $pictures, $queue, $run, $source, $stage }) => {

const $asking = (() => {

const { cancelOrder, generate, ServerError } = $api;

let wished = null;
let making = null;

const isMaking = () => making !== null;

async function wish(one) {
wished = one;
if (making) return takeBack();
while (wished) {
const latest = wished;
wished = null;
await make(latest);
}
return undefined;
}

function forgetWish() {
wished = null;
takeBack();
making?.abort.abort();
}

function takeBack() {
if (!making || making.stale) return;
making.stale = true;
if (making.order) cancelOrder(making.order);
}

async function make({ body, done, failed }) {
const mine = (making = { order: null, stale: false, abort: new AbortController() });
let came = false;
try {
for await (const line of generate(body, mine.abort.signal)) {
if (mine.order === null && line.order) {
mine.order = line.order;
if (mine.stale) cancelOrder(mine.order);
}
if (line.status === "blocked") throw line.error;
if (line.status === "final") came = true;
if (line.status === "final" && !mine.stale) await done(line);
}
if (!came) throw new ServerError(0, "error.cut");
} catch (error) {
if (!mine.stale && !(error instanceof ServerError)) throw error;
if (!mine.stale) failed(error);
} finally {
making = null;
}
}
return { isMaking, wish, forgetWish };
})();

const $pace = (() => {

const { entryOf, gallery } = $collection;

const LOOKED = 3;
const WAITING = ["loading"]; // what isn't a picture's own
const known = new Map();

function secondsFor(model, work) {
const paces = known.get(model) ?? [];
return paces.length ? Math.min(...paces) * work : null;
}

const workOf = ({ steps, width, height }) => steps * width * height;

function learnPace({ meta, timings }) {
const work = workDone(meta);
if (!(timings?.denoising > 0) || !(work > 0)) return;
const seconds = Object.entries(timings).reduce((sum, [stage, value]) => (WAITING.includes(stage) ? sum : sum + value), 0);
known.set(meta.model, [...(known.get(meta.model) ?? []), seconds / work].slice(-LOOKED));
}

async function lookBack(model) {
if (known.has(model)) return false;
const last = gallery().filter((row) => row.model === model).slice(0, LOOKED);
if (last.length) known.set(model, []);
for (const entry of (await Promise.all(last.map(entryOf))).reverse()) if (entry) learnPace(entry);
return last.length > 0;
}

function workDone({ num_steps: steps, width, height, hires }) {
const { scale = 1, strength = 0, steps: own } = hires ?? {};
return workOf({ steps, width, height }) + (strength ? scale * scale * workOf({ steps: (own || steps) * strength, width, height }) : 0);
}
return { secondsFor, workOf, learnPace, lookBack };
})();

const $draft = (() => {

const { control, defaultOf } = $controls;
const { settings } = $form;
const { nativeSide } = $offers;
const { sourcePicture } = $source;
const { secondsFor, workOf } = $pace;

const LEAST = 512;
const CHANGES_NO_PIXEL = ["stream", "preview", "progress", "priority", "keep_alive"];
const MULTIPLE = 64;
const QUICK = 3;

function expected(said = settings()) {
const source = sourcePicture();
const own = source ?? { width: defaultOf("width") || nativeSide(), height: defaultOf("height") || nativeSide() };
const part = source ? (said.strength ?? defaultOf("strength") ?? 1) : 1;
const steps = (said.num_steps ?? defaultOf("num_steps") ?? 1) * part;
const [width, height] = [said.width ?? own.width, said.height ?? own.height];
const seconds = (size) => secondsFor(control("model").value, workOf({ steps, ...size }));
const whole = { seconds: seconds({ width, height }), size: {} };
const factor = Math.max(LEAST, nativeSide() / 2) / Math.max(width, height);
if (whole.seconds === null || whole.seconds <= QUICK || source || factor >= 1) return whole;
const [smaller, lower] = [width, height].map((side) => Math.max(MULTIPLE, Math.round((side * factor) / MULTIPLE) * MULTIPLE));
return { seconds: seconds({ width: smaller, height: lower }), size: { width: smaller, height: lower } };
}

function quickOf(body, seed) {
const { count, hires, ...rest } = body;
return { ...rest, ...expected(body).size, seed: body.seed ?? seed, stream: 0, progress: true, priority: "low" };
}

function essenceOf({ count, ...body }) {
const said = Object.entries({ ...body, ...(count > 1 ? { count } : {}) }).filter(([name, value]) => value !== undefined && !CHANGES_NO_PIXEL.includes(name));
return JSON.stringify(said.sort(([one], [other]) => (one < other ? -1 : 1)));
}
return { QUICK, expected, quickOf, essenceOf };
})();

const $sparing = (() => {

const LOW = 0.2;
let battery = null;

function spares() {
if (battery && !battery.charging && battery.level <= LOW) return "redraw.battery";
return navigator.connection?.saveData ? "redraw.saving" : "";
}

async function whenSpared(act) {
navigator.connection?.addEventListener?.("change", act);
battery = (await navigator.getBattery?.().catch(() => null)) ?? null;
if (!battery) return;
for (const kind of ["levelchange", "chargingchange"]) battery.addEventListener(kind, act);
act();
}
return { spares, whenSpared };
})();

const $drawer = (() => {

const { assistsStraight, plansFirst } = $assistant;
const { batchOf, keepPicture, rowOf, whenGalleryChanges } = $collection;
const { control } = $controls;
const { allow, byId, show, tell } = $dom;
const { whenChanged } = $form;
const { duration, inEveryLanguage, t } = $i18n;
const { remember, remembered, whenRemembered } = $memory;
const { blobFrom, paint } = $pictures;
const { whenQueueChanges } = $queue;
const { asked, isRunning, whenAsked } = $run;
const { chosenEntry, seenBoard, showDraft, showEntry, showLatest } = $stage;
const { Board } = $board;
const { forgetWish, isMaking, wish } = $asking;
const { essenceOf, expected, QUICK, quickOf } = $draft;
const { learnPace, lookBack } = $pace;
const { spares, whenSpared } = $sparing;

const PAUSE = matchMedia("(pointer: coarse)").matches ? 700 : 350;
const NARROW = matchMedia("(max-width: 860px)");
const board = new Board(1, 1, () => {});
let seed = freshSeed();
let timer = 0;
let turn = 0;
let last = null;
let touched = false;
let draft = null;
let before = null;
let failure = "";
let greeted = false;

const isOn = () => byId("redraw").checked;
const isSeen = () => draft !== null && seenBoard() === board;
const goes = () => isOn() && !isRunning() && !document.hidden && why() === "";

function why() {
if (plansFirst() || assistsStraight()) return t("redraw.assistant");
const { seconds } = expected();
if (seconds === null) return t("redraw.unknown");
if (seconds > QUICK) return t("redraw.slow", { time: duration(seconds), most: duration(QUICK) });
return spares() && t(spares());
}

function startLive() {
byId("redraw-room").append(byId("redraw-row"));
byId("redraw").checked = remembered("redraw", false);
byId("redraw").addEventListener("change", () => { remember("redraw", isOn()); switched(); });
whenRemembered("redraw", (text) => { byId("redraw").checked = JSON.parse(text); switched(); });
for (const kind of ["input", "click", "drop", "paste"]) addEventListener(kind, () => { touched = true; }, { capture: true, once: true });
for (const kind of ["input", "change", "click"]) byId("beside").addEventListener(kind, changed);
byId("redraw-keep").addEventListener("click", () => { byId("generate").click(); byId("stage").focus({ preventScroll: true }); });
byId("redraw-seed").addEventListener("click", () => { seed = freshSeed(); look(); });
byId("redraw-off").addEventListener("click", () => { byId("redraw").click(); byId("f-prompt").focus({ preventScroll: true }); });
board.release = left;
whenAsked(kept);
whenChanged(changed);
whenQueueChanges(() => { if (isRunning()) stop(); });
whenGalleryChanges(describe);
whenSpared(changed);
for (const id of ["assist", "assist-straight"]) byId(id).addEventListener("change", changed);
document.addEventListener("visibilitychange", () => { if (document.hidden) hide(); else changed(); });
NARROW.addEventListener("change", place);
place();
inEveryLanguage(() => { describe(); describeDraft(); });
}

function freshSeed() {
return String(crypto.getRandomValues(new BigUint64Array(1))[0] >> 1n);
}

function place() {
if (NARROW.matches) byId("words").after(byId("redraw-about"));
else byId("stage").append(byId("redraw-about"));
}

function switched() {
greeted = false;
last = null;
if (isOn()) return changed();
stop();
fail("");
describe();
return leave();
}

function changed() {
clearTimeout(timer);
if (isOn()) timer = setTimeout(look, PAUSE);
describe();
}

async function look() {
const own = ++turn;
const wanted = goes() ? await asked(true) : null;
if (own !== turn || wanted === null || !goes()) return;
const body = quickOf(wanted.body, seed);
const said = essenceOf(body);
if (said === last) return;
last = said;
if (!touched) return;
const whole = said === essenceOf({ ...wanted.body, seed: body.seed, count: 1 });
wish({ body, done: (line) => done(line, { said, pictures: wanted.pictures, whole }), failed: (error) => fail(t("redraw.not", { why: error.words })) }).then(describeDraft);
describeDraft();
}

async function done(line, about) {
learnPace(line);
describe();
const blob = blobFrom(line.img, "image/png");
await Promise.all([board.preview(0, blob), paint(byId("redraw-small"), blob)]);
if (!goes()) return;
if (!isSeen()) before = chosenEntry();
draft = { line, blob, ...about };
failure = "";
if (seenBoard() !== board) showDraft(board);
if (!greeted) tell(t("redraw.there"));
greeted = true;
}

function fail(sentence) {
if (sentence && sentence !== failure) tell(sentence);
failure = sentence;
describeDraft();
}

function stop() {
clearTimeout(timer);
turn += 1;
forgetWish();
}

function hide() {
if (isMaking()) last = null;
stop();
}

async function leave() {
if (!isSeen()) return;
if (before && rowOf(before)) await showEntry(before, batchOf(before));
else await showLatest();
}

function left() {
draft = null;
describeDraft();
}

async function kept(wanted) {
if (!isOn()) return false;
const own = isSeen() || isMaking();
stop();
if (plansFirst()) return false;
if (own) for (const said of [wanted.body, wanted.said]) said.seed ??= seed;
last = essenceOf(quickOf(wanted.body, seed));
if (!isSeen() || essenceOf(wanted.body) !== draft.said) return false;
const { line, blob, pictures } = draft;
draft = null; // pressed twice, it isn't kept twice
const { warnings, notes, timings } = line;
await showEntry(await keepPicture({ blob, meta: { ...line.meta, seed: String(line.seed) }, warnings, notes, timings, sources: pictures, turn: wanted.turn }));
tell(t("live.done", { n: 1, seed: line.seed }));
return true;
}

async function describe() {
const reason = why();
allow(byId("redraw"), isOn() ? "" : reason);
byId("redraw-hint").textContent = reason || t("redraw.hint");
if (await lookBack(control("model").value)) changed();
}

function describeDraft() {
const seen = isSeen();
show(byId("redraw-about"), seen || (isOn() && failure !== ""));
show(byId("redraw-acts"), seen);
show(byId("redraw-text"), seen);
show(byId("redraw-small"), seen);
byId("redraw-note").textContent = failure || (seen && !draft.whole ? t("redraw.differs") : "");
if (!seen) return;
const { meta, timings } = draft.line;
board.tiles[0].canvas.setAttribute("aria-label", t("redraw.alt", { prompt: meta.prompt }));
show(byId("redraw-seed"), control("seed").value.trim() === "");
const seconds = Object.values(timings).reduce((sum, value) => sum + value, 0);
const size = `${board.tiles[0].canvas.width} × ${board.tiles[0].canvas.height}`;
const facts = [t("redraw.draft"), size, t("about.steps", { n: meta.num_steps }), t("about.seed", { seed: draft.line.seed }), isMaking() ? t("redraw.making") : t("about.seconds", { time: duration(seconds) })];
byId("redraw-text").textContent = facts.join(" · ");
}

startLive();
return {  };
})();
return $drawer;
};
