export const build = "d335abcceb8f8c90";
export const texts = {"styles.title":["Styles","Стили"],"styles.search":["Search styles","Найти стиль"],"styles.found":["{n, plural, one:# style|other:# styles}","{n, plural, one:# стиль|few:# стиля|many:# стилей|other:# стиля}"],"styles.none":["No style has these words.","Таких стилей нет."],"styles.plain":["The prompt as it is written.","Описание остаётся как есть."],"styles.not":["not: {words}","не рисовать: {words}"],"styles.mine":["Mine","Мой"],"styles.mine.said":["One of your own.","Ваш собственный."],"styles.keep":["Keep the current settings as a style","Сохранить настройки как стиль"],"styles.keep.title":["The words behind the subject, what isn’t to be seen, settings and LoRAs","Слова после сюжета, чего не рисовать, настройки и LoRA"],"styles.kept":["Kept as {name}.","Сохранено как «{name}»."],"styles.kept.title":["Kept. What should it be called?","Сохранено. Как назвать?"],"styles.new":["My style","Мой стиль"],"styles.nothing":["There is nothing to keep yet: write how it should look behind the subject, after a comma, or set something.","Сохранять пока нечего: напишите через запятую после сюжета, как должно выглядеть, или измените настройки."],"styles.most":["There is room for {n} styles of your own; delete some first.","Своих стилей может быть не больше {n}: сначала удалите лишние."],"styles.full":["The browser has no room for your styles: they last until the page is closed.","В браузере не хватает места: ваши стили исчезнут, когда страница закроется."],"styles.change":["Change","Изменить"],"styles.change.title":["Change {name}","Изменить «{name}»"],"styles.name":["Name","Название"],"styles.before":["Words before the prompt","Слова перед описанием"],"styles.after":["Words behind the prompt","Слова после описания"],"styles.also":["Also part of the style","Тоже входит в стиль"],"styles.done":["Done","Готово"],"styles.leave":["Cancel","Не менять"],"styles.asis":["Leave it so","Оставить так"],"styles.nameless":["A style needs a name.","У стиля должно быть название."],"styles.taken":["There is a style called {name} already.","Стиль «{name}» уже есть."],"styles.delete":["Delete","Удалить"],"styles.deleted":["{name} is deleted.","Стиль «{name}» удалён."],"styles.files":["File","Файл"],"styles.export":["Save my styles to a file","Сохранить мои стили в файл"],"styles.import":["Take styles from a file","Взять стили из файла"],"styles.export.none":["You have no styles of your own yet.","Своих стилей пока нет."],"styles.import.not":["{name} is no JSON file of at most 1 MB.","{name}: это не файл JSON размером до 1 МБ."],"styles.import.none":["{name} holds no styles.","В файле {name} нет стилей."],"styles.import.same":["{n, plural, one:# was|other:# were} here already.","{n, plural, one:# стиль уже был|few:# стиля уже были|many:# стилей уже было|other:# стиля уже были} здесь."],"styles.import.wrong":["{name} was left out. {why}","Стиль «{name}» пропущен. {why}"],"styles.import.unknown":["{name}: not known here and left out: {names}","«{name}»: здесь такого нет, пропущено: {names}"],"styles.import.long":["{field}: at most {n} characters.","{field}: не больше {n} символов."],"styles.import.text":["{field} must be text.","{field}: здесь нужен текст."],"styles.import.number":["{field} must be a number.","{field}: здесь нужно число."],"styles.import.field":["{field}: {why}","{field}: {why}"],"styles.import.loras":["LoRAs must be at most {n} names with weights from −4 to 4.","LoRA: не больше {n} названий с весами от −4 до 4."],"styles.imported":["{n, plural, one:# style was|other:# styles were} taken from the file.","Из файла {n, plural, one:взят # стиль|few:взяты # стиля|many:взято # стилей|other:взято # стиля}."],"styles.lacking":["{n, plural, one:# style has|other:# styles have} no picture by {model} yet.","{n, plural, one:# стиль пока|few:# стиля пока|many:# стилей пока|other:# стиля пока} без картинки от модели {model}."],"styles.time":["Making them takes about {time}.","Рисование займёт примерно {time}."],"styles.time.unknown":["How long it takes is told after the first.","Сколько это займёт, станет ясно после первой."],"styles.minutes":["{n} min","{n} мин"],"styles.make":["Make the pictures","Нарисовать"],"styles.making":["Pictures of the styles","Картинки стилей"],"styles.begun":["{n, plural, one:# picture is|other:# pictures are} being made.","Рисуем {n, plural, one:# картинку|few:# картинки|many:# картинок|other:# картинки}."],"styles.so_far":["{n} of {count}","{n} из {count}"],"styles.waits":["waits for your own pictures","ждёт, пока готовятся ваши картинки"],"styles.behind":["Your own pictures go first, and this goes on while the page is open.","Ваши картинки рисуются раньше. Окно стилей можно закрыть: работа продолжится, пока открыта страница."],"styles.made":["{n, plural, one:# picture of styles is|other:# pictures of styles are} there.","{n, plural, one:Готова # картинка|few:Готовы # картинки|many:Готово # картинок|other:Готово # картинки} стилей."],"styles.failed":["{n, plural, one:# could|other:# could} not be made ({names}): {why}","Не удалось нарисовать {n, plural, one:# картинку|few:# картинки|many:# картинок|other:# картинки} ({names}): {why}"],"preset.photo.about":["A photograph with natural light.","Снимок при естественном свете."],"preset.cinematic.about":["A still from a film.","Кадр из фильма."],"preset.watercolor.about":["A loose watercolor on rough paper.","Свободная акварель на шероховатой бумаге."],"preset.oil-painting.about":["Oil on canvas, with visible brushwork.","Холст, масло, заметные мазки."],"preset.pencil-sketch.about":["A pencil drawing in shades of grey.","Карандашный рисунок в оттенках серого."],"preset.ink.about":["Black ink, brush and pen.","Чёрная тушь, кисть и перо."],"preset.anime.about":["A frame of an animated series.","Кадр из аниме-сериала."],"preset.comic.about":["A panel of a printed comic.","Кадр из печатного комикса."],"preset.pixel-art.about":["Large pixels and few colors.","Крупные пиксели, мало цветов."],"preset.low-poly.about":["A scene of few flat facets.","Сцена из немногих плоских граней."],"preset.paper-cut.about":["Layers of cut paper.","Слои вырезанной бумаги."],"preset.line-art.about":["Outlines alone, to print and color in.","Одни контуры: распечатать и раскрасить."],"preset.product.about":["One thing on a plain ground, as in a catalogue.","Вещь на ровном фоне, как в каталоге."],"preset.night.about":["After dark, by the light of lamps and signs.","После заката, при свете фонарей и вывесок."],"preset.vivid.about":["Dramatic and intense; what OpenAI’s API calls style “vivid”.","Насыщенно и драматично; в API OpenAI это стиль vivid."],"preset.natural.about":["Plain and lifelike; what OpenAI’s API calls style “natural”.","Просто и жизненно; в API OpenAI это стиль natural."],"preset.watercolor_family.about":["A gentle watercolor, for pictures of people who belong together.","Нежная акварель для портретов близких людей."],"preset.disney_style.about":["Hand-drawn animation of the classic fairy-tale kind.","Классическая рисованная анимация."],"preset.family_friendly.about":["Bright, friendly and safe for children.","Ярко и по-доброму, без страшного и жестокого."],"preset.family_photo.about":["A warm photograph of a family.","Тёплая семейная фотография."],"preset.anime_professional.about":["Anime with the finish of a film.","Тщательно проработанное аниме, как в кино."]};
export const style = "dialog.styles{width:min(1080px,calc(100vw - 32px));height:calc(100dvh - 32px);max-height:none;grid-template-rows:auto auto minmax(0,1fr) auto;gap:var(--s3);padding-bottom:0}\ndialog.styles h2{outline:0}\ndialog.styles > .notices{padding-bottom:var(--s4)}\n.styles-tools{display:flex;flex-wrap:wrap;align-items:center;gap:var(--s2)}\n.styles-tools input{flex:1 1 200px}\n.styles-body{overflow-y:auto;overscroll-behavior:contain;scrollbar-width:thin;display:grid;grid-template-columns:minmax(0,1fr);align-content:start;gap:var(--s4);margin:0 calc(-1 * var(--s5));padding:4px var(--s5) var(--s4)}\n.styles-edit{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s3);padding:var(--s4);border-radius:12px;background:var(--sunken)}\n.styles-edit h3{margin:0;font-size:var(--base);font-weight:600;overflow-wrap:anywhere}\n.styles-edit .two{margin:0}\n.styles-edit .two > .field{align-items:start;margin:0}\n.styles-edit .chip{background:var(--surface);border-color:var(--line);min-height:32px;max-width:100%;padding-block:4px;overflow-wrap:anywhere;text-align:left}\n.styles-edit .chip[aria-pressed=\"true\"]{background:var(--strong)}\n.styles-edit .chip[aria-pressed=\"false\"]{color:var(--muted);text-decoration:line-through}\n#styles-also .hint{margin-bottom:var(--s1)}\n.styles-make{display:grid;gap:6px}\n.styles-make .run-text{align-items:center;flex-wrap:wrap;min-height:var(--control)}\n.styles-make .run-text > span{flex:1 1 16em;color:var(--muted)}\n.styles-grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(136px,1fr));gap:var(--s3)}\n.style-card{position:relative;display:grid;grid-template-columns:minmax(0,1fr);align-content:start;gap:6px;padding:4px;border-radius:14px;text-align:center;font-size:var(--small)}\n.style-picture{position:relative;display:grid;place-items:center;aspect-ratio:1;border-radius:11px;overflow:hidden;background:var(--sunken);color:var(--edge)}\n.style-picture > .icon{width:26px;height:26px;opacity:0.55}\n.style-picture img{position:absolute;inset:0;width:100%;height:100%;object-fit:cover}\n.style-picture:has(img:not([hidden])) > .icon{display:none}\n.style-card.making .style-picture::before{content:\"\";position:absolute;inset:0;background:linear-gradient(100deg,transparent 30%,color-mix(in srgb,var(--surface) 60%,transparent) 50%,transparent 70%);background-size:300% 100%;animation:glimmer 2.4s linear infinite}\n.style-name{overflow-wrap:anywhere;padding:0 2px 2px;line-height:1.3}\n.style-card:hover .style-name{color:var(--accent)}\n.style-chosen{position:absolute;top:8px;right:8px;display:none;place-items:center;width:24px;height:24px;border-radius:50%;background:var(--accent);color:var(--surface);box-shadow:0 0 0 2px var(--surface)}\n.style-chosen .icon{width:16px;height:16px;stroke-width:2.4}\n.style-card[aria-checked=\"true\"]{background:var(--accent-soft);box-shadow:0 0 0 2px var(--accent)}\n.style-card[aria-checked=\"true\"] .style-name{color:var(--accent);font-weight:600}\n.style-card[aria-checked=\"true\"] .style-chosen{display:grid}\n.style-mine{position:absolute;top:11px;left:11px;padding:1px 8px;border-radius:9px;background:var(--veil);color:var(--text);font-size:0.6875rem;font-weight:600}\n.styles-foot{display:flex;align-items:center;gap:var(--s2);min-height:66px;margin:0 calc(-1 * var(--s5));padding:var(--s2) var(--s5) var(--s3);border-top:1px solid var(--line)}\n.styles-foot p{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}\n.styles-foot b{font-weight:600}\n.styles-foot span{color:var(--muted)}\n\n@media (max-width:860px){\ndialog.styles{width:100vw;max-width:none;height:100dvh;margin:0;border:0;border-radius:0}\n.styles-body,.styles-foot{margin:0 calc(-1 * var(--s4));padding-inline:var(--s4)}\n.styles-grid{grid-template-columns:repeat(2,minmax(0,1fr));gap:var(--s2)}\n.styles-tools input{flex-basis:100%}\n.styles-tools .button{flex:1;white-space:normal;line-height:1.25}\n.styles-edit .two{grid-template-columns:minmax(0,1fr)}\n.styles-foot{flex-wrap:wrap}\n.styles-foot > .grow{flex-basis:100%}\n.styles-foot p.hint{white-space:normal;display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2}\n}\n@media (forced-colors:active){\n.style-card[aria-checked=\"true\"]{outline:3px solid Highlight;outline-offset:-3px}\n}\n";
export const tree = [["dialog",{"id":"styles-dialog","class":"styles","aria-labelledby":"styles-title"},["div",{"class":"label-row"},["h2",{"id":"styles-title","tabindex":"-1","data-t":"styles.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"styles-tools"},["input",{"type":"search","id":"styles-search","autocomplete":"off","spellcheck":"false","aria-controls":"styles-grid","data-t-placeholder":"styles.search","data-t-aria-label":"styles.search"}],["button",{"type":"button","class":"button small","id":"styles-keep","data-t":"styles.keep","data-t-title":"styles.keep.title"}],["details",{"class":"menu","id":"styles-menu"},["summary",{"class":"text-button","data-t":"styles.files"}],["div",{"class":"menu-items"},["button",{"type":"button","id":"styles-export","data-t":"styles.export"}],["button",{"type":"button","id":"styles-import","data-t":"styles.import"}]]],["input",{"type":"file","id":"styles-file","accept":".json,application/json","data-t-aria-label":"styles.import","hidden":""}]],["div",{"class":"styles-body","id":"styles-body"},["p",{"class":"error","id":"styles-error","role":"alert","hidden":""}],["form",{"id":"styles-edit","class":"styles-edit","novalidate":"","autocomplete":"off","aria-labelledby":"styles-edit-title","hidden":""},["h3",{"id":"styles-edit-title"}],["div",{"class":"field"},["label",{"for":"styles-name","data-t":"styles.name"}],["input",{"type":"text","id":"styles-name","maxlength":"200","dir":"auto","aria-describedby":"styles-name-error"}],["p",{"class":"error","id":"styles-name-error","role":"alert","hidden":""}]],["div",{"class":"grid two"},["div",{"class":"field"},["label",{"for":"styles-before","data-t":"styles.before"}],["textarea",{"id":"styles-before","rows":"1","maxlength":"4000","dir":"auto"}]],["div",{"class":"field"},["label",{"for":"styles-after","data-t":"styles.after"}],["textarea",{"id":"styles-after","rows":"1","maxlength":"4000","dir":"auto"}]]],["div",{"class":"field"},["label",{"for":"styles-neg","data-t":"field.neg"}],["textarea",{"id":"styles-neg","rows":"1","maxlength":"4000","dir":"auto"}]],["div",{"class":"field","id":"styles-also","role":"group","aria-labelledby":"styles-also-title"},["p",{"class":"hint","id":"styles-also-title","data-t":"styles.also"}],["div",{"class":"chips","id":"styles-chips"}]],["div",{"class":"dialog-actions"},["button",{"type":"button","class":"button small","id":"styles-leave","data-t":"styles.leave"}],["button",{"type":"submit","class":"button small primary","data-t":"styles.done"}]]],["div",{"class":"styles-make","id":"styles-make","hidden":""},["p",{"class":"run-text"},["span",{"id":"styles-make-text"}],["button",{"type":"button","class":"text-button inset","id":"styles-make-stop","data-t":"cancel","hidden":""}],["button",{"type":"button","class":"button small","id":"styles-make-go","data-t":"styles.make"}]],["progress",{"id":"styles-make-bar","max":"1","data-t-aria-label":"styles.making","hidden":""}],["p",{"class":"hint","id":"styles-make-more","hidden":""}]],["div",{"class":"styles-grid","id":"styles-grid","role":"radiogroup","aria-labelledby":"styles-title"}],["p",{"class":"hint","id":"styles-none","data-t":"styles.none","hidden":""}]],["div",{"class":"styles-foot","id":"styles-foot"},["div",{"class":"grow"},["p",{},["b",{"id":"styles-foot-name","dir":"auto"}]," ",["span",{"id":"styles-foot-about","dir":"auto"}]],["p",{"class":"hint","id":"styles-foot-words","dir":"auto"}]],["button",{"type":"button","class":"button small","id":"styles-change","data-t":"styles.change","hidden":""}],["button",{"type":"button","class":"button small","id":"styles-delete","data-t":"styles.delete","hidden":""}]]],["svg",{"class":"sprite","aria-hidden":"true"},["symbol",{"id":"i-styles-chosen","viewBox":"0 0 20 20"},["path",{"d":"M5 10.500l3.500 3.500L15 6.500"}]]]];
export const start = ({ $api, $choices, $collection, $controls, $database, $dom, $form, $i18n, $memory, $notices, $numbers, $offers, $pictures, $queue, $stage, $styled }) => {

const $own = (() => {

const { control } = $controls;
const { freshId, get, put, take } = $database;
const { tell } = $dom;
const { change, settings } = $form;
const { seenOf } = $collection;
const { t } = $i18n;
const { notice } = $notices;
const { chosenPreset, keepStyles, ownStyles, presets } = $offers;
const { thumbnail } = $pictures;
const { chosenEntry } = $stage;

const MOST = 200;
const SIDE = 256;
const SET = ["num_steps", "guidance", "true_cfg", "sampler", "schedule", "width", "height", "model"];
const WITHOUT = ["model"];
const listeners = [];
const pictured = new Map();

const whenKept = (act) => listeners.push(act);
const ownPicture = ({ id }) => pictured.get(id);
const ownKey = ({ id }) => JSON.stringify(["style of one's own", id]);

async function learnOwnPictures() {
for (const one of ownStyles()) {
const blob = pictured.get(one.id) ?? (await get("thumbs", ownKey(one)).catch(() => undefined));
if (blob) pictured.set(one.id, blob);
}
}

function keepList(list) {
if (!keepStyles(list)) notice(t("styles.full"), { about: "styles", bad: true });
for (const act of listeners) act();
}

function keepOne(one) {
const list = ownStyles();
const there = list.findIndex(({ id }) => id === one.id);
keepList(there < 0 ? [one, ...list] : list.with(there, one));
}

function freeName(name, among = presets()) {
const taken = new Set(among.map((one) => one.name));
for (let n = 2, other = name; ; n += 1) {
if (!taken.has(other)) return other;
other = `${name.slice(0, 190)} ${n}`;
}
}

async function keepForm() {
const one = styleFrom(settings());
const { id, own, name, ...says } = one;
if (!Object.keys(says).length) return { error: t("styles.nothing") };
if (ownStyles().length >= MOST) return { error: t("styles.most", { n: MOST }) };
const seen = chosenEntry() && (await seenOf(chosenEntry()).catch(() => undefined));
if (seen) pictured.set(one.id, (await thumbnail(seen, SIDE)).thumb);
keepOne(one);
await keepPicture(one);
tell(t("styles.kept", { name: one.name }));
return { kept: one };
}

async function keepPicture(one) {
const seen = pictured.get(one.id);
if (seen) await put("thumbs", ownKey(one), seen).catch(() => {});
}

function styleFrom(said) {
const base = chosenPreset() ?? {};
const [, ...words] = phrases(said.prompt ?? "");
const set = SET.filter((name) => !WITHOUT.includes(name)).map((name) => [name, said[name] ?? base[name]]);
const loras = [...(said.loras ?? []), ...listed(base.loras).filter(({ name }) => !said.loras?.some((lora) => lora.name === name))];
const one = {
id: freshId(), own: true, name: freeName(t("styles.new")), prompt_prefix: base.prompt_prefix,
prompt_suffix: [base.prompt_suffix?.trim(), ...words].filter(Boolean).join(", "), neg: said.neg ?? base.neg, ...Object.fromEntries(set), loras: loras.length ? loras : undefined,
};
return bare(one);
}

const bare = (one) => Object.fromEntries(Object.entries(one).filter(([, value]) => value !== undefined && value !== null && value !== ""));

function listed(said) {
if (!said) return [];
const list = Array.isArray(said) ? said : typeof said === "string" ? [said] : Object.entries(said).map(([name, weight]) => ({ name, weight }));
return list.map((one) => (typeof one === "string" ? { name: one, weight: 1 } : { weight: 1, ...one }));
}

function phrases(prompt) {
const found = [""];
let depth = 0;
for (const part of prompt.split(/(<[^<>]*>|[()[\],])/)) {
if (part.startsWith("<")) found.push(part, "");
else if (part === "," && depth === 0) found.push("");
else {
depth += part === "(" || part === "[" ? 1 : part === ")" || part === "]" ? -1 : 0;
found[found.length - 1] += part;
}
}
const [subject, ...rest] = found.map((part) => part.trim());
return [subject, ...rest.filter(Boolean)];
}

function deleteStyle(name) {
const before = ownStyles();
const place = before.findIndex((one) => one.name === name);
const one = before[place];
const wasChosen = control("preset").value === name;
const taken = take("thumbs", ownKey(one)).catch(() => undefined);
keepList(before.toSpliced(place, 1));
if (wasChosen) change("preset", "");
const act = async () => {
const back = { ...one, name: freeName(one.name, ownStyles()) };
const seen = pictured.get(one.id) ?? (await taken);
if (seen) pictured.set(one.id, seen);
keepList(ownStyles().toSpliced(place, 0, back));
if (wasChosen && !control("preset").value) change("preset", back.name);
await keepPicture(one);
};
notice(t("styles.deleted", { name }), { about: "styles", action: { text: t("undo"), act, undo: true } });
}

return { MOST, SIDE, SET, whenKept, ownPicture, ownKey, learnOwnPictures, keepList, keepOne, freeName, keepForm, bare, listed, deleteStyle };
})();

const $edit = (() => {

const { control, nameOf } = $controls;
const { byId, make, press, show } = $dom;
const { change } = $form;
const { t } = $i18n;
const { written } = $numbers;
const { presets } = $offers;
const { bare, keepOne, listed, SET } = $own;

let edited = null;
let then = () => {};

function startEdit(one, { fresh, done }) {
[edited, then] = [one, done];
byId("styles-edit-title").textContent = t(fresh ? "styles.kept.title" : "styles.change.title", { name: one.name });
byId("styles-leave").textContent = t(fresh ? "styles.asis" : "styles.leave");
byId("styles-name").value = one.name;
byId("styles-before").value = one.prompt_prefix ?? "";
byId("styles-after").value = one.prompt_suffix ?? "";
byId("styles-neg").value = one.neg ?? "";
offerChips(fresh ? { ...one, model: one.model ?? (control("model").value || undefined) } : one);
wrong("");
show(byId("styles-edit"), true);
byId("styles-edit").scrollIntoView({ block: "nearest" });
byId("styles-name").select();
}

function leaveEdit() {
edited = null;
show(byId("styles-edit"), false);
}

function offerChips(one) {
const chip = (name, value, text, on) => {
const button = make("button", { type: "button", className: "chip", "data-name": name, "data-value": JSON.stringify(value), dir: "auto" }, text);
button.addEventListener("click", () => press(button, button.getAttribute("aria-pressed") !== "true"));
press(button, on);
return button;
};
const told = (value) => (typeof value === "number" ? written(value) : value);
const set = SET.filter((name) => one[name] !== undefined).map((name) => chip(name, one[name], `${nameOf(name)}: ${told(one[name])}`, edited[name] !== undefined));
const loras = listed(one.loras).map((lora) => chip("loras", lora, `LoRA ${lora.name}: ${told(lora.weight)}`, true));
byId("styles-chips").replaceChildren(...set, ...loras);
show(byId("styles-also"), set.length + loras.length > 0);
}

function wrong(sentence) {
byId("styles-name-error").textContent = sentence;
show(byId("styles-name-error"), sentence !== "");
if (sentence) byId("styles-name").setAttribute("aria-invalid", "true");
else byId("styles-name").removeAttribute("aria-invalid");
}

function finish() {
if (!edited) return undefined;
const name = byId("styles-name").value.trim();
const taken = presets().some((one) => one.name === name && one.id !== edited.id);
const error = !name ? t("styles.nameless") : taken ? t("styles.taken", { name }) : "";
wrong(error);
if (error) return byId("styles-name").focus();
const kept = [...byId("styles-chips").children].filter((chip) => chip.getAttribute("aria-pressed") === "true").map(({ dataset }) => [dataset.name, JSON.parse(dataset.value)]);
const loras = kept.filter(([key]) => key === "loras").map(([, lora]) => lora);
const { id, own, name: before, description } = edited;
const wasChosen = control("preset").value === before;
const words = { prompt_prefix: byId("styles-before").value.trim(), prompt_suffix: byId("styles-after").value.trim(), neg: byId("styles-neg").value.trim() };
keepOne(bare({ id, own, name, description, ...words, ...Object.fromEntries(kept.filter(([key]) => key !== "loras")), loras: loras.length ? loras : undefined }));
if (wasChosen) change("preset", name);
return left(name);
}

function left(name) {
leaveEdit();
then(name);
}

byId("styles-edit").addEventListener("submit", (event) => { event.preventDefault(); finish(); });
byId("styles-edit").addEventListener("keydown", (event) => {
const done = event.key === "Enter" && (event.ctrlKey || event.metaKey);
if (!done && event.key !== "Escape") return;
event.preventDefault(); // the dialog stays, and the key isn't taken twice
event.stopPropagation();
if (done) finish();
else left(edited.name);
});
byId("styles-leave").addEventListener("click", () => left(edited.name));
return { startEdit, leaveEdit };
})();

const $files = (() => {

const { field, nameOf, numberFrom } = $controls;
const { freshId } = $database;
const { byId } = $dom;
const { t } = $i18n;
const { notice } = $notices;
const { ownStyles } = $offers;
const { download } = $pictures;
const { bare, freeName, keepList, listed, MOST, SET } = $own;

const LARGEST = 2 ** 20; // bytes, as the server's
const READ = 1000;
const LONGEST = { name: 200, text: 4000, choice: 200 };
const CONTAINERS = ["presets", "styles", "cartoon_styles", "cartoon_presets"];
const SPELLINGS = {
prefix: "prompt_prefix", suffix: "prompt_suffix", negative_prompt: "neg", negative: "neg", guidance_scale: "guidance", cfg_scale: "guidance", cfg: "guidance", true_cfg_scale: "true_cfg",
steps: "num_steps", num_inference_steps: "num_steps", sampler_name: "sampler", scheduler: "schedule", lora: "loras",
};
const WORDS = ["description", "prompt_prefix", "prompt_suffix", "neg"];
const CHOICES = ["sampler", "schedule", "model"];
const WEIGHT = { min: -4, max: 4 };
const MOST_LORAS = 8;

function startFiles(say) {
byId("styles-export").addEventListener("click", () => { byId("styles-menu").open = false; save(say); });
byId("styles-import").addEventListener("click", () => { byId("styles-menu").open = false; byId("styles-file").click(); });
byId("styles-file").addEventListener("change", (event) => {
const [file] = event.target.files;
event.target.value = "";
if (file) load(file, say);
});
}

function save(say) {
if (!ownStyles().length) return say(t("styles.export.none"));
const presets = Object.fromEntries(ownStyles().map(({ id, own, name, ...says }) => [name, says]));
download(new Blob([JSON.stringify({ presets }, null, 2)], { type: "application/json" }), "imagine-styles.json");
return say("");
}

async function load(file, say) {
const found = file.size <= LARGEST ? await namedIn(file) : null;
if (!found?.length) return say(t(found ? "styles.import.none" : "styles.import.not", { name: file.name }));
const more = [];
const list = [];
const room = Math.max(0, MOST - ownStyles().length);
let same = 0;
for (const [name, raw] of found.slice(0, READ)) {
try {
const { one, unknown } = styleOf(name, raw);
if (unknown.length) more.push(t("styles.import.unknown", { name, names: unknown.slice(0, 8).join(", ") }));
if (ownStyles().some((mine) => alike(mine, one))) same += 1;
else if (list.length <= room) list.push({ ...one, name: freeName(one.name, [...ownStyles(), ...list]) });
} catch (sentence) {
if (typeof sentence !== "string") throw sentence;
more.push(t("styles.import.wrong", { name: String(name).slice(0, 80), why: sentence }));
}
}
if (list.length > room || found.length > READ) more.push(t("styles.most", { n: MOST }));
if (same) more.push(t("styles.import.same", { n: same }));
keepList([...list.slice(0, room), ...ownStyles()]);
say("");
return notice(t("styles.imported", { n: Math.min(room, list.length) }), { about: "styles", more: more.slice(0, 12), bad: list.length === 0 && !same });
}

const alike = ({ id: one, ...mine }, { id: other, ...theirs }) => JSON.stringify(Object.entries(mine).sort()) === JSON.stringify(Object.entries(theirs).sort());

async function namedIn(file) {
let value;
try {
value = JSON.parse(await file.text());
} catch {
return null;
}
return named(value);
}

const isPlain = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function named(value) {
if (Array.isArray(value)) return value.filter(isPlain).map((raw) => [raw.name, raw]);
if (!isPlain(value)) return [];
const outer = { ...value, ...(isPlain(value.image_generation) ? value.image_generation : {}) };
const tables = CONTAINERS.filter((key) => typeof outer[key] === "object" && outer[key] !== null).map((key) => outer[key]);
return tables.length ? tables.flatMap(named) : Object.entries(value).filter(([, raw]) => typeof raw === "string" || isPlain(raw));
}

function styleOf(name, raw) {
if (typeof name !== "string" || !name.trim()) throw t("styles.nameless");
if (name.trim().length > LONGEST.name) throw t("styles.import.long", { field: t("styles.name"), n: LONGEST.name });
const said = flat(typeof raw === "string" ? { prompt_suffix: raw } : raw);
const one = { id: freshId(), own: true, name: name.trim() };
for (const key of WORDS) one[key] = text(said[key], key, LONGEST.text);
for (const key of SET) one[key] = CHOICES.includes(key) ? text(said[key], key, LONGEST.choice) : numberOf(said[key], key);
one.loras = lorasOf(said.loras);
const known = new Set(["name", ...WORDS, ...SET, "loras"]);
return { one: bare(one), unknown: Object.keys(said).filter((key) => !known.has(key)) };
}

function flat(raw) {
const said = {};
const all = { ...raw, ...(isPlain(raw.preset_data) ? { prompt: raw.preset_data.positive_prompt, negative_prompt: raw.preset_data.negative_prompt } : {}) };
for (const [key, value] of Object.entries(all)) if (key !== "preset_data") said[SPELLINGS[key.replaceAll("-", "_")] ?? key.replaceAll("-", "_")] = value;
if (typeof said.size === "string" && /^\s*\d+\s*[x×]\s*\d+\s*$/i.test(said.size)) [said.width, said.height] = said.size.split(/[x×]/i).map(Number);
if (typeof said.prompt === "string") {
const [before, ...after] = said.prompt.split("{prompt}");
Object.assign(said, after.length ? { prompt_prefix: before, prompt_suffix: after.join("{prompt}") } : { prompt_suffix: before });
}
const { size, prompt, ...rest } = said;
return { ...rest, ...(size !== undefined && rest.width === undefined ? { size } : {}), ...(prompt !== undefined && typeof prompt !== "string" ? { prompt } : {}) };
}

function text(value, key, most) {
if (value === undefined || value === null) return undefined;
if (typeof value !== "string") throw t("styles.import.text", { field: called(key) });
if (value.length > most) throw t("styles.import.long", { field: called(key), n: most });
return value.trim();
}

function numberOf(value, key) {
if (value === undefined || value === null) return undefined;
if (typeof value !== "number") throw t("styles.import.number", { field: called(key) });
try {
return numberFrom(String(value), field(key) ?? {});
} catch (sentence) {
throw typeof sentence === "string" ? t("styles.import.field", { field: called(key), why: sentence }) : sentence;
}
}

function lorasOf(value) {
const list = listed(value);
const fits = list.every(({ name, weight }) => typeof name === "string" && name && typeof weight === "number" && weight >= WEIGHT.min && weight <= WEIGHT.max);
if (!fits || list.length > MOST_LORAS) throw t("styles.import.loras", { n: MOST_LORAS });
return list.length ? list.map(({ name, weight }) => ({ name, weight })) : undefined;
}

const called = (key) => (key === "prompt_prefix" ? t("styles.before") : key === "prompt_suffix" ? t("styles.after") : nameOf(key));
return { startFiles };
})();

const $making = (() => {

const { ask, cancelOrder, generate, ServerError } = $api;
const { entryOf, gallery } = $collection;
const { control } = $controls;
const { keys, get, put, several, write } = $database;
const { byId, show, tell } = $dom;
const { duration, t } = $i18n;
const { remember, remembered } = $memory;
const { detailsOf, nativeSide, ownStyles, presets, presetTitle } = $offers;
const { blobFrom, thumbnail } = $pictures;
const { orders, whenQueueChanges } = $queue;
const { styled } = $styled;
const { learnOwnPictures, ownKey, ownPicture, SIDE } = $own;

const SUBJECT = "a small red house under a blue sky";
const SEED = "7";
const LARGE = 512; // pixels of a side, beyond which half of the model's own will do
const MODELS = 8;
const KIND = "style"; // in the keys of the browser's database
const NO_PAINTING = ["loading", "queued"]; // what else a picture's time was spent on
const ALL_ALIKE = [0, 401, 403, 429, 503]; // no server, a key that isn't for that or has had enough, a full queue
const listeners = [];
const pictures = new Map();
let model = null;
let making = null;
let wake = () => {};
let said = "";

const whenPictured = (act) => listeners.push(act);
const changed = () => { for (const act of listeners) act(); };

function textOf({ id, own, name, description, shipped, ...says }) {
return JSON.stringify(says);
}

const keyOf = (one, { name, digest } = model) => JSON.stringify([KIND, name, digest, textOf(one)]);
const pictureOf = (one) => (one.own && ownPicture(one)) || (model ? pictures.get(keyOf(one)) : undefined);
const isBeingMade = (one) => making?.now === one.name;
const lacking = () => (model ? presets().filter((one) => !pictureOf(one)) : []);

const makers = () => [remembered("styles.makers", [])].flat();

async function learnPictures() {
const name = control("model").value;
if (model?.name !== name) model = null;
await learnOwnPictures();
model = detailsOf(name) ? await known(name) : null;
if (!model) return;
const wanted = presets().map((one) => keyOf(one));
(await several("thumbs", wanted).catch(() => [])).forEach((blob, at) => { if (blob) pictures.set(wanted[at], blob); });
await forgetOld().catch(() => {});
}

async function known(name) {
let told;
try {
told = await ask(`/models/${name.split("/").map(encodeURIComponent).join("/")}`);
} catch (error) {
if (!(error instanceof ServerError)) throw error;
return null; // it can't be used: whoever draws with it is told why
}
const [own, digest] = [nativeSide(), told.digest || told.header_digest];
const found = { name, digest, side: own <= LARGE ? own : Math.max(LARGE, Math.round(own / 128) * 64) };
return { ...found, seconds: makers().find((one) => one.name === name && one.digest === digest)?.seconds ?? (await secondsOf(found)) };
}

async function secondsOf({ name, side }) {
const row = gallery().find((one) => one.model === name);
const entry = row && (await entryOf(row).catch(() => undefined));
if (!entry?.timings) return null;
const spent = Object.entries(entry.timings).filter(([stage]) => !NO_PAINTING.includes(stage)).reduce((sum, [, seconds]) => sum + seconds, 0);
return spent ? (spent * side * side) / (entry.width * entry.height) : null;
}

async function forgetOld() {
const there = (await keys("thumbs")).map(String);
const texts = new Set(presets().map(textOf));
const models = new Set(makers().map(({ name, digest }) => `${name}\n${digest}`));
const own = new Set(ownStyles().map(ownKey));
const stale = (key) => {
if (key.startsWith(`["${KIND}",`)) {
const [, name, digest, text] = JSON.parse(key);
return !texts.has(text) || !models.has(`${name}\n${digest}`);
}
return key.startsWith(`["${KIND} of`) && !own.has(key);
};
await write(there.filter(stale).map((key) => ["thumbs", key]));
}

async function makePictures() {
const wanted = lacking();
if (!wanted.length) return;
making = { model, count: wanted.length, done: 0, seconds: [], failed: [], now: null, abort: null, stopped: false };
said = "";
remember("styles.makers", [model, ...makers().filter(({ name, digest }) => name !== model.name || digest !== model.digest)].slice(0, MODELS));
tell(t("styles.begun", { n: wanted.length }));
changed();
for (const one of wanted) if (!making.stopped) await makeOne(one);
const { done, failed, error } = making;
making = null;
said = error ?? (failed.length ? t("styles.failed", { n: failed.length, names: failed.map(({ one }) => presetTitle(one)).slice(0, 3).join(", "), why: failed[0].why }) : "");
tell([t("styles.made", { n: done }), said].filter(Boolean).join(" "));
changed();
}

async function makeOne(one) {
const key = keyOf(one, making.model);
while (!making.stopped) {
making.now = null;
changed();
await free();
if (making.stopped) return;
const there = await get("thumbs", key).catch(() => undefined);
Object.assign(making, { now: one.name, abort: new AbortController() });
changed();
const { signal } = making.abort;
try {
pictures.set(key, there ?? (await painted(one, signal)));
} catch (error) {
if (signal.aborted) continue;
return refused(one, error);
}
making.done += 1;
put("thumbs", key, pictures.get(key)).catch(() => {});
return;
}
}

function refused(one, error) {
if (!(error instanceof ServerError)) throw error;
if (ALL_ALIKE.includes(error.status)) Object.assign(making, { stopped: true, error: error.words });
else making.failed.push({ one, why: error.words });
}

async function painted(one, signal) {
const { name, side } = making.model;
const asked = { prompt: SUBJECT, model: name, seed: SEED, width: side, height: side };
const began = performance.now();
let order = null;
signal.addEventListener("abort", () => { if (order) cancelOrder(order); });
for await (const line of generate({ ...(one.own ? styled(asked, one) : { ...asked, preset: one.name }), priority: "low", progress: true }, signal)) {
order ??= line.order ?? null;
if (line.status === "blocked") throw line.error;
if (line.status !== "final") continue;
paced((performance.now() - began) / 1000);
return (await thumbnail(blobFrom(line.img, "image/png"), SIDE)).thumb;
}
throw new ServerError(0, "error.cut");
}

function paced(seconds) {
making.seconds.push(seconds);
const later = making.seconds.slice(1);
const usual = later.length ? later.reduce((sum, one) => sum + one, 0) / later.length : seconds;
making.model.seconds = usual;
remember("styles.makers", makers().map((one) => (one.name === making.model.name && one.digest === making.model.digest ? { ...one, seconds: usual } : one)));
}

const isBusy = () => orders().some(({ state }) => state === "running" || state === "waiting");

const free = () => (isBusy() ? new Promise((go) => { wake = go; }) : undefined);

function stop() {
making.stopped = true;
making.abort?.abort();
wake();
}

function describeMaking() {
const n = lacking().length;
const focused = [byId("styles-make-go"), byId("styles-make-stop")].includes(document.activeElement);
show(byId("styles-make"), making !== null || n > 0 || said !== "");
show(byId("styles-make-go"), making === null && n > 0);
show(byId("styles-make-stop"), making !== null && !making.stopped);
show(byId("styles-make-bar"), making !== null);
byId("styles-make-text").textContent = making ? progressOf(making) : n ? [t("styles.lacking", { n, model: model.name }), model.seconds ? t("styles.time", { time: roughly(n * model.seconds) }) : t("styles.time.unknown")].join(" ") : "";
if (making) byId("styles-make-bar").value = (making.done + making.failed.length) / making.count;
byId("styles-make-more").textContent = making ? t("styles.behind") : said;
show(byId("styles-make-more"), byId("styles-make-more").textContent !== "");
if (focused) [byId("styles-make-go"), byId("styles-make-stop"), byId("styles-title")].find((each) => !each.hidden).focus();
}

const roughly = (seconds) => (seconds < 90 ? duration(Math.max(1, Math.round(seconds))) : t("styles.minutes", { n: Math.round(seconds / 60) }));

function progressOf({ now, done, failed, count, stopped, model: { seconds } }) {
const so = t("styles.so_far", { n: done + failed.length, count });
if (stopped) return so;
if (!now && isBusy()) return `${so} · ${t("styles.waits")}`;
const left = seconds ? t("run.left", { time: roughly((count - done - failed.length) * seconds) }) : "";
return [so, left].filter(Boolean).join(" · ");
}

function startMaking() {
byId("styles-make-go").addEventListener("click", makePictures);
byId("styles-make-stop").addEventListener("click", stop);
whenQueueChanges(() => { if (!isBusy()) wake(); else if (making?.now) making.abort.abort(); });
}
return { whenPictured, pictureOf, isBeingMade, learnPictures, describeMaking, startMaking };
})();

const $drawer = (() => {

const { describeChoices } = $choices;
const { control } = $controls;
const { freshId } = $database;
const { all, byId, icon, make, openDialog, show, startMenu, tell } = $dom;
const { whenChanged } = $form;
const { inEveryLanguage, t } = $i18n;
const { presetAbout, presets, presetTitle } = $offers;
const { leaveEdit, startEdit } = $edit;
const { startFiles } = $files;
const { describeMaking, isBeingMade, learnPictures, pictureOf, startMaking, whenPictured } = $making;
const { deleteStyle, keepForm, whenKept } = $own;

const NONE = { name: "" };
let shown = [];
let active = "";
const cards = new Map();
const urls = new Map(); // by the picture's blob

function openStyles() {
byId("styles-search").value = "";
say("");
leaveEdit();
active = control("preset").value;
openDialog(byId("styles-dialog"));
look();
describe();
focusCard(active);
}

const look = () => learnPictures().then(describe);

async function keepCurrent() {
if (!byId("styles-dialog").open) openStyles();
const { kept, error } = await keepForm();
say(error ?? "");
if (kept) edit(kept, true);
}

function say(sentence) {
byId("styles-error").textContent = sentence;
show(byId("styles-error"), sentence !== "");
}

const plain = (text) => text.toLowerCase().replaceAll("ё", "е");
const titleOf = (one) => (one === NONE ? t("preset.none") : presetTitle(one));
const wordsIn = (one) => [titleOf(one), one.name, presetAbout(one), one.prompt_prefix, one.prompt_suffix].filter(Boolean).join(" ");

function describe() {
if (!byId("styles-dialog").open) return;
const words = plain(byId("styles-search").value).split(/\s+/).filter(Boolean);
const found = presets().filter((one) => words.every((word) => plain(wordsIn(one)).includes(word)));
shown = words.length ? found : [NONE, ...found];
if (!shown.some(({ name }) => name === active)) active = shown[0]?.name ?? "";
const list = byId("styles-grid");
const elements = shown.map(cardOf);
const focused = list.contains(document.activeElement);
if (elements.length !== list.children.length || elements.some((each, at) => list.children[at] !== each)) list.replaceChildren(...elements);
for (const name of cards.keys()) if (name && !presets().some((one) => one.name === name)) cards.delete(name);
if (focused) focusCard(active);
for (const each of elements) each.tabIndex = each.dataset.style === active ? 0 : -1;
show(byId("styles-none"), shown.length === 0);
describeFoot();
describeMaking();
}

function cardOf(one) {
const said = `${titleOf(one)}\n${presetAbout(one)}\n${Boolean(one.own)}\n${document.documentElement.lang}`;
let card = cards.get(one.name);
if (card?.said !== said) {
const about = make("span", { id: `style-about-${freshId()}`, hidden: true }, [one.own ? t("styles.mine.said") : "", presetAbout(one)].filter(Boolean).join(" "));
const element = make("button", { type: "button", role: "radio", className: "style-card", "data-style": one.name, "aria-describedby": about.id },
make("span", { className: "style-picture" }, make("img", { alt: "", hidden: true }), one === NONE ? icon("x") : icon("image"), make("span", { className: "style-chosen", "aria-hidden": "true" }, icon("styles-chosen"))),
make("span", { className: "style-name", dir: "auto" }, titleOf(one)), about);
if (one.own) element.append(make("span", { className: "style-mine", "aria-hidden": "true" }, t("styles.mine")));
card = { said, element };
cards.set(one.name, card);
}
card.element.setAttribute("aria-checked", String(one.name === control("preset").value));
picture(card.element, one);
return card.element;
}

function picture(element, one) {
const blob = one === NONE ? undefined : pictureOf(one);
const img = element.querySelector("img");
if (blob && !urls.has(blob)) urls.set(blob, URL.createObjectURL(blob));
if (blob && img.src !== urls.get(blob)) img.src = urls.get(blob);
if (!blob) img.removeAttribute("src");
show(img, Boolean(blob));
element.classList.toggle("making", isBeingMade(one));
}

function describeFoot(one = at()) {
byId("styles-foot-name").textContent = one ? titleOf(one) : "";
byId("styles-foot-about").textContent = one ? (one === NONE ? t("styles.plain") : presetAbout(one)) : "";
const { prompt_prefix: before = "", prompt_suffix: after = "", neg } = one ?? {};
const words = [before, before || after ? "…" : "", after].filter(Boolean).join(" ");
byId("styles-foot-words").textContent = [words, neg ? t("styles.not", { words: neg }) : ""].filter(Boolean).join(" · ");
for (const id of ["styles-change", "styles-delete"]) show(byId(id), Boolean(at()?.own));
}

const at = () => shown.find(({ name }) => name === active);

function pick(name, stays = false) {
const select = control("preset");
active = name;
select.value = name;
for (const event of ["input", "change"]) select.dispatchEvent(new Event(event, { bubbles: true }));
if (stays) look();
else byId("styles-dialog").close();
}

function focusCard(name) {
active = name;
for (const each of byId("styles-grid").children) each.tabIndex = each.dataset.style === name ? 0 : -1;
const card = cards.get(name)?.element;
card?.focus({ preventScroll: true });
card?.scrollIntoView({ block: "nearest" });
describeFoot();
}

function columns() {
const [first, ...rest] = byId("styles-grid").children;
const next = rest.findIndex((each) => each.offsetTop > first.offsetTop);
return next < 0 ? shown.length : next + 1;
}

function byKey(event) {
if (event.ctrlKey || event.metaKey || event.altKey) return;
const place = shown.findIndex(({ name }) => name === active);
const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[event.key];
const to = event.key === "Home" ? 0 : event.key === "End" ? shown.length - 1 : by === undefined ? undefined : place + by;
if (event.key === "ArrowUp" && to < 0) byId("styles-search").focus();
else if (to !== undefined) focusCard(shown[to]?.name ?? active);
else if (event.key === " ") pick(active, true);
else if (event.key === "Delete" && at()?.own) remove();
else if (event.key.length === 1) return void byId("styles-search").focus();
else return;
event.preventDefault();
}

function edit(one, fresh) {
active = one.name;
describe();
startEdit(one, { fresh, done: (name) => { describe(); focusCard(name); } });
}

function remove() {
const place = shown.indexOf(at());
const gone = active;
const next = (shown[place + 1] ?? shown[place - 1] ?? NONE).name;
leaveEdit();
active = next;
deleteStyle(gone);
focusCard(next);
}

startMenu(byId("styles-menu"));
startFiles(say);
startMaking();
byId("styles-search").addEventListener("input", () => { describe(); tell(t("styles.found", { n: shown.length })); });
byId("styles-search").addEventListener("keydown", (event) => {
if (event.key === "ArrowDown" && shown.length) focusCard(active);
else if (event.key === "Enter" && shown.length) pick(active);
else return;
event.preventDefault();
});
byId("styles-grid").addEventListener("keydown", byKey);
byId("styles-grid").addEventListener("keyup", (event) => { if (event.key === " ") event.preventDefault(); });
byId("styles-grid").addEventListener("click", ({ target }) => { const card = target.closest(".style-card"); if (card) pick(card.dataset.style); });
byId("styles-grid").addEventListener("focusin", ({ target }) => { if (target.dataset.style !== active) focusCard(target.dataset.style); });
byId("styles-grid").addEventListener("pointerover", ({ target }) => { const card = target.closest(".style-card"); if (card && !at()?.own) describeFoot(shown.find(({ name }) => name === card.dataset.style)); });
byId("styles-grid").addEventListener("pointerleave", () => describeFoot());
byId("styles-keep").addEventListener("click", ({ detail }) => { if (detail < 2) keepCurrent(); });
byId("styles-change").addEventListener("click", () => edit(at(), false));
byId("styles-delete").addEventListener("click", remove);
byId("styles-dialog").addEventListener("close", () => {
for (const img of all("img", byId("styles-grid"))) img.removeAttribute("src");
for (const url of urls.values()) URL.revokeObjectURL(url);
urls.clear();
byId("open-styles").focus({ preventScroll: true });
});
whenChanged(describe);
whenKept(() => { describeChoices(); describe(); });
whenPictured(describe);
inEveryLanguage(describe);
return { openStyles, keepCurrent };
})();
return $drawer;
};
