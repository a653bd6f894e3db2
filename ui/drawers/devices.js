export const build = "d335abcceb8f8c90";
export const texts = {"devices.title":["Devices","Устройства"],"devices.running":["{n, plural, one:# picture is being made|other:# pictures are being made}","{n, plural, one:рисуется # картинка|few:рисуются # картинки|other:рисуется # картинок}"],"devices.waiting":["{n, plural, one:# waits|other:# wait}","{n, plural, one:ждёт #|few:ждут #|other:ждёт #}"],"devices.busy":["{n, plural, one:at # picture|other:at # pictures}","{n, plural, one:рисует # картинку|few:рисует # картинки|other:рисует # картинок}"],"devices.idle":["nothing to do","свободно"],"devices.room":["Models take {size} of the {whole} that it has for them","Модели занимают {size} из {whole}, отведённых для них"],"devices.size":["Models take {size}","Модели занимают {size}"],"devices.model":["{name} is loaded","Загружена {name}"],"devices.way.encoders":["its text encoder waits in main memory","текстовый кодировщик ждёт в оперативной памяти"],"devices.way.stages":["one network at a time","сети загружаются по одной"],"devices.way.layers":["layer by layer, which is slow","по слоям, это медленно"],"devices.until":["goes in {time} if nobody needs it","выгрузится через {time}, если никому не понадобится"],"devices.restarts":["{n, plural, one:Started again once|other:Started again # times}","{n, plural, one:Перезапускалось # раз|few:Перезапускалось # раза|other:Перезапускалось # раз}"],"devices.server":["Another server, which draws for this one","Другой сервер, который рисует для этого"],"devices.cluster":["A device of the cluster","Устройство кластера"],"devices.fetching":["Files that it lacks come to it: {done} of {size}","Получает недостающие файлы: {done} из {size}"]};
export const style = ".device-rows > li{display:grid;grid-template-columns:minmax(0,1fr);gap:4px;padding:var(--s3) 0;border-top:1px solid var(--line)}\n.device-rows .points{padding-top:2px}\n.device-rows progress{margin:2px 0;color:var(--text)}\n";
export const tree = [["dialog",{"id":"devices-dialog","class":"sheet","aria-labelledby":"devices-title"},["div",{"class":"label-row"},["h2",{"id":"devices-title","tabindex":"-1","data-t":"devices.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"sheet-body"},["p",{"class":"error","id":"devices-error","role":"alert","hidden":""}],["p",{"id":"devices-line","class":"hint"}],["ul",{"class":"device-rows","id":"devices-rows"}]]]];
export const start = ({ $api, $connection, $dom, $i18n }) => {

const $drawer = (() => {

const { ask, ServerError } = $api;
const { elsewhere, server, whenLooked } = $connection;
const { byId, make, openDialog, say, show } = $dom;
const { duration, fileSize, hasText, inEveryLanguage, t } = $i18n;

const HOW = { ready: "good", starting: "wait", broken: "bad" };
let held = new Map();
let looks = 0;
let written = "";

async function openDevices() {
openDialog(byId("devices-dialog"));
byId("devices-title").focus();
await look();
}

async function look() {
if (!byId("devices-dialog").open) return;
const mine = ++looks;
let error = "";
let found = held;
try {
const { details, others } = await ask("/models");
found = new Map();
for (const { name, loaded } of [...details, ...others]) {
for (const each of loaded?.devices ?? []) found.set(each.device, [...(found.get(each.device) ?? []), { name, ...each }]);
}
} catch (failure) {
if (!(failure instanceof ServerError)) throw failure;
error = failure.words;
}
if (mine !== looks) return;
held = found;
say(byId("devices-error"), error);
show(byId("devices-error"), error !== "");
describe();
}

function describe() {
const { health } = server();
if (!health) return;
const { devices, waiting, running } = health;
const now = document.documentElement.lang + JSON.stringify([devices, waiting, running, [...held]]);
if (now === written) return;
written = now;
byId("devices-line").textContent = [t("devices.running", { n: running }), t("devices.waiting", { n: waiting })].join(" · ");
const others = new Set(elsewhere(devices));
byId("devices-rows").replaceChildren(...devices.map((device) => rowOf(device, others.has(device.device))));
}

function rowOf(device, isElsewhere) {
const { device: place, name, state, problem, running, restarts, size, memory, fetching } = device;
const models = held.get(place) ?? [];
const facts = [
[HOW[state] ?? "", [t(`status.${state}`), state === "ready" ? (running ? t("devices.busy", { n: running }) : t("devices.idle")) : "", problem].filter(Boolean).join(" · ")],
["", memory ? t("devices.room", { size: fileSize(size), whole: fileSize(memory) }) : size ? t("devices.size", { size: fileSize(size) }) : ""],
...models.map((each) => ["", modelSaid(each)]),
[fetching?.problem ? "bad" : "wait", fetching ? (fetching.problem ?? t("devices.fetching", { done: fileSize(fetching.done), size: fileSize(fetching.size) })) : ""],
[restarts ? "wait" : "", restarts ? t("devices.restarts", { n: restarts }) : ""],
];
const title = [name, place].filter(Boolean).join(" · ");
const where = !isElsewhere ? "" : t(place.includes("/") ? "devices.cluster" : "devices.server");
return make("li", {}, make("h3", { dir: "auto" }, title), ...(where ? [make("p", { className: "hint" }, where)] : []),
make("ul", { className: "points" }, ...facts.filter(([, text]) => text).map(([how, text]) => make("li", how ? { "data-how": how } : {}, text))));
}

function modelSaid({ name, size, way, expires_in: left }) {
const lies = hasText(`devices.way.${way}`) ? t(`devices.way.${way}`) : "";
const until = left === null ? "" : t("devices.until", { time: duration(Math.max(0, left)) });
return [t("devices.model", { name }), fileSize(size), lies, until].filter(Boolean).join(" · ");
}

whenLooked(look);
inEveryLanguage(describe);
return { openDevices };
})();
return $drawer;
};
