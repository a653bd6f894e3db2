export const build = "d335abcceb8f8c90";
export const texts = {"explore.grid":["Grid","Сетка"],"explore.walk":["Walk","Переход"],"explore.surprise":["Surprise","Наугад"],"explore.grid.how":["One picture for every combination, all else as it is in the form. Without a seed, all of them get the same random one.","По картинке на каждое сочетание, остальное — как в форме. Если сид не указан, у всех будет один случайный."],"explore.walk.how":["From the noise of one seed to that of another, step by step, all else as it is in the form.","Постепенно от шума одного сида к шуму другого, остальное — как в форме."],"explore.surprise.how":["Rolls what you tick, within what suits the chosen model. One click brings back what stood.","Меняет наугад отмеченное, не выходя за пределы, разумные для этой модели. Прежнее возвращается одним нажатием."],"explore.start":["Start","Начать"],"explore.stop":["Stop","Остановить"],"explore.on":["Go on","Продолжить"],"explore.sheet":["PNG","PNG"],"explore.sheet.title":["Download all of it as one picture, with labels. “Load…” builds the grid from it again.","Скачать всё одной картинкой с подписями. Её можно загрузить на страницу и построить сетку снова."],"explore.zip.title":["Download the pictures, each with its recipe, and the whole","Скачать картинки, каждую с рецептом, и всё вместе"],"explore.json.title":["Download the grid’s recipe as JSON, to be loaded again","Скачать рецепт сетки в JSON, чтобы загрузить его снова"],"explore.few":["Choose a setting and at least two values.","Выберите настройку и хотя бы два значения."],"explore.many":["{n} pictures are too many: {most} at most.","{n, plural, one:# картинка|few:# картинки|other:# картинок} — слишком много, можно до {most}."],"explore.count":["{n, plural, one:# picture|other:# pictures}","{n, plural, one:# картинка|few:# картинки|other:# картинок}"],"explore.count.time":["{n, plural, one:# picture|other:# pictures}, about {time}","{n, plural, one:# картинка|few:# картинки|other:# картинок}, около {time}"],"explore.made":["{n} of {of}","{n} из {of}"],"explore.failures":["{n, plural, one:# failed|other:# failed}","{n, plural, one:# не получилась|few:# не получились|other:# не получилось}"],"explore.stopped":["stopped","остановлено"],"explore.done":["The grid is done: {n} of {of}.","Сетка готова: {n} из {of}."],"explore.packing":["Packing {n} of {of}…","Упаковка: {n} из {of}…"],"explore.running":["{n} %","{n} %"],"explore.cell.waiting":["next","следующая"],"explore.cell.aside":["not sent","не отправлена"],"explore.cell.open":["–","–"],"explore.cell.lost":["deleted","удалена"],"explore.failed":["failed: {why} Enter tries again.","не получилась: {why} Enter — попробовать ещё раз."],"explore.lost":["deleted. Enter makes it again.","удалена. Enter — нарисовать снова."],"explore.hidden":["Not shown: the server holds it back.","Сервер не показывает эту картинку."],"axis.x":["Across","По горизонтали"],"axis.y":["Down","По вертикали"],"axis.z":["Pages","По листам"],"axis.no":["Nothing","Ничего"],"axis.group.words":["Words","Слова"],"axis.group.settings":["Settings","Настройки"],"axis.words":["Part of the prompt","Часть описания"],"axis.lora":["Weight of {name}","Вес {name}"],"axis.loras":["LoRA","LoRA"],"axis.loras.none":["Without","Без неё"],"axis.yes":["Yes","Да"],"axis.values.label":["Values: {name}","Значения: {name}"],"axis.named":["{name} {value}","{name} {value}"],"axis.values":["{n, plural, one:# value|other:# values}: {values}","{n, plural, one:# значение|few:# значения|other:# значений}: {values}"],"axis.how.list":["4, 8, 12 or 4-12:4","4; 8; 12 или 4-12:4"],"axis.how.seeds":["1, 2, 3 or 1-9","1; 2; 3 или 1-9"],"axis.how.sizes":["512×512, 768×512","512×512; 768×512"],"axis.how.lines":["One a line.","По одному на строке."],"axis.how.ticks":["Tick at least two.","Отметьте хотя бы два."],"axis.how.words":["In the first line what stands in the prompt, in the next ones what takes its place.","В первой строке — слова из описания, в следующих — чем их заменить."],"axis.seeds":["Add {n} random seeds","Добавить случайные сиды: {n}"],"axis.own":["Choose no style of your own in the form first.","Сначала уберите в форме свой стиль."],"axis.none":["Values are missing.","Не хватает значений."],"axis.twice":["{name} varies already: choose another setting.","«{name}» уже перебирается: выберите другую настройку."],"axis.words.not":["“{words}” is not in the prompt.","В описании нет слов «{words}»."],"axis.size":["A size is written as 512×768.","Размер пишется так: 512×768."],"axis.step":["The step is 0.","Шаг не может быть нулевым."],"axis.many":["{most} values at most.","Значений может быть не больше {most}."],"walk.seeds":["Seeds, from one to the next","Сиды, от одного к другому"],"walk.random":["Add a random seed","Добавить случайный сид"],"walk.frames":["Pictures per leg","Картинок на участок"],"walk.take":["Take the settings of the chosen picture","Взять настройки выбранной картинки"],"walk.few":["A walk needs at least two seeds.","Нужно хотя бы два сида."],"walk.step":["seed {seed}, {part} % of {other}","сид {seed} и {part} % сида {other}"],"walk.at":["{n} of {of}: {name}","{n} из {of}: {name}"],"surprise.may":["May change","Что можно менять"],"surprise.subject":["Subject: a new prompt","Сюжет: новое описание"],"surprise.words":["Words behind it: style, light, colours, composition","Слова после него: манера, свет, цвета, композиция"],"surprise.lists":["A word from the server’s lists (__name__)","Слово из списков сервера (__имя__)"],"surprise.style":["Style","Стиль"],"surprise.shape":["Shape of the picture","Форма картинки"],"surprise.steps":["Steps and guidance, near the model’s own","Шаги и следование описанию, близкие к обычным для модели"],"surprise.sampler":["Sampler","Сэмплер"],"surprise.seed":["Seed","Сид"],"surprise.draw":["Draw at once","Сразу рисовать"],"surprise.go":["Surprise me","Выбрать наугад"],"surprise.none":["Tick something.","Отметьте что-нибудь."],"surprise.done":["Settings rolled at random.","Настройки выбраны наугад."]};
export const style = "dialog.explore{width:min(1120px,calc(100vw - 32px));max-height:calc(100dvh - 32px);margin-top:16px;grid-template-rows:auto minmax(0,1fr);gap:var(--s2);padding-bottom:0}\ndialog.explore h2{outline:0}\n.explore-tabs{display:flex;gap:2px;margin-left:var(--s3)}\n.explore-tabs [aria-selected=\"true\"]{background:var(--accent-soft);color:var(--accent)}\n.explore-body{overflow-y:auto;overscroll-behavior:contain;scrollbar-width:thin;margin:0 calc(-1 * var(--s5));padding:var(--s1) var(--s5) var(--s5);display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s4);align-content:start}\n.explore-panel{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s3)}\n.explore-axes{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:var(--s4);align-items:start}\n.explore-axis{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s2)}\n.explore-axis > .hint{margin:0;overflow-wrap:anywhere}\n.explore-values{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s1);justify-items:start}\n.explore-values:empty{display:none}\n.explore-ticks{width:100%;max-height:168px;overflow-y:auto;scrollbar-width:thin;padding:4px 10px;border:1px solid var(--edge);border-radius:var(--round)}\n.explore-start{display:flex;align-items:center;gap:var(--s3)}\n.explore-start > .error{color:var(--danger)}\n.explore-walk{display:grid;grid-template-columns:minmax(0,1fr) 160px;gap:var(--s4);align-items:start}\n.explore-seeds{display:flex;gap:var(--s1)}\n.explore-seeds input{min-width:0}\n.explore-may{display:grid;gap:2px}\n.explore-made{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s3);padding-top:var(--s4);border-top:1px solid var(--line)}\n.explore-bar{display:flex;flex-wrap:wrap;align-items:center;gap:var(--s2);font-size:var(--small);font-variant-numeric:tabular-nums}\n.explore-pages{display:flex;align-items:center;gap:var(--s2)}\n.explore-pages select{width:auto;max-width:220px}\n.explore-room{overflow:auto;scrollbar-width:thin;max-height:calc(100dvh - 140px);padding:3px;margin:-3px}\n.explore-grid{display:grid;grid-template-columns:fit-content(150px) repeat(var(--columns),minmax(112px,200px));gap:var(--s2);width:max-content;max-width:none}\n.explore-row{display:grid;grid-template-columns:subgrid;grid-column:1 / -1}\n.explore-label{font-size:var(--small);font-weight:550;display:grid;align-items:center;text-align:center;min-width:0;background:var(--surface)}\n.explore-label > span{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:3;overflow:hidden;overflow-wrap:anywhere}\n.explore-row:first-child > *{position:sticky;top:-3px;z-index:2;align-items:end;padding-block:2px;background:var(--surface)}\n.explore-row > :first-child{position:sticky;left:-3px;z-index:1;text-align:right;padding-right:var(--s1)}\n.explore-row:first-child > :first-child{z-index:3}\n.explore-corner{display:grid;align-content:end;color:var(--muted);font-size:0.75rem;background:var(--surface);overflow-wrap:anywhere}\n.explore-cell{position:relative;aspect-ratio:1;border-radius:10px;overflow:hidden;background:var(--sunken);cursor:pointer;display:grid;place-items:center}\n.explore-cell:focus-visible{outline-offset:1px}\n.explore-cell > img{position:absolute;inset:0;width:100%;height:100%;object-fit:contain}\n.explore-cell > img:not([src]){display:none}\n.explore-said{padding:var(--s2);color:var(--muted);font-size:0.75rem;text-align:center;overflow:hidden;display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:5;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}\n.explore-said:empty{display:none}\n.explore-said > .icon{display:block;margin:0 auto 4px}\n.explore-cell[data-state=\"failed\"]{background:var(--danger-soft)}\n.explore-cell[data-state=\"failed\"] > .explore-said{color:var(--danger)}\n.explore-cell[data-state=\"running\"]{box-shadow:inset 0 0 0 2px var(--accent)}\n.explore-grid.walk{grid-template-columns:0 repeat(var(--columns),96px);gap:var(--s1)}\n.explore-grid.walk > .explore-row:first-child{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}\n.explore-steps{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s2)}\n.explore-seen{height:min(52dvh,520px);border-radius:var(--round-large);background:var(--sunken);display:grid;place-items:center;overflow:hidden}\n.explore-seen img{width:100%;height:100%;object-fit:contain;min-height:0}\n.explore-seen img:not([src]){visibility:hidden}\n.explore-slider{display:grid;gap:2px;text-align:center}\n\n@media (max-width:860px){\ndialog.explore{width:100vw;max-width:none;height:100dvh;max-height:none;margin:0;border:0;border-radius:0;padding:var(--s4) var(--s4) 0}\ndialog.explore > .label-row{flex-wrap:wrap}\n.explore-tabs{order:1;width:100%;margin:0 0 0 -8px}\n.explore-body{margin:0 calc(-1 * var(--s4));padding:var(--s1) var(--s4) var(--s4)}\n.explore-axes,.explore-walk{grid-template-columns:minmax(0,1fr)}\n.explore-bar > p{flex:1 0 100%}\n.explore-grid{grid-template-columns:fit-content(84px) repeat(var(--columns),104px)}\n}\n";
export const tree = [["dialog",{"id":"explore-dialog","class":"explore","aria-labelledby":"explore-title"},["div",{"class":"label-row"},["h2",{"id":"explore-title","tabindex":"-1","data-t":"words.explore"}],["div",{"class":"explore-tabs","role":"tablist","id":"explore-tabs","aria-labelledby":"explore-title"},["button",{"type":"button","class":"text-button","role":"tab","id":"explore-tab-grid","data-tab":"grid","aria-controls":"explore-panel-grid","data-t":"explore.grid"}],["button",{"type":"button","class":"text-button","role":"tab","id":"explore-tab-walk","data-tab":"walk","aria-controls":"explore-panel-walk","data-t":"explore.walk"}],["button",{"type":"button","class":"text-button","role":"tab","id":"explore-tab-surprise","data-tab":"surprise","aria-controls":"explore-panel-surprise","data-t":"explore.surprise"}]],["span",{"class":"spring"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"explore-body"},["div",{"class":"explore-panel","role":"tabpanel","id":"explore-panel-grid","aria-labelledby":"explore-tab-grid"},["p",{"class":"hint","data-t":"explore.grid.how"}],["div",{"class":"explore-axes","id":"explore-axes"}],["div",{"class":"explore-start"},["p",{"class":"hint grow","id":"grid-count","role":"status"}],["button",{"type":"button","class":"button primary","id":"grid-start","data-t":"explore.start"}]]],["div",{"class":"explore-panel","role":"tabpanel","id":"explore-panel-walk","aria-labelledby":"explore-tab-walk"},["p",{"class":"hint"},["span",{"data-t":"explore.walk.how"}]," ",["button",{"type":"button","class":"text-button inset","id":"walk-take","data-t":"walk.take"}]],["div",{"class":"explore-walk"},["div",{"class":"field"},["label",{"for":"walk-seeds","data-t":"walk.seeds"}],["div",{"class":"explore-seeds"},["input",{"type":"text","id":"walk-seeds","inputmode":"numeric","spellcheck":"false","autocomplete":"off"}],["button",{"type":"button","class":"icon-button","id":"walk-random","data-t-aria-label":"walk.random","data-t-title":"walk.random"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-dice"}]]]],["p",{"class":"error","id":"walk-error","role":"alert","hidden":""}]],["div",{"class":"field"},["label",{"for":"walk-frames","data-t":"walk.frames"}],["input",{"type":"text","id":"walk-frames","inputmode":"numeric","spellcheck":"false","autocomplete":"off","value":"6"}]]],["div",{"class":"explore-start"},["p",{"class":"hint grow","id":"walk-count","role":"status"}],["button",{"type":"button","class":"button primary","id":"walk-start","data-t":"explore.start"}]],["div",{"class":"explore-steps","id":"walk-steps","hidden":""},["div",{"class":"explore-seen"},["img",{"id":"walk-seen","alt":""}]],["label",{"class":"explore-slider"},["span",{"id":"walk-name","class":"hint"}],["input",{"type":"range","id":"walk-at","min":"0","value":"0","step":"1"}]]]],["div",{"class":"explore-panel","role":"tabpanel","id":"explore-panel-surprise","aria-labelledby":"explore-tab-surprise"},["p",{"class":"hint","data-t":"explore.surprise.how"}],["fieldset",{"class":"field explore-may","id":"surprise-may"},["legend",{"data-t":"surprise.may"}]],["label",{"class":"check"},["input",{"type":"checkbox","id":"surprise-draw"}]," ",["span",{"data-t":"surprise.draw"}]],["div",{"class":"explore-start"},["p",{"class":"hint grow","id":"surprise-said","role":"status"}],["button",{"type":"button","class":"button primary","id":"surprise-go","data-t":"surprise.go"}]]],["section",{"class":"explore-made","id":"explore-made","aria-labelledby":"explore-how","hidden":""},["div",{"class":"explore-bar"},["p",{"class":"grow"},["span",{"id":"explore-how","role":"status"}],["span",{"id":"explore-left"}]],["label",{"class":"explore-pages","id":"explore-pages","hidden":""},["span",{"class":"hint","id":"explore-page-name"}]," ",["select",{"id":"explore-page"}]],["button",{"type":"button","class":"button small","id":"explore-stop"}],["button",{"type":"button","class":"button small","id":"explore-sheet","data-t":"explore.sheet","data-t-title":"explore.sheet.title"}],["button",{"type":"button","class":"button small","id":"explore-zip","data-t-title":"explore.zip.title"},"ZIP"],["button",{"type":"button","class":"button small","id":"explore-json","data-t-title":"explore.json.title"},"JSON"]],["progress",{"id":"explore-progress","max":"1","value":"0","data-t-aria-label":"progress"}],["div",{"class":"explore-room","id":"explore-room"},["div",{"id":"explore-grid","class":"explore-grid","role":"grid","aria-labelledby":"explore-how"}]]]]]];
export const start = ({ $actions, $api, $collection, $controls, $database, $dom, $drawers, $form, $i18n, $loras, $memory, $names, $notices, $numbers, $offers, $pictures, $queue, $run, $size, $stage, $styled, $tabs, $undo }) => {

const $values = (() => {

const { numberFrom } = $controls;
const { decimalSign, t } = $i18n;
const { numberIn } = $numbers;

const MOST = 100;
const NUMBER = "([+\\-−]?\\d+(?:[.,]\\d+)?)";
const RANGE = new RegExp(`^${NUMBER}\\s*(?:-|–|\\.\\.)\\s*${NUMBER}(?:\\s*:\\s*${NUMBER}|\\s*\\(\\s*\\+?${NUMBER}\\s*\\)|\\s*\\[\\s*(\\d+)\\s*\\])?$`);
const EXACT = 1e6;

function numbersIn(text, said) {
const whole = said.type === "integer";
const values = partsOf(text, whole).flatMap((part) => rangeIn(part, whole) ?? [part]);
return distinct(values.map((one) => numberFrom(String(one), said)));
}

function seedsIn(text, seedFrom) {
const values = partsOf(text, true).flatMap((part) => {
const [, first, last] = /^(\d{1,15})\s*(?:-|–|\.\.)\s*(\d{1,15})$/.exec(part) ?? [];
return first === undefined ? [part] : steps(Number(first), Number(last), Number(first) <= Number(last) ? 1 : -1);
});
return distinct(values.map((one) => seedFrom(String(one))));
}

function sizesIn(text, said) {
return distinct(partsOf(text, true).map((part) => {
const [width, height, ...more] = part.split(/\s*[x×х*]\s*/i);
if (height === undefined || more.length) throw t("axis.size");
return [numberFrom(width, said), numberFrom(height, said)];
}));
}

const linesIn = (text) => distinct(text.split("\n").map((line) => line.trim()).filter(Boolean));

const textOf = (values, lines) => values.map((value) => (Array.isArray(value) ? value.join("×") : String(value))).join(lines ? "\n" : "; ");

function partsOf(text, whole) {
return text.split(/[;\n]|,\s+/).flatMap((part) => {
const decimal = !whole && decimalSign() === "," && (part.match(/,/g) ?? []).length === 1 && /\d,\d/.test(part);
return decimal || RANGE.test(part.trim()) ? [part] : part.split(",");
}).map((part) => part.trim()).filter(Boolean);
}

function rangeIn(part, whole) {
const [, first, last, step, added, count] = RANGE.exec(part) ?? [];
if (first === undefined) return null;
const [from, to] = [numberIn(first), numberIn(last)];
if (count !== undefined) return spread(from, to, Number(count), whole);
const by = Math.abs(numberIn(step ?? added ?? "1"));
if (!by) throw t("axis.step");
return steps(from, to, from <= to ? by : -by);
}

function steps(from, to, by) {
const count = Math.floor((to - from) / by + 1e-9) + 1;
if (count > MOST) throw t("axis.many", { most: MOST });
return Array.from({ length: count }, (_, at) => Math.round((from + at * by) * EXACT) / EXACT);
}

function spread(from, to, count, whole) {
if (count > MOST || count < 1) throw t("axis.many", { most: MOST });
const value = (at) => (count === 1 ? from : from + ((to - from) * at) / (count - 1));
return Array.from({ length: count }, (_, at) => (whole ? Math.round(value(at)) : Math.round(value(at) * EXACT) / EXACT));
}

function distinct(values) {
const found = [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
if (found.length > MOST) throw t("axis.many", { most: MOST });
return found;
}
return { MOST, numbersIn, seedsIn, sizesIn, linesIn, textOf };
})();

const $kinds = (() => {

const { control, controls, defaultOf, defaultText, field, nameOf } = $controls;
const { byId } = $dom;
const { number, t } = $i18n;
const { isLoras, lorasIn } = $loras;
const { isNames } = $names;
const { chosenModel, entriesOf, presets } = $offers;
const { hasSource } = $size;
const { styled } = $styled;
const { linesIn, numbersIn, seedsIn, sizesIn } = $values;

const NEVER = new Set(["prompt", "neg", "count", "stream", "preview", "keep_alive", "width", "height", "watermark"]);
const OF_PICTURE = ["strength", "resize", "mask_padding"];
const SEEDS = new Set(["seed", "subseed"]);
const SEED = 2n ** 64n - 1n;
const WEIGHT = { type: "number", min: -4, max: 4 };
const LORA = "lora:";
const TO_LOAD = ["model", "vae", "text_encoders", "refiner"];
const WHOLE = ["prompt", "neg"];
const WORDS = "words";

function kinds() {
const own = [{ field: WORDS, how: "lines" }, { field: "prompt", how: "lines" }, { field: "neg", how: "lines" }];
const said = controls().filter(isOffered).map(({ dataset }) => ({ field: dataset.field, how: howOf(dataset.field) }));
const at = said.findIndex((one) => one.field === "num_steps");
said.splice(at, 0, { field: "size", how: "sizes" });
const loras = chosenLoras().map(({ name }) => ({ field: LORA + name, how: "list" }));
const there = entriesOf("lora").length ? [{ field: "loras", how: "ticks" }] : [];
return [...own, ...said, ...there, ...loras];
}

const kindOf = (name) => kinds().find((one) => one.field === name);

function isOffered(each) {
const { field: name } = each.dataset;
const said = field(name);
if (!said || NEVER.has(name) || name.startsWith("extend.") || isNames(each) || isLoras(each)) return false;
if (OF_PICTURE.includes(name) && !hasSource()) return false;
return each.closest(".field[hidden], #preset-row[hidden]") === null;
}

function howOf(name) {
const each = control(name);
if (each.tagName === "SELECT" || each.type === "checkbox") return "ticks";
if (SEEDS.has(name)) return "seeds";
return ["integer", "number"].includes(field(name).type) ? "list" : "lines";
}

function chosenLoras() {
try {
return lorasIn(control("loras")) ?? [];
} catch {
return [];
}
}

function axisName(name) {
if (name.startsWith(LORA)) return t("axis.lora", { name: name.slice(LORA.length) });
if (name.startsWith("hires.")) return `${nameOf("hires")}: ${nameOf(name).toLowerCase()}`;
return { [WORDS]: t("axis.words"), size: t("size"), loras: t("axis.loras"), walk: t("explore.walk") }[name] ?? nameOf(name);
}

function choicesOf(name) {
if (name === "loras") {
const fitting = chosenModel()?.lora_families ?? [];
const fits = ({ family }) => !family || !fitting.length || fitting.includes(family);
return [[null, t("axis.loras.none")], ...entriesOf("lora").filter(fits).map((one) => [one.name, one.name])];
}
const each = control(name);
if (each.type === "checkbox") return [[null, t("no")], [true, t("axis.yes")]];
return [...each.options].map(({ value, text }) => [value === "" ? null : value, text]);
}

function valuesIn(name, text) {
const { how } = kindOf(name);
if (how === "seeds") return seedsIn(text, seedFrom);
if (how === "sizes") return sizesIn(text, field("width"));
if (how === "list") return numbersIn(text, name.startsWith(LORA) ? WEIGHT : field(name));
const lines = linesIn(text);
if (name === WORDS && lines.length && ![byId("f-prompt"), byId("f-neg")].some((each) => each.value.includes(lines[0]))) throw t("axis.words.not", { words: lines[0] });
return lines;
}

function seedFrom(text) {
if (!/^\d{1,20}$/.test(text) || BigInt(text) > SEED) throw t("error.seed");
return String(BigInt(text));
}

function labelOf(name, value) {
if (name === "walk") return stepName(value);
if (Array.isArray(value)) return value.join(" × ");
if (typeof value === "number") return number(value, 4);
if (value === null && name !== "loras") return kindOf(name) ? (choicesOf(name).find(([one]) => one === null)?.[1] ?? defaultText(name)) : t("default");
if (kindOf(name)?.how === "ticks") return choicesOf(name).find(([one]) => one === value)?.[1] ?? String(value);
return String(value);
}

const stepName = ({ seed, subseed, subseed_strength: part }) => (part ? t("walk.step", { seed, other: subseed, part: number(part * 100, 0) }) : t("about.seed", { seed }));

function apply(said, { field: name, values }, value) {
if (name === WORDS) for (const one of WHOLE) { if (said[one]) said[one] = said[one].replaceAll(values[0], () => value); }
else if (name === "size") [said.width, said.height] = value;
else if (name === "walk") Object.assign(said, { subseed: undefined, subseed_strength: undefined }, value); // instead of the form's
else if (name === "loras") said.loras = [...(said.loras ?? []), ...(value === null || said.loras?.some((one) => one.name === value) ? [] : [{ name: value, weight: 1 }])];
else if (name.startsWith(LORA)) said.loras = (said.loras ?? []).map((one) => (one.name === name.slice(LORA.length) ? { ...one, weight: value } : one));
else set(said, name, value);
}

function set(said, path, value) {
const [name, part] = path.split(".");
const whole = typeof said[name] === "number" ? { scale: said[name] } : said[name];
if (part) said[name] = { ...whole, [part]: value };
else said[name] = value;
if (value === null) part ? delete said[name][part] : delete said[name];
}

const rank = ({ field: name }) => (WHOLE.includes(name) ? 0 : name === WORDS ? 1 : 2);

function placesOf(axes, at) {
let rest = at;
return axes.map(({ values }) => {
const place = rest % values.length;
rest = Math.floor(rest / values.length);
return place;
});
}

const countOf = (axes) => axes.reduce((count, { values }) => count * values.length, 1);

function saidAt(base, axes, at) {
const said = structuredClone(base);
const places = placesOf(axes, at);
const values = axes.map((axis, place) => [axis, axis.values[places[place]]]);
for (const [axis, value] of values.sort(([one], [other]) => rank(one) - rank(other))) apply(said, axis, value);
if (said.loras?.length === 0) delete said.loras;
return styled(said, presets().find(({ name, own }) => own && name === said.preset) ?? null);
}

function turns(axes) {
const heavy = axes.map((axis, place) => place).filter((place) => TO_LOAD.includes(axes[place].field));
const cells = Array.from({ length: countOf(axes) }, (_, at) => ({ at, places: placesOf(axes, at) }));
const before = (one, other) => heavy.reduceRight((order, place) => order || one.places[place] - other.places[place], 0) || one.at - other.at;
return cells.sort(before).map(({ at }) => at);
}

function cellName(axes, at) {
const places = placesOf(axes, at);
const one = ({ field: name, values }, place) => (name === "walk" ? labelOf(name, values[place]) : t("axis.named", { name: axisName(name), value: labelOf(name, values[place]) }));
return axes.map((axis, place) => one(axis, places[place])).join(", ");
}

function workOf(said, side) {
const [width, height] = [said.width ?? defaultOf("width") ?? side, said.height ?? defaultOf("height") ?? side];
return Number(said.num_steps ?? defaultOf("num_steps") ?? 1) * Number(width) * Number(height);
}
return { WORDS, kinds, kindOf, axisName, choicesOf, valuesIn, seedFrom, labelOf, placesOf, countOf, saidAt, turns, cellName, workOf };
})();

const $feed = (() => {

const { rowOf, whenGalleryChanges } = $collection;
const { control } = $controls;
const { freshId, get, keys, put, remove } = $database;
const { byId, tell } = $dom;
const { t } = $i18n;
const { remember, remembered, rememberedHere, rememberHere } = $memory;
const { dismiss } = $notices;
const { drop, orders, whenQueueChanges } = $queue;
const { models } = $offers;
const { runAfter } = $run;
const { tab } = $tabs;
const { countOf, saidAt, turns } = $kinds;

const HERE = "grid"; // in this tab's storage: the grid that goes on; in all tabs': the latest
const WHOLE = "grid ";
const STATE = "cells ";
const LEAVING = 2000;
const OF_RECIPE = ["buckets", "template", "neg_template", "embeddings", "assisted"];
let grid = null;
let known = new Map();
let began = { time: 0, made: 0 };
let asked = false;
let lastFailed = null;
let left = -Infinity;
let tellOthers = () => {};

const theGrid = () => grid;

function cellAt(at) {
const order = [...known].find(([, place]) => place === at)?.[0];
if (order) return { state: order.state, order };
const id = grid.made[at];
if (id !== undefined) return { state: "made", id };
return grid.errors[at] === undefined ? { state: "open" } : { state: "failed", error: grid.errors[at] };
}

async function startGrid(axes, { said, body, pictures }) {
stopGrid();
await forget();
const base = { ...said };
for (const name of [...OF_RECIPE, "count"]) delete base[name];
if (base.seed === undefined && !axes.some(({ field }) => field === "seed" || field === "walk")) base.seed = someSeed();
if (models().includes(control("model").value)) base.model ??= control("model").value;
const beside = Object.fromEntries(Object.entries(body).filter(([name]) => !(name in said) && name !== "assist"));
take({ id: freshId(), axes, said: base, body: beside, pictures, state: "running", made: {}, errors: {} });
const { state, made, errors, ...whole } = grid;
await put("draft", WHOLE + grid.id, whole).catch(() => {});
remember(HERE, grid.id);
goOn();
}

const someSeed = () => String(crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000_000);

function take(found) {
grid = found;
known = new Map();
lastFailed = null;
}

function goOn() {
for (const [order] of known) if (order.state === "aside") { known.delete(order); drop(order); }
grid.state = "running";
began = { time: performance.now(), made: everMade() };
rememberHere(HERE, grid.id);
keep();
feedSoon();
}

function stopGrid() {
if (grid?.state !== "running") return;
pause();
for (const [order] of [...known]) if (order.state === "waiting") { known.delete(order); drop(order); }
tellOthers();
}

function again(at) {
delete grid.errors[at];
if (grid.made[at] !== undefined && !rowOf({ id: grid.made[at] })) delete grid.made[at];
goOn();
}

function pause() {
grid.state = "stopped";
rememberHere(HERE, null);
keep();
}

const madeCount = () => Object.values(grid.made).filter((id) => rowOf({ id })).length;

const everMade = () => Object.keys(grid.made).length;

function secondsLeft() {
const done = everMade() - began.made;
return done > 0 ? (((performance.now() - began.time) / 1000) / done) * (countOf(grid.axes) - everMade() - Object.keys(grid.errors).length) : null;
}

function wantedOf(at) {
const said = saidAt(grid.said, grid.axes, at);
return { said, pictures: grid.pictures, body: { ...grid.body, ...said, progress: true }, queued: true, batch: { id: grid.id, at } };
}

function feedSoon() {
if (!asked) queueMicrotask(feed);
asked = true;
}

function feed() {
if (performance.now() - left < LEAVING) return void setTimeout(feed, LEAVING);
asked = false;
if (!grid) return undefined;
do look(); while (grid.state === "running" && sendNext());
return tellOthers();
}

function look() {
const line = orders();
for (const order of line) if (order.wanted.batch?.id === grid.id && ["running", "waiting", "aside"].includes(order.state)) known.set(order, order.wanted.batch.at);
for (const [order, at] of [...known]) settle(order, at, line);
}

function settle(order, at, line) {
if (order.state === "running" || (order.state === "waiting" && line.includes(order))) return;
if (order.state === "aside" && line.includes(order)) {
if (lastFailed !== null) delete grid.errors[lastFailed];
lastFailed = null;
if (grid.state === "running") pause();
return;
}
known.delete(order);
lastFailed = null;
if (order.state === "failed") {
grid.errors[at] = order.error;
lastFailed = at;
drop(order);
} else if (order.state === "done") {
if (byId("explore-dialog").open) dismiss("done");
if (grid.made[at] === undefined) grid.errors[at] = t("explore.hidden");
} else stopGrid(); // taken back: what is one ahead isn't made in its place
keep();
}

function sendNext() {
const taken = new Set(known.values());
const next = turns(grid.axes).find((at) => !taken.has(at) && grid.made[at] === undefined && grid.errors[at] === undefined);
if (next === undefined && !taken.size) {
grid.state = "done";
rememberHere(HERE, null);
keep();
tell(t("explore.done", { n: madeCount(), of: countOf(grid.axes) }));
}
if (next === undefined || [...known.keys()].some((order) => order.state === "waiting")) return false;
runAfter(wantedOf(next));
return true;
}

function keep() {
const { id, state, made, errors } = grid;
put("draft", STATE + id, { state, made, errors }).catch(() => {});
}

function follow({ added, removed }) {
if (!grid) return;
for (const row of added) {
if (row.batch?.id !== grid.id) continue;
grid.made[row.batch.at] = row.id;
delete grid.errors[row.batch.at];
}
if (![...added, ...removed].some((row) => row.batch?.id === grid.id)) return;
if (grid.state === "running") keep();
tellOthers();
}

async function forget() {
for (const key of await keys("draft").catch(() => [])) if (String(key).startsWith(WHOLE) || String(key).startsWith(STATE)) await remove("draft", key).catch(() => {});
}

async function startFeeding(act) {
tellOthers = act;
whenQueueChanges(feedSoon);
whenGalleryChanges(follow);
for (const way of ["beforeunload", "pagehide"]) addEventListener(way, () => { left = performance.now(); });
if ((await tab).copied) rememberHere(HERE, null);
const here = rememberedHere(HERE);
const id = here ?? remembered(HERE, null);
const [whole, cells] = await Promise.all([get("draft", WHOLE + id), get("draft", STATE + id)]).catch(() => []);
if (!whole || !cells || grid) return;
take({ ...whole, ...cells });
if (grid.state !== "running") return tellOthers();
if (here) return goOn();
grid.state = "stopped";
return tellOthers();
}
return { theGrid, cellAt, startGrid, someSeed, goOn, stopGrid, again, madeCount, secondsLeft, startFeeding };
})();

const $axes = (() => {

const { all, byId, make, show } = $dom;
const { inEveryLanguage, t } = $i18n;
const { chosenPreset } = $offers;
const { someSeed } = $feed;
const { axisName, choicesOf, kindOf, kinds, labelOf, valuesIn, WORDS } = $kinds;
const { textOf } = $values;

const SIDES = ["x", "y", "z"];
const SHOWN = 8;
const SEEDS = 4;
const set = { x: { field: "", text: "" }, y: { field: "", text: "" }, z: { field: "", text: "" } };
let changed = () => {};

const part = (side, name) => byId(`axis-${side}-${name}`);

function axesSet(aloud = false) {
const found = [];
let wrong = false;
for (const side of SIDES) {
const { field } = set[side];
if (!field) continue;
try {
const values = valuesOf(side);
if (field !== WORDS && found.some((one) => one.field === field)) throw t("axis.twice", { name: axisName(field) });
if (values.length) found.push({ field, values });
else if (aloud) throw t("axis.none");
accept(side);
} catch (sentence) {
if (typeof sentence !== "string") throw sentence;
if (aloud && !wrong) (part(side, "text") ?? part(side, "ticks")?.querySelector("input") ?? part(side, "field")).focus();
wrong = true;
refuse(side, sentence);
}
}
return wrong ? null : found;
}

function valuesOf(side) {
const { field, text } = set[side];
const kind = kindOf(field);
if (!kind) return [];
if (kind.how !== "ticks") return valuesIn(field, text);
if (field === "preset" && chosenPreset()?.own) throw t("axis.own");
const ticked = all("input:checked", part(side, "ticks")).map((box) => Number(box.value));
return choicesOf(field).filter((_, at) => ticked.includes(at)).map(([value]) => value);
}

function setAxes(axes) {
SIDES.forEach((side, at) => {
const { field = "", values = [] } = axes[at] ?? {};
const how = kindOf(field)?.how;
Object.assign(set[side], { field: how ? field : "", text: how && how !== "ticks" ? textOf(values, how === "lines") : "" });
fill(side);
if (how !== "ticks") return;
const choices = choicesOf(field);
for (const box of all("input", part(side, "ticks"))) box.checked = values.includes(choices[Number(box.value)][0]);
describe(side);
});
changed();
}

function refuse(side, sentence) {
part(side, "error").textContent = sentence;
show(part(side, "error"), true);
part(side, "text")?.setAttribute("aria-invalid", "true");
}

function accept(side) {
show(part(side, "error"), false);
part(side, "text")?.removeAttribute("aria-invalid");
}

function describe(side) {
accept(side);
let said = "";
const { field } = set[side];
try {
const values = field ? valuesOf(side) : [];
const shown = values.slice(0, SHOWN).map((value) => labelOf(field, value));
said = values.length ? t("axis.values", { n: values.length, values: `${shown.join(" · ")}${values.length > SHOWN ? " …" : ""}` }) : field ? t(`axis.how.${field === WORDS ? WORDS : kindOf(field)?.how ?? "list"}`) : "";
} catch (sentence) {
if (typeof sentence !== "string") throw sentence;
refuse(side, sentence);
}
part(side, "said").textContent = said;
}

function fill(side) {
offerKinds(side);
const { field, text } = set[side];
const how = kindOf(field)?.how;
const room = part(side, "values");
const label = t("axis.values.label", { name: field ? axisName(field) : "" });
const about = { id: `axis-${side}-text`, "aria-label": label, "aria-describedby": `axis-${side}-said axis-${side}-error`, spellcheck: false, autocomplete: "off", value: text };
if (!how) room.replaceChildren();
else if (how === "ticks") room.replaceChildren(make("div", { id: `axis-${side}-ticks`, className: "explore-ticks", role: "group", "aria-label": label }, ...choicesOf(field).map(([, name], at) => make("label", { className: "check" }, make("input", { type: "checkbox", value: String(at) }), make("span", { dir: "auto" }, name)))));
else if (how === "lines") room.replaceChildren(make("textarea", { ...about, rows: 3, dir: "auto" }));
else room.replaceChildren(make("input", { type: "text", ...about }));
if (how === "seeds") room.append(make("button", { type: "button", className: "text-button inset", onclick: () => addSeeds(side) }, t("axis.seeds", { n: SEEDS })));
describe(side);
}

function addSeeds(side) {
const before = set[side].text.trim().replace(/[,;]$/, "");
set[side].text = [before, ...Array.from({ length: SEEDS }, someSeed)].filter(Boolean).join("; ");
part(side, "text").value = set[side].text;
describe(side);
changed();
}

function offerKinds(side) {
const there = kinds();
if (!there.some(({ field }) => field === set[side].field)) set[side].field = "";
const options = (some) => some.map(({ field }) => make("option", { value: field }, axisName(field)));
const isWords = ({ field }) => [WORDS, "prompt", "neg"].includes(field);
part(side, "field").replaceChildren(make("option", { value: "" }, t("axis.no")), make("optgroup", { label: t("axis.group.words") }, ...options(there.filter(isWords))), make("optgroup", { label: t("axis.group.settings") }, ...options(there.filter((one) => !isWords(one)))));
part(side, "field").value = set[side].field;
}

function offerAxes() {
for (const side of SIDES) {
const ticked = new Set(all(`#axis-${side}-ticks input:checked`).map((box) => box.parentElement.textContent));
fill(side);
for (const box of all(`#axis-${side}-ticks input`)) box.checked = ticked.has(box.parentElement.textContent);
describe(side);
}
}

function startAxes(act) {
changed = act;
byId("explore-axes").append(...SIDES.map((side) => make("fieldset", { className: "field explore-axis", "data-side": side },
make("legend", { "data-t": `axis.${side}` }, t(`axis.${side}`)), make("select", { id: `axis-${side}-field` }), make("div", { id: `axis-${side}-values`, className: "explore-values" }),
make("p", { className: "hint", id: `axis-${side}-said` }), make("p", { className: "error", id: `axis-${side}-error`, role: "alert", hidden: true }))));
for (const side of SIDES) {
part(side, "field").addEventListener("change", ({ target }) => {
Object.assign(set[side], { field: target.value, text: target.value === "prompt" ? byId("f-prompt").value.trim() : "" });
fill(side);
changed();
});
part(side, "values").addEventListener("input", ({ target }) => {
if (target.id === `axis-${side}-text`) set[side].text = target.value;
describe(side);
changed();
});
}
inEveryLanguage(() => {
for (const side of SIDES) part(side, "field").setAttribute("aria-label", t(`axis.${side}`));
offerAxes();
});
}
return { axesSet, setAxes, offerAxes, startAxes };
})();

const $sheet = (() => {

const { fileOf } = $collection;
const { make } = $dom;
const { t } = $i18n;
const { blobOf } = $pictures;
const { cellAt } = $feed;
const { axisName, countOf, labelOf, placesOf } = $kinds;

const SIDE = 8192;
const AREA = 64e6;
const LEAST = 192; // of a cell's longer side: smaller ones have no room for words
const GAP = 8;
const LINES = 3;
const INK = { ground: "#ffffff", text: "#1f1d1a", muted: "#625f57", empty: "#f1f0ec" };
const FONT = "system-ui, -apple-system, \"Segoe UI\", Roboto, \"Noto Sans\", sans-serif";

function linesOf(text, measure, width, most) {
const lines = [""];
const pieces = text.split(/(?<=\s)/).flatMap((word) => (measure(word) > width ? [...word] : [word]));
for (const piece of pieces) {
const longer = lines.at(-1) + piece;
if (measure(longer.trimEnd()) <= width || lines.at(-1) === "") lines[lines.length - 1] = longer;
else lines.push(piece);
}
if (lines.length <= most) return lines.map((line) => line.trim());
const kept = lines.slice(0, most).map((line) => line.trim());
let last = [...kept.at(-1)];
while (last.length && measure(`${last.join("").trimEnd()}…`) > width) last = last.slice(0, -1);
return [...kept.slice(0, -1), `${last.join("").trimEnd()}…`];
}

function plan({ axes }, { width, height }) {
const [columns, rows, pages] = [0, 1, 2].map((at) => axes[at]?.values.length ?? 1);
const larger = Math.max(1, LEAST / Math.max(width, height));
const fits = Math.min((SIDE * 0.85) / (columns * pages * width), (SIDE * 0.9) / (rows * height), Math.sqrt((AREA * 0.8) / (columns * rows * pages * width * height)));
const scale = Math.min(larger, fits);
const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
const size = Math.round(Math.min(40, Math.max(11, w / 14)));
return { columns, rows, pages, w, h, size, edge: Math.round(size * 0.8) };
}

async function drawn(grid) {
const layout = plan(grid, await sizesOf(grid));
const canvas = make("canvas");
const context = canvas.getContext("2d");
const words = wordsOf(grid, layout, context);
const { edge, line, left, top, pageWidth, foot } = words;
canvas.width = edge + layout.pages * (pageWidth + edge);
canvas.height = 2 * edge + top + layout.rows * (layout.h + GAP) + foot.length * line;
Object.assign(context, { fillStyle: INK.ground, textBaseline: "top", imageSmoothingQuality: "high" });
context.fillRect(0, 0, canvas.width, canvas.height);
for (let page = 0; page < layout.pages; page += 1) writeLabels(context, layout, words, page);
write(context, words, foot, edge, canvas.height - edge / 2 - foot.length * line, { weight: 400, ink: INK.muted });
for (let at = 0; at < countOf(grid.axes); at += 1) {
const [column, row = 0, page = 0] = placesOf(grid.axes, at);
await place(context, at, edge + page * (pageWidth + edge) + left + column * (layout.w + GAP), edge + top + row * (layout.h + GAP), layout);
}
return canvas;
}

const fontOf = (weight, size) => `${weight} ${size}px ${FONT}`;

function wordsOf(grid, { columns, pages, w, h, size, edge }, context) {
const [x, y, z] = grid.axes;
const line = Math.round(size * 1.3);
const measure = (text) => context.measureText(text).width;
const side = Math.max(w * 0.7, 90);
const valuesOf = (axis, width, most) => (axis?.values ?? []).map((value) => linesOf(labelOf(axis.field, value), measure, width, most));
context.font = fontOf(600, size);
const above = valuesOf(x, w, LINES);
const beside = valuesOf(y, side, Math.max(1, Math.min(6, Math.floor(h / line))));
const name = y ? linesOf(axisName(y.field), measure, side, 2) : [];
const left = y ? Math.ceil(Math.max(...[...beside.flat(), ...name].map(measure))) + edge : 0;
const top = (z ? line + GAP : 0) + line + Math.max(...above.map((lines) => lines.length)) * line + GAP;
const pageWidth = left + columns * (w + GAP) - GAP;
const across = linesOf(axisName(x.field), measure, pageWidth - left, 1);
const titles = (z?.values ?? []).map((value) => linesOf(t("axis.named", { name: axisName(z.field), value: labelOf(z.field, value) }), measure, pageWidth, 1));
context.font = fontOf(400, size);
const foot = linesOf(footOf(grid), measure, pages * (pageWidth + edge) - edge, 2);
return { above, beside, name, across, titles, foot, left, top, pageWidth, line, edge, size };
}

function write(context, { line, size }, lines, at, to, { weight = 600, ink = INK.text, align = "left" } = {}) {
Object.assign(context, { font: fontOf(weight, size), fillStyle: ink, textAlign: align });
lines.forEach((text, place) => context.fillText(text, at, to + place * line));
}

function writeLabels(context, { w, h }, words, page) {
const { above, beside, name, across, titles, left, top, pageWidth, line, edge } = words;
const start = edge + page * (pageWidth + edge);
const to = edge + (titles.length ? line + GAP : 0);
if (titles.length) write(context, words, titles[page], start + left, edge);
write(context, words, across, start + left, to, { weight: 400, ink: INK.muted });
write(context, words, name, start, edge + top - GAP - name.length * line, { weight: 400, ink: INK.muted });
above.forEach((lines, at) => write(context, words, lines, start + left + at * (w + GAP) + w / 2, to + line, { align: "center" }));
beside.forEach((lines, at) => write(context, words, lines, start + left - edge / 2, edge + top + at * (h + GAP) + (h - lines.length * line) / 2, { align: "right" }));
}

function footOf({ said, axes }) {
const varied = new Set(axes.map(({ field }) => field));
const one = (name) => (varied.has(name) || (varied.has("walk") && name === "seed") || said[name] === undefined ? "" : name === "seed" ? t("about.seed", { seed: said.seed }) : String(said[name]));
return [one("prompt"), one("model"), one("seed")].filter(Boolean).join(" · ");
}

async function sizesOf(grid) {
let [width, height] = [1, 1];
for (let at = 0; at < countOf(grid.axes); at += 1) {
const bitmap = await bitmapOf(at);
if (!bitmap) continue;
[width, height] = [Math.max(width, bitmap.width), Math.max(height, bitmap.height)];
bitmap.close();
}
return { width, height };
}

async function bitmapOf(at) {
const { id } = cellAt(at);
const file = id === undefined ? undefined : await fileOf({ id });
return file ? createImageBitmap(file) : null;
}

async function place(context, at, left, top, { w, h, size }) {
const bitmap = await bitmapOf(at);
if (!bitmap) {
context.fillStyle = INK.empty;
context.fillRect(left, top, w, h);
return writeInto(context, cellAt(at).error ?? "", left, top, { w, h, size });
}
const factor = Math.min(w / bitmap.width, h / bitmap.height);
const [width, height] = [bitmap.width * factor, bitmap.height * factor];
context.drawImage(bitmap, left + (w - width) / 2, top + (h - height) / 2, width, height);
return bitmap.close();
}

function writeInto(context, words, left, top, { w, h, size }) {
const line = size * 1.3;
const lines = words ? linesOf(words, (text) => context.measureText(text).width, w - 2 * GAP, Math.max(1, Math.floor((h - 2 * GAP) / line))) : [];
Object.assign(context, { fillStyle: INK.muted, textAlign: "center" });
lines.forEach((text, place) => context.fillText(text, left + w / 2, top + (h - lines.length * line) / 2 + place * line));
}

async function sheetOf(grid) {
return blobOf(await drawn(grid));
}
return { linesOf, sheetOf };
})();

const $carried = (() => {

const { entryOf, fileOf, rowOf } = $collection;
const { drawer } = $drawers;
const { download, timeName } = $pictures;
const { cellAt, theGrid } = $feed;
const { cellName, countOf } = $kinds;
const { sheetOf } = $sheet;

const KEY = "imagine-grid";
const HEADER = 33; // bytes of a PNG's signature and IHDR
const OF_PICTURES = ["img", "mask", "control", "references"];
const LONGEST = 60; // letters of a part's name

async function recipeOf({ said, axes, made }) {
const id = Object.values(made).find((one) => rowOf({ id: one }));
const entry = id === undefined ? null : await entryOf({ id });
const beside = Object.fromEntries(Object.entries(entry?.meta ?? {}).filter(([name, value]) => OF_PICTURES.includes(name) && value));
return { meta: { ...said, ...beside }, grid: { axes } };
}

async function withText(png, text, checksumOf) {
const encode = (words) => new TextEncoder().encode(words);
const body = new Blob([encode("iTXt"), encode(`${KEY}\0\0\0\0\0`), encode(text)]);
const four = (value) => Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
const chunk = [four(body.size - 4), body, four(await checksumOf(body))];
return new Blob([png.slice(0, HEADER), ...chunk, png.slice(HEADER)], { type: "image/png" });
}

async function sheetFile(packing) {
const grid = theGrid();
return withText(await sheetOf(grid), JSON.stringify(await recipeOf(grid)), packing.checksum);
}

async function downloadSheet() {
const packing = await drawer("gallery");
if (packing) download(await sheetFile(packing), `${timeName(Date.now())}-grid.png`);
}

async function downloadRecipe() {
const recipes = await drawer("recipe");
if (recipes) download(await recipeFile(recipes), `${timeName(Date.now())}-grid.json`);
}

async function recipeFile(recipes) {
const { meta, grid } = await recipeOf(theGrid());
return recipes.jsonBlob({ meta: await recipes.wholeRecipe({ meta }), grid });
}

async function downloadParts(act) {
const [packing, recipes] = [await drawer("gallery"), await drawer("recipe")];
if (packing && recipes) download(await packing.zipped(parts(packing, recipes, act)), `${timeName(Date.now())}-grid.zip`);
}

async function* parts(packing, recipes, act) {
const { axes } = theGrid();
const time = Date.now();
yield { name: "grid.png", time, blob: await sheetFile(packing) };
yield { name: "grid.json", time, blob: await recipeFile(recipes) };
const digits = String(countOf(axes)).length;
let n = 0;
for (let at = 0; at < countOf(axes); at += 1) {
const { id } = cellAt(at);
const [entry, file] = id === undefined ? [] : await Promise.all([entryOf({ id }), fileOf({ id })]);
if (!entry || !file) continue;
const words = cellName(axes, at).replace(/[^\p{L}\p{N}.]+/gu, "-").slice(0, LONGEST).replace(/^[-.]+|[-.]+$/g, "");
const name = `${String(at + 1).padStart(digits, "0")}-${words}`;
yield { name: `${name}.png`, time: entry.time, blob: file };
yield { name: `${name}.json`, time: entry.time, blob: recipes.jsonBlob({ meta: await recipes.wholeRecipe(entry) }) };
act((n += 1));
}
}
return { downloadSheet, downloadRecipe, downloadParts };
})();

const $cells = (() => {

const { rowOf, thumbsOf } = $collection;
const { all, byId, icon, make, show } = $dom;
const { t } = $i18n;
const { cellAt, theGrid } = $feed;
const { axisName, cellName, countOf, labelOf } = $kinds;

const urls = new Map(); // a picture's id → the address of its small one
let shown = "";
let names = [];
let page = 0;
let active = 0;
let open = () => {};
let loading = false;

const across = () => theGrid().axes[0]?.values.length ?? 1;
const down = () => theGrid().axes[1]?.values.length ?? 1;
const pages = () => theGrid().axes[2]?.values.length ?? 1;
const first = () => page * across() * down();
const cells = () => all("[role=gridcell]", byId("explore-grid"));

function release(wanted = new Set()) {
for (const [id, url] of urls) {
if (wanted.has(id)) continue;
URL.revokeObjectURL(url);
urls.delete(id);
}
}

function showPage(which) {
page = Math.max(0, Math.min(pages() - 1, which));
byId("explore-page").value = String(page);
describeCells();
}

function describeCells() {
const grid = theGrid();
const walk = grid.axes[0].field === "walk";
if (!shown.startsWith(grid.id)) page = 0;
const key = `${grid.id} ${page} ${document.documentElement.lang}`;
if (key !== shown) {
const within = byId("explore-grid").contains(document.activeElement);
if (!shown.startsWith(grid.id)) { release(); active = 0; }
shown = key;
names = Array.from({ length: across() * down() }, (_, place) => cellName(grid.axes, first() + place));
byId("explore-grid").replaceChildren(...table(grid));
byId("explore-grid").style.setProperty("--columns", across());
byId("explore-grid").classList.toggle("walk", walk);
offerPages(grid);
if (within) cells()[active]?.focus();
}
describeEach();
loadThumbs();
}

function offerPages(grid) {
show(byId("explore-pages"), pages() > 1);
if (pages() < 2) return;
const { field, values } = grid.axes[2];
byId("explore-page-name").textContent = axisName(field);
byId("explore-page").replaceChildren(...values.map((value, at) => make("option", { value: String(at) }, labelOf(field, value))));
byId("explore-page").value = String(page);
}

function table({ axes }) {
const [x, y] = axes;
const label = (role, { field, values }, at) => make("div", { role, className: "explore-label", title: labelOf(field, values[at]) }, make("span", { dir: "auto" }, labelOf(field, values[at])));
const corner = make("div", { role: "columnheader", className: "explore-corner" }, make("span", {}, y ? axisName(y.field) : ""), make("span", {}, axisName(x.field)));
const head = make("div", { role: "row", className: "explore-row" }, corner, ...x.values.map((_, at) => label("columnheader", x, at)));
const rows = Array.from({ length: down() }, (_, row) => make("div", { role: "row", className: "explore-row" },
y ? label("rowheader", y, row) : make("div", { role: "rowheader", className: "explore-label" }), ...Array.from({ length: across() }, (_, column) => cellOf(row * across() + column))));
return [head, ...rows];
}

function cellOf(place) {
return make("div", { role: "gridcell", className: "explore-cell", tabIndex: place === active ? 0 : -1 }, make("img", { alt: "", decoding: "async" }), make("span", { className: "explore-said" }));
}

const describeEach = () => cells().forEach((cell, place) => describeCell(cell, first() + place, names[place]));

function describeCell(cell, at, called) {
const told = cellAt(at);
const lost = told.state === "made" && rowOf({ id: told.id }) === undefined;
const [image, said] = cell.children;
const url = told.state === "made" ? (urls.get(told.id) ?? "") : "";
if ((image.getAttribute("src") ?? "") !== url) url ? image.setAttribute("src", url) : image.removeAttribute("src");
const state = lost ? "lost" : told.state;
const part = told.order?.part;
const words = state === "failed" ? told.error : state === "made" ? "" : state === "running" ? t("explore.running", { n: Math.floor((part ?? 0) * 100) }) : t(`explore.cell.${state}`);
cell.dataset.state = state;
if (said.dataset.words !== words) {
said.dataset.words = words;
said.replaceChildren(...(state === "failed" || state === "lost" ? [icon("reuse")] : []), words);
}
const more = state === "failed" ? t("explore.failed", { why: told.error }) : state === "lost" ? t("explore.lost") : words;
const name = [called, more].filter(Boolean).join(": ");
if (cell.title !== name) cell.title = name;
if (cell.getAttribute("aria-label") !== name) cell.setAttribute("aria-label", name);
}

async function loadThumbs() {
if (loading) return;
loading = true;
try {
for (let missing = wanted().filter((id) => !urls.has(id)); missing.length; missing = wanted().filter((id) => !urls.has(id))) {
const thumbs = await thumbsOf(missing.map((id) => ({ id })));
missing.forEach((id, at) => urls.set(id, thumbs[at] ? URL.createObjectURL(thumbs[at]) : ""));
describeEach();
}
release(new Set(wanted()));
} finally {
loading = false;
}
}

const wanted = () => Array.from({ length: Math.min(across() * down(), countOf(theGrid().axes)) }, (_, place) => cellAt(first() + place).id).filter((id) => id !== undefined);

function focusCell(place) {
const list = cells();
if (!list[place]) return;
if (list[active]) list[active].tabIndex = -1;
active = place;
list[place].tabIndex = 0;
list[place].focus();
}

function pressed(event) {
if (event.ctrlKey && !["Home", "End"].includes(event.key)) return;
if (event.metaKey || event.altKey || !event.target.matches("[role=gridcell]")) return;
const [columns, rows] = [across(), down()];
const [column, row] = [active % columns, Math.floor(active / columns)];
const to = {
ArrowLeft: column > 0 ? active - 1 : active, ArrowRight: column < columns - 1 ? active + 1 : active,
ArrowUp: row > 0 ? active - columns : active, ArrowDown: row < rows - 1 ? active + columns : active,
Home: event.ctrlKey ? 0 : row * columns, End: event.ctrlKey ? columns * rows - 1 : (row + 1) * columns - 1,
}[event.key];
if (to !== undefined) focusCell(to);
else if (event.key === "PageDown" || event.key === "PageUp") showPage(page + (event.key === "PageDown" ? 1 : -1));
else if (event.key === "Enter" || event.key === " ") open(first() + active);
else return;
event.preventDefault();
event.stopPropagation();
}

function startCells(act) {
open = act;
byId("explore-grid").addEventListener("keydown", pressed);
byId("explore-grid").addEventListener("click", ({ target }) => {
const place = cells().indexOf(target.closest("[role=gridcell]"));
if (place < 0) return;
focusCell(place);
open(first() + place);
});
byId("explore-grid").addEventListener("focusin", ({ target }) => {
const place = cells().indexOf(target);
if (place >= 0 && place !== active) focusCell(place);
});
byId("explore-page").addEventListener("change", ({ target }) => showPage(Number(target.value)));
}
return { showPage, describeCells, focusCell, startCells };
})();

const $surprise = (() => {

const { ask, ServerError } = $api;
const { control, defaultOf, field } = $controls;
const { all, byId, make, show } = $dom;
const { drawer } = $drawers;
const { change } = $form;
const { inEveryLanguage, language, t } = $i18n;
const { remember, remembered } = $memory;
const { notice } = $notices;
const { chosenModel, presets, samplers } = $offers;
const { undoToNow } = $undo;
const { someSeed } = $feed;

const MAY = ["subject", "words", "lists", "style", "shape", "steps", "sampler", "seed"];
const FIRST = ["subject", "words", "shape", "seed"];
const KEPT = "surprise";
const PARTS = 2;
const STEPS = [0.75, 1.5]; // of the model's own number
const GUIDANCE = [0.7, 1.3];
const ORDINARY = 1;
let added = "";

const random = () => crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
const oneOf = (list) => list[Math.floor(random() * list.length)];
const between = (low, high) => low + random() * (high - low);
const shuffled = (list) => list.map((one) => [random(), one]).sort(([a], [b]) => a - b).map(([, one]) => one);
const ticked = () => all("#surprise-may label:not([hidden]) input:checked").map((box) => box.value);

async function surprise() {
const may = ticked();
const action = undoToNow();
const lists = may.includes("lists") ? await listNames() : [];
const ideas = (await drawer("builder"))?.ideas() ?? {};
rollWords(may, ideas, lists);
if (may.includes("style") && presets().length) change("preset", oneOf(["", ...presets().filter(suits).map((one) => one.name)]));
if (may.includes("shape")) oneOf(all("[data-shape]").filter((chip) => chip.dataset.shape !== "auto")).click();
if (may.includes("sampler")) rollSampler();
if (may.includes("steps")) rollNumbers();
if (may.includes("seed")) change("seed", someSeed());
notice(t("surprise.done"), { about: "surprise", action });
return byId("surprise-draw").checked;
}

async function listNames() {
try {
return (await ask("/wildcards")).wildcards;
} catch (error) {
if (!(error instanceof ServerError)) throw error;
return [];
}
}

const suits = ({ model }) => !model || model === control("model").value;

function rollWords(may, ideas, lists) {
const { subject = [], ...others } = ideas;
const told = chosenModel()?.examples ?? {};
const own = told[language()] ?? Object.values(told)[0] ?? [];
const before = byId("f-prompt").value;
const kept = added && before.endsWith(added) ? before.slice(0, -added.length) : before;
const base = may.includes("subject") || !kept.trim() ? oneOf(own.length ? own : subject) ?? kept : kept.trimEnd();
const parts = may.includes("words") ? shuffled(Object.values(others)).slice(0, PARTS).map(oneOf) : [];
const list = lists.length ? [`__${oneOf(lists)}__`] : [];
added = [...parts, ...list].map((words) => `, ${words}`).join("");
if (base + added !== before) change("prompt", base + added);
if (list.length && field("wildcards")) change("wildcards", true);
}

function rollSampler() {
const steps = Number(control("num_steps").value || defaultOf("num_steps"));
const able = samplers().filter((row) => row.schedules.includes("default") && steps >= row.min_steps.default && steps <= row.max_steps);
if (!able.length) return;
change("schedule", "");
change("sampler", oneOf(able).name);
}

function rollNumbers() {
const row = samplers().find(({ name }) => name === (control("sampler").value || defaultOf("sampler")));
const [steps, guidance] = [Number(defaultOf("num_steps")), Number(defaultOf("guidance"))];
const least = row?.min_steps[control("schedule").value || (defaultOf("schedule") ?? "default")] ?? field("num_steps").min;
const bounded = (name, value, low = -Infinity, high = Infinity) => {
const [min, max] = chosenModel()?.bounds?.[name] ?? [field(name).min, field(name).max];
return Math.min(Math.max(value, min, low), max, high);
};
change("num_steps", Math.round(bounded("num_steps", between(steps * STEPS[0], steps * STEPS[1]), least, row?.max_steps)));
if (guidance > ORDINARY) change("guidance", Math.round(bounded("guidance", between(guidance * GUIDANCE[0], guidance * GUIDANCE[1])) * 2) / 2);
}

async function offerSurprise() {
const offered = { lists: (await listNames()).length > 0, style: presets().length > 0 };
for (const [name, there] of Object.entries(offered)) show(byId("surprise-may").querySelector(`[value=${name}]`).parentElement, there);
}

function startSurprise() {
const kept = remembered(KEPT, { may: FIRST, draw: true });
byId("surprise-may").append(...MAY.map((name) => make("label", { className: "check" }, make("input", { type: "checkbox", value: name, checked: kept.may?.includes(name) ?? false }), make("span", { "data-t": `surprise.${name}` }))));
byId("surprise-draw").checked = kept.draw !== false;
const keep = () => {
remember(KEPT, { may: all("#surprise-may input:checked").map((box) => box.value), draw: byId("surprise-draw").checked });
describe();
};
const describe = () => {
byId("surprise-go").disabled = ticked().length === 0;
byId("surprise-said").textContent = ticked().length ? "" : t("surprise.none");
};
byId("surprise-may").addEventListener("change", keep);
byId("surprise-draw").addEventListener("change", keep);
inEveryLanguage(() => {
for (const each of all("#surprise-may [data-t]")) each.textContent = t(each.dataset.t);
describe();
});
}
return { surprise, offerSurprise, startSurprise };
})();

const $walk = (() => {

const { fileOf } = $collection;
const { byId, show } = $dom;
const { t } = $i18n;
const { numberIn } = $numbers;
const { chosenEntry } = $stage;
const { cellAt, someSeed, theGrid } = $feed;
const { labelOf, seedFrom } = $kinds;
const { MOST, seedsIn } = $values;

const LEAST = 2;
let seen = null;
let changed = () => {};

function walkSet(aloud = false) {
try {
const seeds = seedsIn(byId("walk-seeds").value, seedFrom);
const frames = numberIn(byId("walk-frames").value);
if (seeds.length < LEAST) throw aloud ? t("walk.few") : "";
if (!Number.isInteger(frames) || frames < LEAST || frames > MOST) throw t("error.range", { min: LEAST, max: MOST });
show(byId("walk-error"), false);
return [{ field: "walk", values: stepsOf(seeds, frames) }];
} catch (sentence) {
if (typeof sentence !== "string") throw sentence;
byId("walk-error").textContent = sentence;
show(byId("walk-error"), sentence !== "");
if (aloud) byId("walk-seeds").focus();
return null;
}
}

function stepsOf(seeds, frames) {
const legs = seeds.slice(1).flatMap((next, at) => Array.from({ length: frames }, (_, step) => (step === 0 ? { seed: seeds[at] } : { seed: seeds[at], subseed: next, subseed_strength: Math.round((step / frames) * 1000) / 1000 })));
return [...legs, { seed: seeds.at(-1) }];
}

function setWalk(values) {
const seeds = values.filter((one) => !one.subseed_strength).map((one) => one.seed);
byId("walk-seeds").value = seeds.join("; ");
byId("walk-frames").value = String(Math.max(LEAST, Math.round((values.length - 1) / Math.max(1, seeds.length - 1))));
changed();
}

function offerWalk() {
const first = chosenEntry()?.seed || byId("f-seed").value.trim();
if (byId("walk-seeds").value === "" && first) byId("walk-seeds").value = `${first}; ${someSeed()}`;
byId("walk-take").hidden = chosenEntry() === null;
}

const isWalk = () => theGrid()?.axes[0].field === "walk";

async function describeWalk() {
const grid = theGrid();
show(byId("walk-steps"), isWalk());
if (!isWalk()) return release();
const { values } = grid.axes[0];
const slider = byId("walk-at");
slider.max = String(values.length - 1);
const at = Number(slider.value);
const name = labelOf("walk", values[at]);
byId("walk-name").textContent = t("walk.at", { n: at + 1, of: values.length, name });
slider.setAttribute("aria-valuetext", name);
slider.setAttribute("aria-label", t("explore.walk"));
slider.style.setProperty("--at", values.length > 1 ? at / (values.length - 1) : 0);
const id = cellAt(at).id ?? null;
if (seen?.id === id) return undefined;
const file = id === null ? null : await fileOf({ id });
if (Number(slider.value) !== at || theGrid() !== grid) return undefined;
release();
if (file) {
seen = { id, url: URL.createObjectURL(file) };
byId("walk-seen").src = seen.url;
byId("walk-seen").alt = name;
}
return undefined;
}

function release() {
if (seen) URL.revokeObjectURL(seen.url);
seen = null;
byId("walk-seen").removeAttribute("src");
byId("walk-seen").alt = "";
}

function startWalk(act) {
changed = act;
for (const id of ["walk-seeds", "walk-frames"]) byId(id).addEventListener("input", act);
byId("walk-at").addEventListener("input", describeWalk);
byId("walk-random").addEventListener("click", () => {
const before = byId("walk-seeds").value.trim().replace(/[,;]$/, "");
byId("walk-seeds").value = [before, someSeed()].filter(Boolean).join("; ");
act();
});
}
return { walkSet, setWalk, offerWalk, isWalk, describeWalk, startWalk };
})();

const $drawer = (() => {

const { entryOf, gallery, rowOf } = $collection;
const { reuseSettings } = $actions;
const { control, focusFirstError } = $controls;
const { all, byId, openDialog, show } = $dom;
const { whenChanged } = $form;
const { duration, inEveryLanguage, t } = $i18n;
const { remember, remembered } = $memory;
const { nativeSide } = $offers;
const { asked, run } = $run;
const { bringIntoView, chosenEntry, showEntry } = $stage;
const { axesSet, offerAxes, setAxes, startAxes } = $axes;
const { downloadParts, downloadRecipe, downloadSheet } = $carried;
const { describeCells, startCells } = $cells;
const { again, cellAt, goOn, madeCount, secondsLeft, startFeeding, startGrid, stopGrid, theGrid } = $feed;
const { countOf, kindOf, saidAt, workOf } = $kinds;
const { offerSurprise, startSurprise, surprise } = $surprise;
const { MOST } = $values;
const { describeWalk, isWalk, offerWalk, setWalk, startWalk, walkSet } = $walk;

const TABS = ["grid", "walk", "surprise"];
let tab = TABS.includes(remembered("explore", "grid")) ? remembered("explore", "grid") : "grid";
let pace = null; // seconds for a unit of work with the form's model: { model, seconds }
let counted = 0;
let beginning = false;

function openExplore() {
openDialog(byId("explore-dialog"));
offerAxes();
offerWalk();
choose(tab);
byId("explore-title").focus();
}

function openGrid({ axes }) {
const sound = (Array.isArray(axes) ? axes : []).filter((one) => typeof one?.field === "string" && Array.isArray(one.values) && one.values.length <= MOST).slice(0, 3);
if (sound[0]?.field === "walk") {
tab = "walk";
openExplore();
return setWalk(sound[0].values.filter((one) => one !== null && typeof one === "object").map((one) => ({ seed: String(one.seed), subseed_strength: Number(one.subseed_strength ?? 0) })));
}
tab = "grid";
openExplore();
return setAxes(sound.filter(({ field }) => kindOf(field)));
}

function choose(name) {
tab = name;
remember("explore", tab);
for (const one of TABS) {
const button = byId(`explore-tab-${one}`);
button.setAttribute("aria-selected", String(one === tab));
button.tabIndex = one === tab ? 0 : -1;
show(byId(`explore-panel-${one}`), one === tab);
}
if (tab === "surprise") offerSurprise();
count();
describe();
}

const axesOf = (aloud) => (tab === "walk" ? walkSet(aloud) : axesSet(aloud));

async function count() {
if (tab === "surprise" || !byId("explore-dialog").open) return;
const own = (counted += 1);
const [axes, where] = [axesOf(false), byId(`${tab}-count`)];
const n = axes?.length ? countOf(axes) : 0;
byId(`${tab}-start`).disabled = n < 2 || n > MOST;
where.classList.toggle("error", n > MOST);
if (n > MOST) where.textContent = t("explore.many", { n, most: MOST });
else if (n < 2) where.textContent = t(tab === "walk" ? "walk.few" : "explore.few");
else {
const seconds = await expected(axes);
if (own !== counted) return;
where.textContent = seconds === null ? t("explore.count", { n }) : t("explore.count.time", { n, time: duration(seconds) });
}
}

async function expected(axes) {
const model = control("model").value;
if (pace?.model !== model || pace.of !== gallery()[0]?.id) {
const row = gallery().find((one) => one.model === model);
const entry = row && (await entryOf(row));
const spent = entry ? Object.entries(entry.timings).reduce((sum, [name, value]) => sum + (name === "loading" ? 0 : value), 0) : 0;
pace = { model, of: gallery()[0]?.id, seconds: spent > 0 ? spent / workOf(entry.meta, nativeSide()) : null };
}
if (pace.seconds === null) return null;
const base = Object.fromEntries(["num_steps", "width", "height"].map((name) => [name, Number(control(name).value.replace(",", ".")) || undefined]).filter(([, value]) => value));
return Array.from({ length: countOf(axes) }, (_, at) => pace.seconds * workOf(saidAt(base, axes, at), nativeSide())).reduce((sum, one) => sum + one, 0);
}

async function begin() {
const axes = axesOf(true);
if (beginning || !axes?.length || countOf(axes) < 2 || countOf(axes) > MOST) return;
beginning = true;
try {
const wanted = await asked();
if (wanted === null) return refused();
byId("walk-at").value = "0";
await startGrid(axes, wanted);
byId("explore-made").scrollIntoView({ block: "nearest" });
} finally {
beginning = false;
}
}

function refused() {
byId("explore-dialog").close();
focusFirstError();
}

function describe() {
const grid = theGrid();
const fits = grid !== null && tab !== "surprise" && isWalk() === (tab === "walk");
show(byId("explore-made"), fits);
if (!fits || !byId("explore-dialog").open) return;
const [n, of] = [madeCount(), countOf(grid.axes)];
const left = grid.state === "running" ? secondsLeft() : null;
const failed = Object.keys(grid.errors).length;
const said = [t("explore.made", { n, of }), failed ? t("explore.failures", { n: failed }) : "", grid.state === "stopped" ? t("explore.stopped") : ""].filter(Boolean).join(" · ");
if (byId("explore-how").textContent !== said) byId("explore-how").textContent = said;
byId("explore-left").textContent = left ? ` · ${t("run.left", { time: duration(left) })}` : "";
byId("explore-progress").value = of ? n / of : 0;
show(byId("explore-progress"), grid.state === "running");
const ends = grid.state === "done" && document.activeElement === byId("explore-stop");
show(byId("explore-stop"), grid.state !== "done");
byId("explore-stop").textContent = t(grid.state === "running" ? "explore.stop" : "explore.on");
for (const id of ["explore-sheet", "explore-zip"]) byId(id).disabled = n === 0;
if (ends) (n ? byId("explore-sheet") : byId("explore-json")).focus();
describeCells();
describeWalk();
}

async function open(at) {
const told = cellAt(at);
const row = told.state === "made" ? rowOf({ id: told.id }) : null;
if (row) {
if (isWalk() && byId("walk-at").value !== String(at)) {
byId("walk-at").value = String(at);
return describeWalk();
}
byId("explore-dialog").close();
bringIntoView();
return showEntry(row);
}
if (["failed", "made", "open"].includes(told.state)) again(at);
return undefined;
}

function busily(id, act) {
const button = byId(id);
button.addEventListener("click", async () => {
button.disabled = true;
try {
await act();
} finally {
button.disabled = false;
describe();
if (document.activeElement === document.body) button.focus();
}
});
}

function start() {
startAxes(count);
startWalk(count);
startSurprise();
startCells(open);
startFeeding(describe);
byId("explore-tabs").addEventListener("click", ({ target }) => { if (target.dataset.tab) choose(target.dataset.tab); });
byId("explore-tabs").addEventListener("keydown", (event) => {
const to = { ArrowRight: TABS.indexOf(tab) + 1, ArrowLeft: TABS.indexOf(tab) - 1, Home: 0, End: -1 }[event.key];
if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
event.preventDefault();
choose(TABS.at(to % TABS.length));
byId(`explore-tab-${tab}`).focus();
});
for (const name of ["grid", "walk"]) byId(`${name}-start`).addEventListener("click", ({ detail }) => { if (detail < 2) begin(); });
byId("walk-take").addEventListener("click", async () => { if (chosenEntry()) await reuseSettings(chosenEntry()); });
byId("surprise-go").addEventListener("click", async () => {
if (!(await surprise())) return;
byId("explore-dialog").close();
bringIntoView();
run();
});
byId("explore-stop").addEventListener("click", () => (theGrid().state === "running" ? stopGrid() : goOn()));
busily("explore-sheet", downloadSheet);
busily("explore-json", downloadRecipe);
busily("explore-zip", () => downloadParts((n) => { byId("explore-how").textContent = t("explore.packing", { n, of: madeCount() }); }));
whenChanged(() => { if (byId("explore-dialog").open) count(); });
inEveryLanguage(() => { count(); describe(); });
all("#explore-panel-walk input").forEach((each) => each.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); if (!event.repeat) begin(); } }));
}

start();
return { openExplore, openGrid };
})();
return $drawer;
};
