export const build = "d335abcceb8f8c90";
export const texts = {"copy.title":["Copy this","Скопируйте"],"copy.hint":["Over plain http a browser keeps the clipboard closed. The text is selected: press Ctrl+C or ⌘C.","По обычному http браузер не даёт доступа к буферу обмена. Текст выделен: нажмите Ctrl+C или ⌘C."],"server.title":["Server","Сервер"],"server.about":["Imagine {version} on {device}","Imagine {version}, {device}"],"server.hint":["Another address opens that server’s own page.","Если указать другой адрес, откроется страница того сервера."],"server.key":["API key","Ключ API"],"server.key.hint":["Only if the server asks for one. It stays in this browser.","Только если сервер его требует. Ключ останется в этом браузере."],"server.use":["Use","Применить"],"done.choices":["When pictures are done and you look elsewhere","Когда картинки готовы, а вы не смотрите на страницу"],"done.notify":["Show a notification","Показывать уведомление"],"done.sound":["Play a soft sound","Проигрывать тихий звук"],"done.refused":["This browser doesn’t show notifications of this page. You can allow them in its settings for this site.","Браузер не показывает уведомления этой страницы. Разрешите их в его настройках для этого сайта."],"done.failed":["The picture could not be made.","Картинка не получилась."],"done.ask":["Would you like to be told when your pictures are done while you look elsewhere?","Сообщать о готовых картинках, когда вы отошли или открыли другую вкладку?"],"done.yes":["Tell me","Сообщать"],"app.install":["Install as an app","Установить как приложение"],"app.away":["The server does not answer. Your pictures and what you wrote are here; the page goes on once it is back.","Сервер не отвечает. Ваши картинки и всё написанное на месте; рисовать можно будет, как только он снова ответит."],"app.shared":["{name} is the picture to start from.","Исходной картинкой стала {name}."],"views":["What is to be known","Что нужно знать"],"views.first":["What is here","Что здесь есть"],"views.devices":["Devices","Устройства"],"views.safety":["What holds here","Что здесь действует"],"views.orders":["Kept orders","Заказы на сервере"],"views.help":["Keys","Клавиши"]};
export const style = ".rules{padding-top:var(--s4);border-top:1px solid var(--line);font-size:var(--small)}\n.rules h3,.rules legend{margin:0 0 var(--s1);font:inherit;color:var(--muted)}\n.choices{display:grid;gap:var(--s2);justify-items:start}\n.choices legend{float:left;width:100%}\n\ndialog.sheet{width:min(640px,calc(100vw - 32px));grid-template-rows:auto minmax(0,1fr)}\ndialog.sheet h2{outline:0}\n.sheet-body{overflow-y:auto;overscroll-behavior:contain;scrollbar-width:thin;display:grid;grid-template-columns:minmax(0,1fr);align-content:start;gap:var(--s4);margin:0 calc(-1 * var(--s5));padding:2px var(--s5) var(--s2);font-size:var(--small)}\n.sheet h3{margin:0 0 var(--s1);font-size:var(--small);font-weight:600}\n:is(.sheet,.first) :is(p,li){overflow-wrap:anywhere}\n:is(.sheet,.first) .points{display:grid;gap:6px}\n:is(.sheet,.first) .points > li{position:relative;padding-left:18px}\n:is(.sheet,.first) .points > li::before{content:\"\";position:absolute;left:2px;top:0.5em;width:8px;height:8px;border-radius:50%;background:var(--edge)}\n:is(.sheet,.first) .points > [data-how=\"good\"]::before{background:var(--good)}\n:is(.sheet,.first) .points > [data-how=\"wait\"]::before{background:var(--wait)}\n:is(.sheet,.first) .points > [data-how=\"bad\"]::before{background:var(--danger)}\n@media (max-width:860px){\ndialog.sheet{width:100vw;max-width:none;height:100dvh;max-height:none;margin:0;border:0;border-radius:0}\n.sheet-body{margin:0 calc(-1 * var(--s4));padding:2px var(--s4) var(--s4)}\n}\n";
export const tree = [["dialog",{"id":"server-dialog","aria-labelledby":"server-title"},["form",{"method":"dialog","id":"server-form"},["h2",{"id":"server-title","data-t":"server.title"}],["p",{"id":"server-about","class":"hint"}],["div",{"class":"chips","role":"group","id":"server-views","data-t-aria-label":"views","hidden":""},["button",{"type":"button","class":"chip","data-view":"first","data-t":"views.first"}],["button",{"type":"button","class":"chip","data-view":"devices","data-t":"views.devices"}],["button",{"type":"button","class":"chip","data-view":"safety","data-t":"views.safety"}],["button",{"type":"button","class":"chip","data-view":"orders","data-t":"views.orders"}],["button",{"type":"button","class":"chip","data-view":"help","data-t":"views.help"}]],["p",{"class":"error","id":"server-error","role":"alert","hidden":""}],["div",{"class":"field"},["label",{"for":"server-address","data-t":"server.address"}],["input",{"id":"server-address","type":"text","inputmode":"url","spellcheck":"false","autocapitalize":"off","autocomplete":"off"}],["p",{"class":"hint","data-t":"server.hint"}]],["div",{"class":"field"},["label",{"for":"server-key","data-t":"server.key"}],["input",{"id":"server-key","type":"password","spellcheck":"false","autocomplete":"off"}],["p",{"class":"hint","data-t":"server.key.hint"}]],["fieldset",{"class":"rules choices"},["legend",{"data-t":"done.choices"}],["label",{"class":"check","id":"done-notify-label"},["input",{"type":"checkbox","id":"done-notify","aria-describedby":"done-refused"}]," ",["span",{"data-t":"done.notify"}]],["label",{"class":"check"},["input",{"type":"checkbox","id":"done-sound"}]," ",["span",{"data-t":"done.sound"}]],["p",{"class":"hint","id":"done-refused","role":"status","hidden":""}],["button",{"type":"button","class":"text-button inset","id":"app-install","data-t":"app.install","hidden":""}]],["div",{"class":"dialog-actions"},["button",{"type":"button","class":"button","data-close":"","data-t":"close"}],["button",{"type":"submit","class":"button primary","data-t":"server.use"}]]]],["dialog",{"id":"copy-dialog","aria-labelledby":"copy-title"},["h2",{"id":"copy-title","data-t":"copy.title"}],["p",{"class":"hint","data-t":"copy.hint"}],["textarea",{"id":"copy-text","rows":"4","readonly":"","data-t-aria-label":"copy.title"}],["div",{"class":"dialog-actions"},["button",{"type":"button","class":"button primary","data-close":"","data-t":"close"}]]]];
export const start = ({ $api, $collection, $connection, $database, $dom, $drawers, $form, $i18n, $link, $memory, $notices, $queue, $source, $stage, $undo }) => {

const $sound = (() => {

const WELL = [659.26, 880];
const BADLY = [440, 329.63];
const LOUD = 0.1;
const APART = 0.16;
const LASTS = 0.9;
let audio = null;

function prepareSound() {
audio ??= new AudioContext();
}

async function chime(well) {
prepareSound();
await audio.resume();
const notes = (well ? WELL : BADLY).map((frequency, place) => note(frequency, audio.currentTime + 0.02 + place * APART));
notes.at(-1).onended = () => audio.suspend(); // else it keeps a phone's battery busy
}

function note(frequency, start) {
const tone = new OscillatorNode(audio, { frequency });
const level = new GainNode(audio, { gain: 0 });
level.gain.setValueAtTime(0, start);
level.gain.linearRampToValueAtTime(LOUD, start + 0.02);
level.gain.exponentialRampToValueAtTime(0.0001, start + LASTS);
tone.connect(level).connect(audio.destination);
tone.start(start);
tone.stop(start + LASTS);
return tone;
}
return { prepareSound, chime };
})();

const $done = (() => {

const { batchOf, gallery } = $collection;
const { byId, show } = $dom;
const { inEveryLanguage, language, t } = $i18n;
const { remember, remembered } = $memory;
const { notice } = $notices;
const { orders, waiting, whenQueueChanges } = $queue;
const { showEntry } = $stage;
const { chime, prepareSound } = $sound;

const LONG = 20_000; // milliseconds of a run that one doesn't sit before
const CAN_NOTIFY = isSecureContext && "Notification" in window;
let watched = null; // the order that is made, since when, and whether the page wasn't looked at meanwhile
let batch = fresh();
let shown = null;

function startTelling() {
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

function showPicture(id) {
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
batch.failed = order.state === "failed" || !order.made.length;
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
} catch {
const registration = await navigator.serviceWorker?.getRegistration();
registration?.active?.postMessage({ show: { title, options, picture: pictures[0]?.id } });
}
}

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
return { startTelling, showPicture };
})();

const $app = (() => {

const { server, whenLooked } = $connection;
const { byId, make, show } = $dom;
const { drawer, workerAddress } = $drawers;
const { inEveryLanguage, language, t } = $i18n;
const { dismiss, notice } = $notices;
const { takeSource } = $source;
const { showEntry } = $stage;
const { undoToNow } = $undo;
const { showPicture } = $done;

let offered = null; // the browser's own question whether to install it

async function startApp() {
if (!isSecureContext || !navigator.serviceWorker) return;
whenLooked(tellAway);
nameApp();
offerInstalling();
window.launchQueue?.setConsumer(opened);
navigator.serviceWorker.addEventListener("message", heard);
navigator.serviceWorker.startMessages();
try {
await navigator.serviceWorker.register(workerAddress, { updateViaCache: "none" });
} catch { /* the server is away, or the browser wants none: what was registered stays */ }
takeShared();
}

function tellAway() {
const { health, state } = server();
if (health || state !== "gone") dismiss("away");
else if (!byId("notices").querySelector("[data-about=away]")) notice(t("app.away"), { about: "away", stay: true });
}

function nameApp() {
const link = make("link", { rel: "manifest", crossOrigin: "use-credentials" });
inEveryLanguage(() => { link.href = `./manifest.webmanifest?lang=${language()}`; });
document.head.append(link);
}

function offerInstalling() {
const describe = () => show(byId("app-install"), offered !== null);
addEventListener("beforeinstallprompt", (event) => {
event.preventDefault();
offered = event;
describe();
});
addEventListener("appinstalled", () => {
offered = null;
describe();
});
byId("app-install").addEventListener("click", () => {
offered.prompt();
offered = null;
describe();
});
}

async function opened({ files }) {
const file = await files[0]?.getFile();
const entry = file && (await (await drawer("recipe"))?.loadFile(file));
if (entry) await showEntry(entry);
}

async function takeShared() {
const asked = new URLSearchParams(location.search);
const take = asked.get("shared");
if (take === null) return;
asked.delete("shared");
history.replaceState(null, "", location.pathname + (asked.size ? `?${asked}` : "") + location.hash);
(await navigator.serviceWorker.ready).active.postMessage({ take });
}

async function heard({ data: { shared, picture } }) {
if (picture) showPicture(picture);
if (!shared) return;
const action = undoToNow();
if (await takeSource(shared, shared.name)) notice(t("app.shared", { name: shared.name }), { about: "shared", action });
}
return { startApp };
})();

const $signs = (() => {

const { make } = $dom;
const { orders, waiting, whenQueueChanges } = $queue;

const PARTS = 32;
const ROUND = 2 * Math.PI * 12;
const TOUCHED = matchMedia("(pointer: coarse)");
const usual = document.querySelector("link[rel=icon]");
let drawn = null; // how many parts; null: the page's own icon
let counted = 0;
let awake = false;
let lock = null;

function startSigns() {
whenQueueChanges(describe);
document.addEventListener("visibilitychange", describe);
describe();
}

function describe() {
const running = orders().find((order) => order.state === "running");
drawRing(running ? Math.floor((running.part ?? 0) * PARTS) : null);
count(running ? waiting().length : 0);
stayAwake(running !== undefined && !document.hidden && TOUCHED.matches);
}

function drawRing(parts) {
if (parts === drawn) return;
drawn = parts;
const href = parts === null ? usual.href : `data:image/svg+xml,${encodeURIComponent(ring(parts / PARTS))}`;
document.querySelector("link[rel=icon]").replaceWith(make("link", { rel: "icon", href }));
}

const ring = (part) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke-width="7"><circle cx="16" cy="16" r="12" stroke="#8f8b82"/><path d="M16 4a12 12 0 1 1-.01 0" stroke="#ff7a42" stroke-dasharray="${part * ROUND} 99"/></svg>`;

function count(number) {
if (number === counted) return;
counted = number;
(number ? navigator.setAppBadge?.(number) : navigator.clearAppBadge?.())?.catch(() => {});
}

async function stayAwake(wanted) {
if (wanted === awake) return;
awake = wanted;
if (!wanted) {
lock?.release();
lock = null;
return;
}
try {
const given = await navigator.wakeLock.request("screen");
if (awake && lock === null) lock = given;
else given.release();
} catch { /* none is to be had here, or the battery is low */ }
}
return { startSigns };
})();

const $drawer = (() => {

const { ask, POLICIES, ServerError } = $api;
const { addressFrom, devicesNamed, look, server, whenLooked } = $connection;
const { keys } = $database;
const { all, byId, openDialog, show } = $dom;
const { drawer } = $drawers;
const { isReady, settings } = $form;
const { inEveryLanguage, language, t } = $i18n;
const { hashOf } = $link;
const { remember, remembered } = $memory;
const { startApp } = $app;
const { startTelling } = $done;
const { startSigns } = $signs;

const SENDABLE = /^[\x20-\x7e]*$/;

function openSettings(error = "") {
byId("server-address").value = location.origin;
byId("server-key").value = remembered("key", "");
byId("server-error").textContent = error;
show(byId("server-error"), Boolean(error));
openDialog(byId("server-dialog"));
if (error) byId("server-key").focus();
}

function describe() {
const { health } = server();
const device = devicesNamed(health) || t("status.starting");
byId("server-about").textContent = health ? t("server.about", { version: health.version, device }) : "";
show(byId("server-views"), health !== null);
const own = remembered("moderation", "");
if (own && health && POLICIES.indexOf(own) <= POLICIES.indexOf(health.moderation.policy)) remember("moderation", "");
}

const VIEWS = {
first: async () => (await drawer("first"))?.openFirst(),
devices: async () => (await drawer("devices"))?.openDevices(),
safety: async () => (await drawer("safety"))?.openSafety(),
orders: async () => (await drawer("orders"))?.openOrders(),
help: async () => (await drawer("help"))?.openHelp(),
};

let greeted = false;

async function greet() {
if (greeted || !isReady()) return;
greeted = true;
if (remembered("first", false) || location.hash) return;
const pictures = await keys("rows").catch(() => [0]);
if (pictures.length) remember("first", true);
else (await drawer("first", true))?.greet();
}

function copyOtherwise(text) {
if (copyBySelection(text)) return true;
byId("copy-text").value = text;
openDialog(byId("copy-dialog"));
byId("copy-text").select();
return false;
}

function copyBySelection(text) {
const field = document.createElement("textarea");
const focused = document.activeElement;
field.value = text;
field.className = "visually-hidden";
document.body.append(field);
field.select();
const copied = document.execCommand("copy");
field.remove();
focused?.focus();
return copied;
}

async function useServer(event) {
event.preventDefault();
const address = addressFrom(byId("server-address").value);
if (address === null) return sayInDialog(t("server.bad"), "server-address");
if (address !== location.origin) return location.assign(`${address}/?lang=${language()}${hashOf(settings())}`);
const key = byId("server-key").value.trim();
try {
if (!SENDABLE.test(key)) throw new ServerError(401, "", { keyed: true });
await ask("/models", { key });
} catch (error) {
if (error.status === undefined) throw error;
return sayInDialog(error.words, "server-key");
}
remember("key", key);
byId("server-dialog").close();
return look();
}

function sayInDialog(sentence, about) {
byId("server-error").textContent = sentence;
show(byId("server-error"), true);
byId(about).focus();
byId(about).select();
}

byId("server-form").addEventListener("submit", useServer);
whenLooked(describe);
inEveryLanguage(describe);
startSigns();
startTelling();
startApp();
for (const button of all("[data-view]", byId("server-views"))) button.addEventListener("click", VIEWS[button.dataset.view]);
drawer("help", true);
whenLooked(greet);
return { openSettings, copyOtherwise };
})();
return $drawer;
};
