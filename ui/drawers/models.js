export const build = "d335abcceb8f8c90";
export const texts = {"models.title":["Models","Модели"],"models.get":["Get a model","Добавить модель"],"models.placeholder":["z-image-turbo, owner/repo, civitai:4384","z-image-turbo, owner/repo, civitai:4384"],"models.how":["A name from the catalogue, a repository on Hugging Face, or a page or number on Civitai. Licence and size are shown first.","Имя из каталога, репозиторий на Hugging Face, страница или номер на Civitai. Сначала покажем лицензию и размер."],"models.look":["Look up","Посмотреть"],"models.look.at":["Look up {name}","Посмотреть {name}"],"models.looking":["Looking it up…","Смотрим…"],"models.catalogue":["Catalogue","Каталог"],"models.here":["here already","уже здесь"],"models.busy":["One is being fetched. Wait for it, or cancel it.","Одна модель уже скачивается. Дождитесь конца или остановите скачивание."],"models.nameless":["Say which model.","Укажите модель."],"models.source":["From","Откуда"],"models.licence":["Licence","Лицензия"],"models.licence.none":["not stated","не указана"],"models.size":["To be fetched","Нужно скачать"],"models.all.here":["nothing: all of it is here","ничего: всё уже здесь"],"models.free":["Free on the disk","Свободно на диске"],"models.leave":["Not now","Не сейчас"],"models.fetch":["Agree and fetch {size}","Согласиться и скачать {size}"],"models.take":["Agree and take it","Согласиться и взять"],"models.begun":["Beginning…","Начинаем…"],"models.done":["{name} is here.","Модель {name} скачана."],"models.failed":["It was not fetched: {why}","Скачать не удалось: {why}"],"models.stopped":["Stopped. What came stays: next time it goes on from there.","Остановлено. Скачанное сохранено: в следующий раз продолжим с этого места."],"models.checking":["Checking what came…","Проверяем скачанное…"],"models.so_far":["{done} of {whole} · {n}%","{done} из {whole} · {n} %"],"models.kinds":["Which are shown","Что показывать"],"models.kind.all":["All","Все"],"models.kind.model":["Models","Модели"],"models.kind.lora":["LoRAs","LoRA"],"models.kind.vae":["VAEs","VAE"],"models.kind.text-encoder":["Text encoders","Текстовые кодировщики"],"models.kind.controlnet":["ControlNets","ControlNet"],"models.kind.ip-adapter":["Image adapters","Адаптеры картинок"],"models.kind.embedding":["Embeddings","Эмбеддинги"],"models.kind.upscaler":["Upscalers","Апскейлеры"],"models.kind.unknown":["Others","Прочее"],"models.is.diffusion-model":["denoiser","шумоподавляющая сеть"],"models.is.lora":["LoRA","LoRA"],"models.is.vae":["VAE","VAE"],"models.is.text-encoder":["text encoder","текстовый кодировщик"],"models.is.controlnet":["ControlNet","ControlNet"],"models.is.ip-adapter":["image adapter","адаптер картинок"],"models.is.embedding":["embedding","эмбеддинг"],"models.is.upscaler":["upscaler","апскейлер"],"models.is.unknown":["unknown","неизвестно"],"models.use":["Use","Выбрать"],"models.use.name":["Use {name}","Выбрать {name}"],"models.copy":["Copy","Копировать"],"models.copy.name":["Copy {name}","Копировать {name}"],"models.copy.as":["Name of the copy","Имя копии"],"models.copied":["It is there as {name}, too.","Теперь она есть и под именем {name}."],"models.delete.name":["Delete {name}","Удалить {name}"],"models.delete.what":["This removes {names} and frees {size}.","Будет удалено: {names}; освободится {size}."],"models.delete.stays":["These stay, since other models use them or you brought them: {names}.","Останется, потому что нужно другим моделям или добавлено вами: {names}."],"models.deleted":["{name} is removed.","Модель {name} удалена."],"models.sample":["A picture kept with {name}","Картинка, хранящаяся рядом с {name}"],"models.base":["Based on {name}","На основе {name}"],"models.with":["With {names}","Вместе с {names}"],"models.under":["Licence: {licence}","Лицензия: {licence}"],"models.words":["Trigger words","Слова-триггеры"],"models.notes":["Notes","Заметки"],"models.from":["From {source}","Источник: {source}"],"models.needs":["A picture needs {minimum} of memory at least, {comfortable} for full speed.","На картинку нужно не меньше {minimum} памяти, для полной скорости — {comfortable}."],"models.needs.all":["A picture needs {size} of memory.","На картинку нужно {size} памяти."],"models.fits.all":["Fits this machine.","Помещается на этой машине."],"models.fits.encoders":["Fits: its text encoder waits in main memory.","Помещается: текстовый кодировщик ждёт в оперативной памяти."],"models.fits.stages":["Fits, one network at a time.","Помещается: сети загружаются по одной."],"models.fits.layers":["Fits layer by layer, which is slow.","Помещается только по слоям: медленно."],"models.fits.not":["Doesn’t fit this machine.","На этой машине не поместится."],"models.offline":["This server was told to ask nobody, so nothing can be fetched here.","Серверу запрещено обращаться в сеть, поэтому скачать здесь ничего нельзя."],"models.view_only":["Here you can look around. Models are fetched, copied and removed on the machine itself, or with a key that may do that.","Здесь можно всё посмотреть. Скачивают, копируют и удаляют модели на самой машине или с ключом, которому это разрешено."],"models.empty":["No model is here yet.","Пока нет ни одной модели."]};
export const style = "dialog.drawer{width:min(1080px,calc(100vw - 32px));height:calc(100dvh - 32px);max-height:none;grid-template-rows:auto minmax(0,1fr);padding-bottom:0}\ndialog.drawer > .notices{padding-bottom:var(--s4)}\ndialog.drawer h2,dialog.drawer h3{outline:0;margin:0}\ndialog.drawer h3{font-size:var(--base);font-weight:600;overflow-wrap:anywhere}\n.drawer-body{overflow-y:auto;overscroll-behavior:contain;scrollbar-width:thin;display:grid;grid-template-columns:minmax(0,1fr);align-content:start;gap:var(--s4);margin:0 calc(-1 * var(--s5));padding:2px var(--s5) var(--s5)}\n.models-get{display:grid;gap:var(--s2)}\n.models-get .row{align-items:stretch}\n.rows{display:grid;gap:var(--s2);font-size:var(--small)}\n.rows li{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:2px var(--s3);align-items:center;padding:var(--s2) 0;border-top:1px solid var(--line)}\n.rows b{font-weight:550;overflow-wrap:anywhere}\n.rows .hint{overflow-wrap:anywhere}\n.rows progress{grid-column:1 / -1}\n.pull{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s3);padding:var(--s4);border-radius:12px;background:var(--sunken)}\n.pull .run-text{min-height:1.5em}\n.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:var(--s4)}\n.card{display:flex;flex-direction:column;border:1px solid var(--line);border-radius:14px;overflow:hidden;min-width:0}\n.card-picture{aspect-ratio:16 / 9;display:grid;place-items:center;background:var(--sunken);color:var(--muted);font-size:var(--small);text-transform:capitalize;overflow:hidden}\n.card-picture img{width:100%;height:100%;object-fit:cover}\n.card-plain{display:grid;justify-items:center;gap:var(--s1)}\n.card-plain .icon{width:28px;height:28px}\n.card-about{flex:1;display:grid;grid-template-columns:minmax(0,1fr);align-content:start;gap:var(--s2);padding:var(--s3) var(--s4) var(--s4);font-size:var(--small)}\n.card-about p{overflow-wrap:anywhere}\n.card-fits{position:relative;padding-left:16px}\n.card-fits::before{content:\"\";position:absolute;left:0;top:0.45em;width:8px;height:8px;border-radius:50%;background:var(--edge)}\n.card-fits[data-how=\"good\"]::before{background:var(--good)}\n.card-fits[data-how=\"wait\"]::before{background:var(--wait)}\n.card-fits[data-how=\"bad\"]::before{background:var(--danger)}\n.card-notes{white-space:pre-line}\n.card-words{display:flex;flex-wrap:wrap;gap:4px}\n.card-words code{overflow-wrap:anywhere}\n.card-acts{display:flex;flex-wrap:wrap;gap:6px;padding:0 var(--s4) var(--s4)}\n.card-ask{display:grid;gap:var(--s2);padding:var(--s3) var(--s4) var(--s4);border-top:1px solid var(--line);background:var(--sunken);font-size:var(--small)}\n.card-ask .dialog-actions{justify-content:flex-start;flex-wrap:wrap}\n\n@media (max-width:860px){\ndialog.drawer{width:100vw;max-width:none;height:100dvh;margin:0;border:0;border-radius:0}\n.drawer-body{margin:0 calc(-1 * var(--s4));padding:2px var(--s4) var(--s4)}\n.cards{grid-template-columns:minmax(0,1fr)}\n}\n";
export const tree = [["dialog",{"id":"models-dialog","class":"drawer","aria-labelledby":"models-title"},["div",{"class":"label-row"},["h2",{"id":"models-title","tabindex":"-1","data-t":"models.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"drawer-body"},["p",{"class":"error","id":"models-error","role":"alert","hidden":""}],["form",{"id":"models-get","class":"models-get","novalidate":"","autocomplete":"off","hidden":""},["div",{"class":"field"},["label",{"for":"models-name","data-t":"models.get"}],["div",{"class":"row"},["input",{"type":"text","id":"models-name","class":"grow","list":"models-known","spellcheck":"false","autocapitalize":"off","aria-describedby":"models-how models-get-error","data-t-placeholder":"models.placeholder"}],["button",{"type":"submit","class":"button small","id":"models-look","data-t":"models.look"}]],["datalist",{"id":"models-known"}],["p",{"class":"hint","id":"models-how","data-t":"models.how"}],["p",{"class":"error","id":"models-get-error","role":"alert","hidden":""}]],["details",{"class":"fold","id":"models-catalogue"},["summary",{"data-t":"models.catalogue"}],["ul",{"class":"rows","id":"models-rows"}]]],["section",{"class":"pull","id":"models-plan","aria-labelledby":"models-plan-title","hidden":""},["h3",{"id":"models-plan-title","tabindex":"-1","dir":"auto"}],["dl",{"class":"facts","id":"models-plan-facts"}],["ul",{"class":"rows","id":"models-plan-files"}],["ul",{"class":"warnings","id":"models-plan-warnings","hidden":""}],["p",{"class":"run-text","id":"models-plan-said"}],["div",{"class":"dialog-actions"},["button",{"type":"button","class":"button small","id":"models-leave"}],["button",{"type":"button","class":"button small primary","id":"models-fetch"}]]],["p",{"class":"hint","id":"models-view-only","hidden":""}],["div",{"class":"chips","role":"group","id":"models-kinds","data-t-aria-label":"models.kinds"}],["ul",{"class":"cards","id":"models-cards"}],["p",{"class":"hint","id":"models-empty","data-t":"models.empty","hidden":""}]]]];
export const start = ({ $api, $choices, $dom, $form, $i18n, $notices, $offers, $pictures }) => {

const $files = (() => {

const { ask, blobAt } = $api;

const path = (name) => name.split("/").map(encodeURIComponent).join("/");

async function learnFiles() {
const [models, about] = await Promise.all([ask("/models"), ask("/library")]);
const more = new Map(about.files.map((file) => [`${file.kind} ${file.name}`, file]));
const all = [...models.details, ...models.others].filter((file) => !file.kind.startsWith("safety"));
return { about, files: all.map((file) => ({ ...file, loads: models.models.includes(file.name), ...more.get(`${file.kind} ${file.name}`), licence: more.get(`${file.kind} ${file.name}`)?.licence || file.licence })) };
}

const previewOf = (file) => blobAt(`/library/${path(file.name)}/preview?kind=${encodeURIComponent(file.kind)}`);
const removalOf = (file) => ask(`/library/${path(file.name)}/removal`);
return { learnFiles, previewOf, removalOf };
})();

const $cards = (() => {

const { send, ServerError } = $api;
const { byId, icon, make } = $dom;
const { fileSize, hasText, language, t } = $i18n;
const { notice } = $notices;
const { thumbnail } = $pictures;
const { previewOf, removalOf } = $files;

const HOW = { all: "good", encoders: "good", stages: "good", layers: "wait" };
const SIDE = 640;
const pictures = new Map();

function cardOf(file, { changes, changed, use }) {
const acts = make("div", { className: "card-acts" });
const card = make("li", { className: "card" }, pictureOf(file), aboutOf(file), acts);
const ask = (box) => { card.querySelector(".card-ask")?.remove(); if (box) card.append(box); };
let asker = null;
const back = () => { ask(null); asker.focus(); };
if (file.loads) acts.append(button(t("models.use"), t("models.use.name", { name: file.name }), () => use(file.name)));
if (changes && file.removable) {
const copies = button(t("models.copy"), t("models.copy.name", { name: file.name }), () => { asker = copies; ask(copyBox(file, changed, back)); });
const removes = button(t("do.delete"), t("models.delete.name", { name: file.name }), async () => { asker = removes; ask(await removalBox(file, changed, back)); });
acts.append(copies, removes);
card.addEventListener("keydown", (event) => {
if (event.key !== "Escape" || !card.querySelector(".card-ask")) return;
event.preventDefault();
event.stopPropagation();
back();
});
}
if (!acts.children.length) acts.remove();
return card;
}

const button = (text, label, onclick) => make("button", { type: "button", className: "button small", "aria-label": label, onclick }, text);

function pictureOf(file) {
const room = make("div", { className: "card-picture" });
const plain = make("span", { className: "card-plain" }, icon("image"), make("span", {}, familyOf(file) || kindName(file.kind)));
room.append(plain);
if (!file.preview) return room;
const key = pictureKey(file);
if (!pictures.has(key)) pictures.set(key, smallPicture(file).catch(() => { pictures.delete(key); }));
pictures.get(key).then((url) => { if (url) plain.replaceWith(make("img", { src: url, alt: t("models.sample", { name: file.name }), decoding: "async" })); });
return room;
}

const pictureKey = (file) => `${file.kind} ${file.name} ${file.modified}`;

async function smallPicture(file) {
const { thumb } = await thumbnail(await previewOf(file), SIDE);
return URL.createObjectURL(thumb);
}

function keepPictures(files) {
const there = new Set(files.map(pictureKey));
for (const [key, picture] of pictures) {
if (there.has(key)) continue;
pictures.delete(key);
picture.then((url) => { if (url) URL.revokeObjectURL(url); });
}
}

const familyOf = (file) => (file.family ?? "").replaceAll("_", " ");
const kindName = (kind) => (hasText(`models.is.${kind}`) ? t(`models.is.${kind}`) : kind.replaceAll("-", " "));

function aboutOf(file) {
const made = file.made ?? {};
const facts = [file.kind === "checkpoint" ? "" : kindName(file.kind), familyOf(file), file.variant, file.size >= 1e5 && !made.from ? fileSize(file.size) : "", file.shipped ? t("model.shipped") : "", file.loaded ? t("model.loaded") : ""];
const lines = [make("h3", { dir: "auto" }, file.name), make("p", { className: "hint" }, facts.filter(Boolean).join(" · "))];
if (made.description) lines.push(make("p", { dir: "auto" }, made.description));
if (made.from) lines.push(make("p", { dir: "auto" }, t("models.base", { name: made.from })));
if (made.loras?.length) lines.push(make("p", { dir: "auto" }, t("models.with", { names: made.loras.map((one) => `${one.name} ${one.weight}`).join(", ") })));
if (file.problem) lines.push(make("p", { className: "card-fits", "data-how": "bad", dir: "auto" }, `${file.problem.charAt(0).toLocaleUpperCase(language())}${file.problem.slice(1)}.`));
else if (file.fits) lines.push(fitsOf(file.fits));
if (file.licence) lines.push(make("p", { className: "hint", dir: "auto" }, t("models.under", { licence: file.licence })));
if (file.triggers?.length) lines.push(make("div", {}, make("p", { className: "hint" }, t("models.words")), make("div", { className: "card-words" }, ...file.triggers.slice(0, 12).map((word) => make("code", { dir: "auto" }, word)))));
if (file.notes) lines.push(make("details", { className: "fold" }, make("summary", {}, t("models.notes")), make("p", { className: "card-notes hint", dir: "auto" }, file.notes)));
if (file.source) lines.push(make("p", { className: "hint", dir: "auto" }, t("models.from", { source: file.source })));
return make("div", { className: "card-about" }, ...lines);
}

function fitsOf({ way, minimum, comfortable }) {
const [least, enough] = [fileSize(minimum), fileSize(comfortable)];
const needs = comfortable > minimum && least !== enough ? t("models.needs", { minimum: least, comfortable: enough }) : t("models.needs.all", { size: least });
return make("p", { className: "card-fits", "data-how": HOW[way] ?? "bad" }, `${t(way ? `models.fits.${way}` : "models.fits.not")} ${needs}`);
}

function copyBox(file, changed, done) {
const id = `models-copy-${Math.random().toString(36).slice(2)}`;
const input = make("input", { type: "text", id, value: `${file.name}-2`, spellcheck: false, autocomplete: "off" });
return askBox([make("div", { className: "field" }, make("label", { htmlFor: id }, t("models.copy.as")), input)], t("models.copy"), done, async () => {
await send("POST", "/api/copy", { source: file.name, destination: input.value.trim() });
notice(t("models.copied", { name: input.value.trim() }), { about: "models" });
done();
await changed();
});
}

async function removalBox(file, changed, done) {
let told;
try {
told = await removalOf(file);
} catch (error) {
if (!(error instanceof ServerError)) throw error;
return askBox([make("p", { className: "error", role: "alert" }, error.words)], null, done);
}
const sentences = [t("models.delete.what", { names: told.removes.map((one) => one.name).join(", "), size: fileSize(told.frees) }), told.keeps.length ? t("models.delete.stays", { names: told.keeps.join(", ") }) : ""];
return askBox(sentences.filter(Boolean).map((one) => make("p", { dir: "auto" }, one)), t("do.delete"), done, async () => {
await send("DELETE", "/api/delete", { model: file.name });
notice(t("models.deleted", { name: file.name }), { about: "models" });
await changed();
byId("models-title").focus();
});
}

function askBox(parts, text, done, act) {
const error = make("p", { className: "error", role: "alert", hidden: true });
const back = make("button", { type: "button", className: "button small", onclick: done }, t("models.leave"));
const box = make("div", { className: "card-ask", role: "group" }, ...parts, error);
const row = make("div", { className: "dialog-actions" }, back);
if (act) {
const go = make("button", { type: "button", className: "button small primary" }, text);
go.onclick = async () => {
go.disabled = true;
try {
await act();
} catch (failure) {
if (!(failure instanceof ServerError)) throw failure;
error.textContent = failure.words;
error.hidden = false;
go.disabled = false;
go.focus();
}
};
row.prepend(go);
box.addEventListener("keydown", (event) => {
if (event.key !== "Enter" || !event.target.matches("input")) return;
event.preventDefault();
go.click();
});
}
box.append(row);
queueMicrotask(() => (box.querySelector("input") ?? back).focus());
return box;
}
return { cardOf, keepPictures };
})();

const $get = (() => {

const { post, pull, ServerError } = $api;
const { byId, make, show, tell } = $dom;
const { allWorded, duration, fileSize, inEveryLanguage, number, t } = $i18n;
const { notice } = $notices;

const PACE = 3000;
let plan = null;
let pulling = null;
let looking = null;
let changed = () => {};

function startGet(onChange) {
changed = onChange;
byId("models-get").addEventListener("submit", (event) => { event.preventDefault(); look(); });
byId("models-name").addEventListener("input", () => say(""));
byId("models-fetch").addEventListener("click", fetchIt);
byId("models-leave").addEventListener("click", leave);
inEveryLanguage(describe);
}

function offerCatalogue(rows) {
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
return { startGet, offerCatalogue };
})();

const $drawer = (() => {

const { ServerError } = $api;
const { describeChoices } = $choices;
const { all, byId, make, openDialog, press, show } = $dom;
const { change } = $form;
const { hasText, inEveryLanguage, language, t } = $i18n;
const { learnModels } = $offers;
const { cardOf, keepPictures } = $cards;
const { learnFiles } = $files;
const { offerCatalogue, startGet } = $get;

const EVERY = 4000;
let found = null;
let kind = ""; // which are shown; "" is all
let timer = null;
let looks = 0;
const cards = new Map();

async function openModels() {
openDialog(byId("models-dialog"));
byId("models-title").focus();
await look();
}

async function look() {
clearTimeout(timer);
const mine = ++looks;
let [told, error] = [null, ""];
try {
told = await learnFiles();
} catch (failure) {
if (!(failure instanceof ServerError)) throw failure;
error = failure.words;
}
if (mine !== looks) return;
say(error);
found = told ?? found;
if (found) describe();
if (byId("models-dialog").open) timer = setTimeout(() => (document.hidden ? again() : look()), EVERY);
}

function again() {
document.addEventListener("visibilitychange", () => { if (byId("models-dialog").open) look(); }, { once: true });
}

async function changed() {
await look();
await learnModels().then(describeChoices, () => {});
}

async function use(name) {
byId("models-dialog").close();
await learnModels().then(describeChoices, () => {});
change("model", name);
byId("f-prompt").focus();
}

function describe() {
const { about, files } = found;
show(byId("models-get"), about.changes && !about.offline);
const why = about.changes ? (about.offline ? "models.offline" : "") : "models.view_only";
byId("models-view-only").textContent = why ? t(why) : "";
show(byId("models-view-only"), why !== "");
offerOnce(about.catalogue);
const kinds = [...new Set(files.map(groupOf))].sort();
if (kind && !kinds.includes(kind)) kind = "";
offerKinds(kinds);
const shown = files.filter((file) => !kind || groupOf(file) === kind).map((file) => card(file, about));
arrange(byId("models-cards"), shown);
show(byId("models-empty"), files.length === 0);
const there = new Set(files.map(keyOf));
for (const key of cards.keys()) if (!there.has(key)) cards.delete(key);
keepPictures(files);
}

function arrange(list, shown) {
if (shown.length === list.children.length && shown.every((each, at) => list.children[at] === each)) return;
const focused = list.contains(document.activeElement) ? document.activeElement : null;
list.replaceChildren(...shown);
if (!focused) return;
const alike = all("button", list).find((one) => one.ariaLabel && one.ariaLabel === focused.ariaLabel);
(focused.isConnected ? focused : (alike ?? byId("models-title"))).focus({ preventScroll: true });
}

const groupOf = (file) => (file.loads || file.kind === "checkpoint" || file.kind === "diffusion-model" ? "model" : file.kind);

let catalogued = "";
function offerOnce(rows) {
const now = language() + JSON.stringify(rows);
if (now === catalogued) return;
catalogued = now;
offerCatalogue(rows);
}

function offerKinds(kinds) {
const wanted = ["", ...kinds];
const text = (name) => t(name === "" ? "models.kind.all" : hasText(`models.kind.${name}`) ? `models.kind.${name}` : name);
const row = byId("models-kinds");
show(row, kinds.length > 1);
if (row.dataset.made !== language() + wanted) {
row.dataset.made = language() + wanted;
row.replaceChildren(...wanted.map((name) => make("button", { type: "button", className: "chip", "data-kind": name, onclick: () => { kind = name; describe(); } }, text(name))));
}
for (const chip of row.children) press(chip, chip.dataset.kind === kind);
}

const keyOf = (file) => `${file.kind} ${file.name}`;

function card(file, { changes }) {
const key = keyOf(file);
const { loaded, ...rest } = file;
const now = `${language()} ${changes} ${Boolean(loaded)} ${JSON.stringify(rest)}`;
const before = cards.get(key);
if (before && (before.made === now || before.element.querySelector(".card-ask"))) return before.element;
const element = cardOf(file, { changes, changed, use });
cards.set(key, { made: now, element });
return element;
}

function say(sentence) {
if (byId("models-error").textContent === sentence) return;
byId("models-error").textContent = sentence;
show(byId("models-error"), sentence !== "");
}

startGet(changed);
byId("models-dialog").addEventListener("close", () => clearTimeout(timer));
inEveryLanguage(() => { if (found) describe(); });
return { openModels };
})();
return $drawer;
};
