export const build = "d335abcceb8f8c90";
export const texts = {"first.title":["What is here","Что здесь есть"],"first.here":["Imagine runs on this computer and draws on {device}.","Imagine работает на этом компьютере, рисует на {device}."],"first.here.not":["Imagine runs on this computer; what draws isn’t ready yet.","Imagine работает на этом компьютере, но рисовать пока не готов."],"first.there.not":["Imagine runs at {host}; what draws isn’t ready yet. What you write and bring goes there.","Imagine работает на {host}, но рисовать пока не готов. Туда попадает всё, что вы пишете и добавляете."],"first.there":["Imagine runs at {host} and draws on {device}. What you write and bring goes there.","Imagine работает на {host}, рисует на {device}. Туда попадает всё, что вы пишете и добавляете."],"first.stays":["What you write and bring stays on it.","Всё, что вы пишете и добавляете, на нём и остаётся."],"first.forwarded":["Where {host} is only forwarded from another computer, that one is meant.","Если {host} лишь проброшен с другого компьютера, речь о том компьютере."],"first.others":["It has others draw, too: {names}.","Ему помогают рисовать другие: {names}."],"first.try":["To begin with","С чего начать"],"first.try.one":["{prompt}","{prompt}"],"first.try.style":["{prompt}, in the style “{style}”","{prompt}, стиль «{style}»"],"first.try.several":["{n} variants at once: {prompt}","Сразу {n} варианта: {prompt}"],"first.models":["Models","Модели"],"first.none":["No model is here yet, so nothing can be drawn. One of the ways below brings one; this page sees it by itself.","Моделей пока нет, рисовать нечем. Ниже сказано, как добавить модель; страница увидит её сама."],"first.untold":["The server says what is here once it has its API key.","Что здесь есть, сервер скажет, когда получит свой ключ API."],"first.all":["All about them","Подробнее о них"],"first.all.n":["All {n}, and more about them","Все модели ({n}) и подробности"],"first.besides":["Besides: {what}.","Кроме того: {what}."],"first.kind.lora":["{n, plural, one:# LoRA|other:# LoRAs}","LoRA: {n}"],"first.kind.controlnet":["{n, plural, one:# ControlNet|other:# ControlNets}","ControlNet: {n}"],"first.kind.ip-adapter":["{n, plural, one:# image adapter|other:# image adapters}","адаптеры картинок: {n}"],"first.kind.embedding":["{n, plural, one:# embedding|other:# embeddings}","эмбеддинги: {n}"],"first.kind.upscaler":["{n, plural, one:# upscaler|other:# upscalers}","апскейлеры: {n}"],"first.place":["is at {place}, which draws it","есть только на {place}, там и рисуется"],"first.edits":["changes a picture that you bring","меняет картинку, которую вы добавите"],"first.quick":["quick: {n} steps","{n, plural, one:быстрая: # шаг|few:быстрая: # шага|other:быстрая: # шагов}"],"first.steps":["{n} steps","{n, plural, one:# шаг|few:# шага|other:# шагов}"],"first.pace":["about {time} a picture here","картинка здесь — примерно {time}"],"first.languages":["understands {names}","понимает {names}"],"first.language.en":["English","английский"],"first.language.ru":["Russian","русский"],"first.fits":["fits this machine","помещается на этой машине"],"first.slow":["fits layer by layer, which is slow","помещается только по слоям, медленно"],"first.fits.not":["doesn’t fit this machine","на этой машине не поместится"],"first.more":["What can be had","Что можно добавить"],"first.way.here":["On this page, licence and size first:","На этой странице (сначала покажем лицензию и размер):"],"first.way.command":["In a terminal on the server’s computer:","В терминале на компьютере сервера:"],"first.way.offline":["This server was told to ask nobody, so nothing is fetched.","Серверу запрещено обращаться в сеть, поэтому он ничего не скачивает."],"first.way.owner":["The owner of this server fetches others, there:","Новые модели добавляет владелец сервера, там же:"],"first.way.folder":["A file that you have (.safetensors), copied into the server’s folder of models, usually","Свой файл (.safetensors) скопируйте в папку моделей сервера, обычно"],"first.way.carry":["Without a network: packed where there is one, carried over, and unpacked by imagine load:","Без сети: упаковать там, где она есть, перенести и распаковать командой imagine load:"],"first.known":["Names for NAME, among others: {names}.","Вместо NAME подойдёт, например: {names}."],"first.set":["How it is set up","Как всё настроено"],"first.assistant":["An assistant understands wishes: tick “Understand it as a wish”.","Ассистент понимает пожелания: отметьте «Понять как пожелание»."],"first.assistant.none":["No assistant: what you write is the prompt, as it stands.","Ассистента нет: написанное и есть описание, слово в слово."],"first.checked":["Some things aren’t drawn; which, and what becomes of pictures, stands under “What holds here” in the server’s dialog.","Кое-что здесь не рисуется; что именно и что бывает с картинками, сказано в окне «Сервер», в разделе «Что здесь действует»."],"first.unchecked":["Prompts and pictures aren’t checked.","Описания и картинки не проверяются."],"first.key":["This browser has an API key.","В этом браузере сохранён ключ API."],"first.key.enter":["Enter the key","Ввести ключ"],"first.key.none":["No API key is needed from here.","Отсюда ключ API не нужен."]};
export const style = ".first{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s4);align-content:start;font-size:var(--small)}\n.first h2{font-size:1.0625rem}\n.first h3{margin:0 0 var(--s1);font-size:var(--small);font-weight:600}\n.first .points + .hint,.first section > .text-button{margin-top:var(--s2)}\n.first li .text-button{line-height:inherit}\n.first .chip{text-align:left;padding-block:5px}\ndialog .first-head{display:none}\n.frame > .first{position:absolute;inset:0;overflow-y:auto;scrollbar-width:thin;padding:var(--s4) var(--s5) var(--s5)}\n.frame:has(> .first) > .empty{display:none}\n.frame > .first .chip{background:var(--surface);border-color:var(--line)}\n@media (max-width:860px){\n.frame > .first{position:static;overflow:visible;padding:var(--s4)}\n}\n";
export const tree = [["dialog",{"id":"first-dialog","class":"sheet","aria-labelledby":"first-title"},["div",{"class":"label-row"},["h2",{"id":"first-title","tabindex":"-1","data-t":"first.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"sheet-body","id":"first-room"},["section",{"class":"first","id":"first","data-t-aria-label":"first.title"},["div",{"class":"label-row first-head"},["h2",{"data-t":"first.title"}],["button",{"type":"button","class":"icon-button","id":"first-close","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["p",{"id":"first-where"}],["section",{"aria-labelledby":"first-try-title","id":"first-try-part"},["h3",{"id":"first-try-title","data-t":"first.try"}],["div",{"class":"chips","id":"first-try"}]],["section",{"aria-labelledby":"first-models-title"},["h3",{"id":"first-models-title","data-t":"first.models"}],["ul",{"class":"points","id":"first-models"}],["p",{"class":"hint","id":"first-besides"}],["button",{"type":"button","class":"text-button inset","id":"first-all","data-t":"first.all"}]],["section",{"aria-labelledby":"first-more-title"},["h3",{"id":"first-more-title","data-t":"first.more"}],["ul",{"class":"points","id":"first-ways"}],["p",{"class":"hint","id":"first-known"}]],["section",{"aria-labelledby":"first-set-title"},["h3",{"id":"first-set-title","data-t":"first.set"}],["ul",{"class":"points","id":"first-set"}]]]]]];
export const start = ({ $api, $choices, $collection, $connection, $controls, $dom, $drawers, $form, $i18n, $memory, $notices, $offers, $stage, $undo }) => {

const $drawer = (() => {

const { ask, ServerError } = $api;
const { describeChoices } = $choices;
const { entryOf, gallery } = $collection;
const { devicesNamed, elsewhere, isHere, openServer, server, whenLooked } = $connection;
const { control } = $controls;
const { byId, make, openDialog, show } = $dom;
const { drawer } = $drawers;
const { change, isReady } = $form;
const { duration, fileSize, inEveryLanguage, language, t } = $i18n;
const { remember, remembered } = $memory;
const { notice } = $notices;
const { chosenModel, detailsOf, entriesOf, learnModels, models, presets, presetTitle } = $offers;
const { seenBoard } = $stage;
const { undoToNow } = $undo;

const MOST_MODELS = 6;
const MOST_NAMES = 8;
const QUICK = 20;
const STYLE = "watercolor";
const SEVERAL = 4;
const HOW = { all: "good", encoders: "good", stages: "good", layers: "wait" };
let library = null;
const paces = new Map();

async function openFirst() {
leave();
openDialog(byId("first-dialog"));
byId("first-title").focus();
await learn();
}

async function greet() {
await learn();
if (seenBoard() === null && !byId("first-dialog").open) byId("frame").append(byId("first"));
}

const isOnStage = () => byId("first").parentElement === byId("frame");

function leave() {
remember("first", true);
if (!isOnStage()) return;
const focused = byId("first").contains(document.activeElement);
byId("first-room").append(byId("first"));
if (focused) byId("f-prompt").focus();
}

async function learn() {
try {
if (isReady()) library = await ask("/library");
} catch (failure) {
if (!(failure instanceof ServerError)) throw failure;
}
for (const name of models()) {
const row = gallery().find((one) => one.model === name);
const { timings } = (row && (await entryOf(row))) ?? {};
const seconds = Object.entries(timings ?? {}).reduce((sum, [part, value]) => sum + (part === "loading" ? 0 : value), 0);
if (seconds) paces.set(name, seconds);
}
describe();
}

function describe() {
const { health } = server();
if (!health) return;
describeWhere(health);
describeModels();
describeMore();
describeSet(health);
describeTries();
}

function put(list, items) {
if (items.length !== list.children.length || items.some((one, at) => !one.isEqualNode(list.children[at]))) list.replaceChildren(...items);
}

function describeWhere({ devices, assistant }) {
const others = elsewhere(devices);
const device = devicesNamed({ devices });
const [ready, not] = isHere() ? ["first.here", "first.here.not"] : ["first.there", "first.there.not"];
const where = t(device ? ready : not, { host: location.host, device });
const stays = isHere() && !others.length && !assistant;
const said = [where, stays ? t("first.stays") : "", others.length ? t("first.others", { names: others.join(", ") }) : "", isHere() ? t("first.forwarded", { host: location.host }) : ""];
byId("first-where").textContent = said.filter(Boolean).join(" ");
}

function describeModels() {
const names = models();
const rows = names.slice(0, MOST_MODELS).map(modelRow);
put(byId("first-models"), rows.length ? rows : [make("li", { "data-how": "bad" }, ...noModel())]);
byId("first-all").textContent = names.length > MOST_MODELS ? t("first.all.n", { n: names.length }) : t("first.all");
const besides = ["lora", "controlnet", "ip-adapter", "embedding", "upscaler"].map((kind) => [kind, entriesOf(kind).length]).filter(([, n]) => n);
byId("first-besides").textContent = besides.length ? t("first.besides", { what: besides.map(([kind, n]) => t(`first.kind.${kind}`, { n })).join(", ") }) : "";
show(byId("first-besides"), besides.length > 0);
}

function noModel() {
if (isReady()) return [t("first.none")];
return server().state === "key" ? [`${t("first.untold")} `, linkTo("first.key.enter", enterKey)] : [t("status.waiting")];
}

function modelRow(name) {
const file = detailsOf(name) ?? {};
const fits = library?.files.find((each) => each.name === name && each.kind === file.kind)?.fits;
const steps = file.defaults?.num_steps;
const facts = [
[file.family?.replaceAll("_", " "), file.variant].filter(Boolean).join(" "),
file.resolution ? t("model.native", { n: file.resolution }) : "",
file.size >= 1e5 ? fileSize(file.size) : "",
file.shipped ? t("model.shipped") : "",
file.place ? t("first.place", { place: file.place }) : "",
file.needs?.includes("img") ? t("first.edits") : "",
steps ? t(steps <= QUICK ? "first.quick" : "first.steps", { n: steps }) : "",
paces.has(name) ? t("first.pace", { time: duration(paces.get(name)) }) : "",
t("first.languages", { names: (file.languages ?? ["en"]).map((one) => t(`first.language.${one}`)).join(", ") }),
fits ? t(fits.way ? (fits.way === "layers" ? "first.slow" : "first.fits") : "first.fits.not") : "",
];
const row = make("li", {}, make("b", { dir: "auto" }, name), ` ${facts.filter(Boolean).join(" · ")}`);
if (fits) row.dataset.how = HOW[fits.way] ?? "bad";
return row;
}

function describeMore() {
const may = library?.changes;
const ways = [];
if (library?.offline) ways.push([t("first.way.offline"), ""]);
else if (may) ways.push([t("first.way.here"), "models"], [t("first.way.command"), "imagine pull NAME"]);
else ways.push([t("first.way.owner"), "imagine pull NAME"]);
ways.push([t("first.way.folder"), "~/.imagine/models"], [t("first.way.carry"), "imagine save NAME -o model.tar"]);
put(byId("first-ways"), ways.map(([text, what]) => make("li", {}, `${text} `, ...(what === "models" ? [linkTo("drawer.models", openModels)] : what ? [make("code", {}, what)] : []))));
const known = library?.offline ? [] : (library?.catalogue ?? []).filter((row) => !row.here);
show(byId("first-known"), known.length > 0);
byId("first-known").textContent = known.length ? t("first.known", { names: known.slice(0, MOST_NAMES).map(({ name }) => name).join(", ") }) : "";
}

const linkTo = (key, act) => make("button", { type: "button", className: "text-button inset", onclick: () => act() }, t(key));

function enterKey() {
byId("first-dialog").close();
openServer(t("error.key"));
}

async function openModels() {
(await drawer("models"))?.openModels();
}

function describeSet({ assistant, moderation: { prompts, own, pictures, problem } }) {
const checked = prompts || own || pictures || remembered("moderation", "") !== "";
const said = [
[assistant ? "good" : "", t(assistant ? "first.assistant" : "first.assistant.none")],
[problem ? "bad" : "", problem ?? t(checked ? "first.checked" : "first.unchecked")],
keySaid(),
];
put(byId("first-set"), said.map(([how, text]) => make("li", how ? { "data-how": how } : {}, text)));
}

function keySaid() {
const key = remembered("key", "") !== "";
if (server().state === "key") return ["bad", t(key ? "error.key.wrong" : "error.key")];
return ["", key ? t("first.key") : isReady() ? t("first.key.none") : t("status.waiting")];
}

function describeTries() {
const own = chosenModel()?.examples ?? {};
const [one, , two, three] = [...(own[language()] ?? Object.values(own)[0] ?? []), ...t("examples")];
const style = presets().find(({ name }) => name === STYLE);
const tries = [[one, t("first.try.one", { prompt: one }), {}]];
if (style) tries.push([two, t("first.try.style", { prompt: two, style: presetTitle(style) }), { preset: STYLE }]);
else tries.push([two, t("first.try.one", { prompt: two }), {}]);
tries.push([three, t("first.try.several", { prompt: three, n: SEVERAL }), { count: SEVERAL }]);
show(byId("first-try-part"), models().length > 0);
put(byId("first-try"), tries.map(([prompt, text, more]) => make("button", { type: "button", className: "chip", onclick: () => fillIn(prompt, more) }, text)));
}

function fillIn(prompt, more) {
const written = byId("f-prompt").value.trim();
const action = undoToNow();
for (const name of ["preset", "count"]) if (control(name)) change(name, more[name]);
change("prompt", prompt);
byId("first-dialog").close();
byId("server-dialog").close();
byId("f-prompt").focus();
if (written && written !== prompt) notice(t("prompt.replaced"), { about: "prompt", action });
}

byId("first-close").addEventListener("click", () => { leave(); byId("f-prompt").focus(); });
byId("first-all").addEventListener("click", openModels);
new MutationObserver(() => { if (isOnStage() && seenBoard() !== null) leave(); }).observe(byId("board"), { attributeFilter: ["hidden"] });
whenLooked(async () => {
if (!isOnStage() && !byId("first-dialog").open) return;
if (library === null && isReady()) return learn(); // it wanted its key, or didn't answer
if (isReady() && !models().length) await learnModels().then(describeChoices, () => {});
return describe();
});
inEveryLanguage(describe);
return { openFirst, greet };
})();
return $drawer;
};
