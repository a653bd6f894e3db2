export const build = "d335abcceb8f8c90";
export const texts = {"help.title":["Keys","Клавиши"],"help.touch":["With a finger: two fingers zoom the canvas, one that rests on a picture in the gallery picks it, and a button that can’t be pressed says why when it is tapped.","На сенсорном экране: двумя пальцами меняется масштаб холста, долгое касание выбирает картинку в галерее, а недоступная кнопка по касанию объясняет, почему она недоступна."],"help.hint":["All of it can be done by keys: Tab goes on, Shift+Tab back. ? opens this list from anywhere but a text.","Всё можно сделать с клавиатуры: Tab ведёт дальше, Shift+Tab назад. Знак ? открывает этот список отовсюду, кроме текстовых полей."],"key.arrows":["arrows","стрелки"],"key.Space":["Space","Пробел"],"key.drag":["drag","потянуть"],"key.wheel":["wheel","колесо"],"key.middle":["middle button","средняя кнопка"],"key.click":["click","щелчок"],"keys.page":["Everywhere","Везде"],"keys.stage":["The picture","Картинка"],"keys.alone":["A picture in full size","Картинка во весь экран"],"keys.prompt":["In a prompt","В описании"],"keys.number":["In a number","В числовом поле"],"keys.gallery":["In the gallery","В галерее"],"keys.styles":["Among the styles","Среди стилей"],"keys.grid":["In a grid","В сетке"],"keys.canvas":["On the canvas","На холсте"],"keys.generate":["generate; during a run: wait for its turn","создать; пока рисуется другая — поставить в очередь"],"keys.undo":["undo what the latest notice says, unless one writes","отменить то, о чём говорит последнее сообщение, если вы не пишете"],"keys.escape":["close what is open; twice: cancel what is made. Nothing while one writes","закрыть открытое; дважды — остановить рисование. Пока вы пишете, ничего не делает"],"keys.help":["this list","этот список"],"keys.choose":["choose among the pictures on the stage; where one is alone, its neighbour in the gallery","выбрать картинку среди показанных; если она одна — соседнюю в галерее"],"keys.star":["star the chosen picture, or not any more","поставить или снять звезду"],"keys.delete":["delete the chosen picture, which can be undone","удалить выбранную картинку; это можно отменить"],"keys.neighbour":["its neighbours in the gallery","соседние картинки в галерее"],"keys.past":["in an empty prompt: what was asked for before","в пустом описании: то, что вы писали раньше"],"keys.weigh":["weigh what is selected, or the word or LoRA at the cursor, by 0.05","вес выделенного, слова или LoRA у курсора: на 0,05"],"keys.weigh.more":["by 0.1","на 0,1"],"keys.names":["in a list of names: choose, take, leave","в списке имён: перейти, взять, закрыть"],"keys.step":["one step up or down","на шаг больше или меньше"],"keys.step.more":["ten at once","сразу на десять"],"keys.go":["go to another","перейти к другой"],"keys.pick.to":["pick all up to there","выбрать всё до этого места"],"keys.pick":["pick, or let go","выбрать или снять выбор"],"keys.pick.all":["pick all that are found","выбрать всё найденное"],"keys.open":["show it, open a batch","показать картинку, раскрыть пачку"],"keys.star.picked":["star what is picked, else this one","звезда выбранному, а без выбора — этой картинке"],"keys.delete.picked":["delete what is picked, else this one","удалить выбранное, а без выбора — эту картинку"],"keys.let.go":["let go what is picked","снять выбор"],"keys.styles.go":["go to another","перейти к другому"],"keys.styles.search":["search","искать"],"keys.styles.take":["take it","взять стиль"],"keys.styles.stay":["take it and stay","взять и остаться в списке"],"keys.styles.delete":["delete one’s own","удалить свой стиль"],"keys.grid.go":["go to another cell","перейти к другой ячейке"],"keys.grid.ends":["to the first or the last of all","к самой первой или последней"],"keys.grid.page":["to another page","к другой странице"],"keys.grid.open":["show the picture, or ask again for what failed","показать картинку или повторить то, что не получилось"],"keys.brush":["move the brush, with Shift further, and what is seen along with it","двигать кисть (с Shift дальше) и вид вслед за ней"],"keys.paint":["paint, from where the brush is; hold Space, or press Enter again at the end","рисовать от места кисти: держать пробел или ещё раз нажать Enter в конце"],"keys.move":["move what is seen","сдвинуть видимую часть"],"keys.zoom":["larger, smaller, all of it, pixel by pixel","крупнее, мельче, целиком, пиксель в пиксель"],"keys.tools":["brush, rectangle, lasso, take a colour, erase","кисть, прямоугольник, лассо, взять цвет, ластик"],"keys.size":["smaller, larger brush","кисть меньше, больше"],"keys.soft":["harder, softer edge","край жёстче, мягче"],"keys.line":["a straight line from where the brush was last","прямая от последнего места кисти"],"keys.undo.redo":["undo, redo: strokes, and then edits","отменить, повторить: мазки, потом правки"],"keys.place":["place a copied picture","вставить скопированную картинку"],"keys.placing":["of a picture that is placed: move, size, leave it there, leave it out","вставленную картинку: двигать, менять размер, оставить, убрать"],"keys.before":["what the edit was made of, and itself again","что было до правки, и снова как стало"],"keys.edits":["in the list of edits: go along it, go back to one","в списке правок: двигаться по нему, вернуться к одной из них"],"keys.make":["generate; the canvas stays open","создать; холст остаётся открытым"],"keys.close.canvas":["end the line that is drawn, or leave out the shape, else close: all is kept","закончить линию или отказаться от фигуры, иначе закрыть: всё сохраняется"],"unusual.steps.bounds":["{model} was made for {min} to {max} steps: more only take longer, and often look worse.","Модель {model} рассчитана на {min}–{max} шагов: больше — только дольше и часто хуже."],"unusual.steps.many":["Beyond {most} steps hardly anything changes any more; it only takes longer.","После {most} шагов почти ничего не меняется, только дольше ждать."],"unusual.steps.few":["So few steps mostly leave a picture unfinished: {usual} are usual here.","При таком числе шагов картинка часто остаётся незаконченной: здесь обычно {usual}."],"unusual.guidance.off":["{model} was made to draw without guidance: 0 or 1 is right for it, more burns colours.","Модель {model} рисует без следования описанию: ей подходит 0 или 1, больше портит цвета."],"unusual.guidance.bounds":["{model} was made for guidance from {min} to {max}: outside, colours burn or the prompt is lost.","Модель {model} рассчитана на следование от {min} до {max}: за этими пределами портятся цвета или теряется описание."],"unusual.guidance.high":["So much guidance burns colours and hardens edges: {usual} is usual here.","Такое сильное следование портит цвета и края: здесь обычно {usual}."],"unusual.guidance.low":["At 1 or less there is no guidance: the prompt counts less, and the negative prompt not at all.","При 1 и меньше следования нет: описание значит меньше, а «чего не рисовать» не значит ничего."],"unusual.neg":["{model} doesn’t hear what is not to be shown, as it is set now. Say in the prompt what there is instead.","При таких настройках модель {model} не слышит, чего не рисовать. Скажите в описании, что должно быть вместо этого."],"unusual.size.large":["Far more than the {side} × {side} that {model} was made for: it takes long, and shapes may repeat. Enlarge the picture afterwards instead.","Это намного больше, чем {side} × {side}, на которые рассчитана модель {model}: долго, и детали могут повторяться. Лучше увеличить готовую картинку."],"unusual.size.small":["Far less than the {side} × {side} that {model} was made for: little may be recognised.","Это намного меньше, чем {side} × {side}, на которые рассчитана модель {model}: разобрать что-нибудь будет трудно."],"unusual.size.long":["In so long a picture things often stand twice.","На таких вытянутых картинках предметы часто повторяются."],"unusual.strength.all":["1 ignores the picture: only its size counts. From 0.4 to 0.8 something of it stays.","При 1 исходная картинка не учитывается, только её размер. От 0,4 до 0,8 от неё что-то остаётся."],"unusual.strength.none":["0 keeps the picture as it is: nothing is painted.","При 0 картинка останется как есть: рисовать нечего."],"unusual.hires":["A second pass of that strength makes another picture; about 0.4 keeps it.","Второй проход такой силы нарисует другую картинку; около 0,4 её сохраняет."],"unusual.loras":["Weights beyond 1.5 mostly spoil pictures: {names}.","Веса больше 1,5 обычно портят картинку: {names}."],"unusual.loras.none":["None of the LoRAs here was made for {model}.","Ни одна LoRA здесь не подходит к модели {model}."]};
export const style = "dialog.help{width:min(860px,calc(100vw - 32px))}\n#help-keys{columns:2 340px;column-gap:var(--s6)}\n#help-keys section{break-inside:avoid;padding-bottom:var(--s4)}\n#help-keys dl{display:grid;grid-template-columns:minmax(7.5em,auto) minmax(0,1fr);gap:6px var(--s3);margin:0}\n#help-keys dt{display:flex;flex-wrap:wrap;align-content:start;gap:3px;max-width:11em}\n#help-keys dd{margin:0;line-height:1.45;overflow-wrap:anywhere}\n#help-keys kbd{padding:0 6px;border:1px solid var(--line);border-bottom-width:2px;border-radius:6px;background:var(--sunken);font:500 0.75rem/1.5 ui-monospace,SFMono-Regular,Menlo,\"DejaVu Sans Mono\",monospace;white-space:nowrap}\n.unusual{padding-left:var(--s2);border-left:2px solid var(--wait)}\n.unusual:empty{display:none}\n";
export const tree = [["dialog",{"id":"help-dialog","class":"sheet help","aria-labelledby":"help-title"},["div",{"class":"label-row"},["h2",{"id":"help-title","tabindex":"-1","data-t":"help.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"sheet-body","tabindex":"0","role":"group","aria-labelledby":"help-title"},["div",{"id":"help-keys"}]],["p",{"class":"hint"},["span",{"data-t":"help.hint"}]," ",["span",{"data-t":"help.touch"}]]]];
export const start = ({ $controls, $dom, $form, $i18n, $numbers, $offers, $size, $source }) => {

const $keys = (() => {

const KEYS = [
["page", ["Mod+Enter"], "generate"],
["page", ["Mod+Z"], "undo"],
["page", ["Esc"], "escape"],
["page", ["?"], "help"],
["stage", ["1", "…", "9", "arrows"], "choose"],
["stage", ["S"], "star"],
["stage", ["Delete"], "delete"],
["alone", ["←", "→"], "neighbour"],
["prompt", ["↑", "↓"], "past"],
["prompt", ["Mod+↑", "Mod+↓"], "weigh"],
["prompt", ["Mod+Shift+↑", "Mod+Shift+↓"], "weigh.more"],
["prompt", ["↑", "↓", "Enter", "Tab", "Esc"], "names"],
["number", ["↑", "↓"], "step"],
["number", ["Shift+↑", "Shift+↓"], "step.more"],
["gallery", ["arrows", "Home", "End", "PgUp", "PgDn"], "go"],
["gallery", ["Shift+arrows"], "pick.to"],
["gallery", ["Space"], "pick"],
["gallery", ["Mod+A"], "pick.all"],
["gallery", ["Enter"], "open"],
["gallery", ["S"], "star.picked"],
["gallery", ["Delete"], "delete.picked"],
["gallery", ["Esc"], "let.go"],
["styles", ["arrows", "Home", "End"], "styles.go"],
["styles", ["A", "…", "Z"], "styles.search"],
["styles", ["Enter"], "styles.take"],
["styles", ["Space"], "styles.stay"],
["styles", ["Delete"], "styles.delete"],
["grid", ["arrows", "Home", "End"], "grid.go"],
["grid", ["Mod+Home", "Mod+End"], "grid.ends"],
["grid", ["PgUp", "PgDn"], "grid.page"],
["grid", ["Enter"], "grid.open"],
["canvas", ["arrows", "Shift+arrows"], "brush"],
["canvas", ["Space", "Enter"], "paint"],
["canvas", ["Space+drag", "middle", "Shift+wheel"], "move"],
["canvas", ["wheel", "+", "-", "0", "1"], "zoom"],
["canvas", ["B", "R", "L", "I", "E"], "tools"],
["canvas", ["[", "]"], "size"],
["canvas", ["Shift+[", "Shift+]"], "soft"],
["canvas", ["Shift+click"], "line"],
["canvas", ["Mod+Z", "Mod+Shift+Z", "Mod+Y"], "undo.redo"],
["canvas", ["Mod+V"], "place"],
["canvas", ["arrows", "[", "]", "Enter", "Delete"], "placing"],
["canvas", ["C"], "before"],
["canvas", ["arrows", "Home", "End", "Enter"], "edits"],
["canvas", ["Mod+Enter"], "make"],
["canvas", ["Esc"], "close.canvas"]
];
return { KEYS };
})();

const $unusual = (() => {

const { control, defaultOf } = $controls;
const { all, describeBy, make } = $dom;
const { isReady, whenChanged } = $form;
const { inEveryLanguage, number, t } = $i18n;
const { numberIn } = $numbers;
const { chosenModel, entriesOf, nativeSide } = $offers;
const { hasSource } = $size;
const { sourceMask } = $source;

const MOST_STEPS = 80; // of models that weren't made for few
const FEW = 0.35;
const MOST_GUIDANCE = 15;
const LARGE = 2.2; // times the model's own area
const SMALL = 0.3;
const LONG = 2.6;
const MOST_AGAIN = 0.75;
const MOST_WEIGHT = 1.5;
const hints = new Map();

function startUnusual() {
whenChanged(describe);
inEveryLanguage(describe);
}

function describe() {
if (!isReady()) return;
const model = chosenModel();
const about = { model: model?.name ?? control("model").value };
tell("num_steps", steps(model?.bounds?.num_steps, about));
tell("guidance", guidance(model, about));
tell("neg", control("neg").value.trim() && !hearsNegative(model) ? t("unusual.neg", about) : "");
tell("width", size(about));
tell("strength", strength());
tell("hires.strength", said("hires.scale") > 1 && said("hires.strength") > MOST_AGAIN ? t("unusual.hires") : "");
tell("loras", loras(model, about));
}

const said = (name) => (control(name) ? numberIn(control(name).value) : NaN);
const meant = (name) => { const value = said(name); return Number.isNaN(value) ? Number(defaultOf(name) ?? NaN) : value; };

function steps(bounds, about) {
const [value, usual] = [said("num_steps"), Number(defaultOf("num_steps"))];
if (bounds) return value > bounds[1] ? t("unusual.steps.bounds", { ...about, min: bounds[0], max: bounds[1] }) : "";
if (value > MOST_STEPS) return t("unusual.steps.many", { most: MOST_STEPS });
return value < usual * FEW ? t("unusual.steps.few", { usual }) : "";
}

function guidance(model, about) {
const [value, usual] = [said("guidance"), Number(defaultOf("guidance"))];
const bounds = model?.bounds?.guidance;
if (bounds && bounds[1] <= 2) return value > Math.max(1, bounds[1]) ? t("unusual.guidance.off", about) : "";
if (bounds && (value < bounds[0] || value > bounds[1])) return t("unusual.guidance.bounds", { ...about, min: number(bounds[0]), max: number(bounds[1]) });
if (bounds) return "";
if (value > MOST_GUIDANCE) return t("unusual.guidance.high", { usual: number(usual) });
return value <= 1 && usual > 1 ? t("unusual.guidance.low") : "";
}

function hearsNegative(model) {
if (model?.true_cfg) return meant("true_cfg") > 1;
return (model?.guidance_kind ?? "cfg") === "cfg" && meant("guidance") > 1;
}

function size(about) {
const [width, height] = [said("width"), said("height")];
if (Number.isNaN(width + height)) return "";
const side = nativeSide();
const part = (width * height) / (side * side);
const enlarged = (control("fit")?.value || defaultOf("fit")) === "scale";
if (part > LARGE && !enlarged) return t("unusual.size.large", { ...about, side });
if (part < SMALL) return t("unusual.size.small", { ...about, side });
return Math.max(width / height, height / width) > LONG && !hasSource() ? t("unusual.size.long") : "";
}

function strength() {
if (!hasSource()) return "";
if (said("strength") === 0) return t("unusual.strength.none");
return said("strength") === 1 && !sourceMask() ? t("unusual.strength.all") : "";
}

function loras(model, about) {
const there = entriesOf("lora");
const families = model?.lora_families ?? [];
const fits = ({ family }) => !family || !families.length || families.includes(family);
if (there.length && !there.some(fits)) return t("unusual.loras.none", about);
const heavy = all(".lora", control("loras")).filter((row) => Math.abs(numberIn(row.querySelector("[data-weight]").value)) > MOST_WEIGHT);
return heavy.length ? t("unusual.loras", { names: heavy.map((row) => row.lora.name).join(", ") }) : "";
}

function tell(name, sentence) {
const each = control(name);
if (!each) return;
if (!hints.has(name) && !sentence) return;
if (!hints.has(name)) hints.set(name, made(each));
const hint = hints.get(name);
if (hint.textContent !== sentence) hint.textContent = sentence;
describeBy(each, hint.id, sentence !== "");
}

function made(each) {
const hint = make("p", { className: "hint unusual", id: `unusual-${each.id}`, role: "status" });
const box = each.closest("fieldset.field") ?? each.closest(".field");
box.insertBefore(hint, box.querySelector(":scope > .lora"));
return hint;
}
return { startUnusual };
})();

const $drawer = (() => {

const { byId, make, openDialog } = $dom;
const { hasText, inEveryLanguage, t } = $i18n;
const { KEYS } = $keys;
const { startUnusual } = $unusual;

const WRITTEN = "textarea, select, input:not([type=range], [type=checkbox], [type=color])";
const WHERE = [["#canvas-dialog[open]", "canvas"], ["#gallery-dialog[open], #gallery-whole:focus-within", "gallery"], ["#styles-dialog[open]", "styles"], ["#viewer[open]", "alone"]];
const ON_MAC = /Mac|iPhone|iPad/.test(navigator.platform);
const MACS = { Mod: "⌘", Shift: "⇧", Delete: "fn ⌫", Enter: "↵", Esc: "esc" };
const OTHERS = { Mod: "Ctrl", Delete: "Del" };

function openHelp() {
const here = WHERE.find(([selector]) => document.querySelector(selector))?.[1];
const groups = [...new Set(KEYS.map(([group]) => group))].sort((a, b) => (b === here) - (a === here));
byId("help-keys").replaceChildren(...groups.map(section));
openDialog(byId("help-dialog"));
byId("help-title").focus();
}

function section(group) {
const rows = KEYS.filter(([where]) => where === group);
const list = rows.flatMap(([, keys, what]) => [make("dt", {}, ...keys.map((key) => make("kbd", {}, keyName(key)))), make("dd", {}, t(`keys.${what}`))]);
return make("section", {}, make("h3", {}, t(`keys.${group}`)), make("dl", {}, ...list));
}

function keyName(key) {
const parts = key === "+" ? [key] : key.split("+");
const printed = (part) => (ON_MAC ? MACS : OTHERS)[part] ?? (hasText(`key.${part}`) ? t(`key.${part}`) : part);
return parts.map(printed).join(ON_MAC ? " " : "+");
}

document.addEventListener("keydown", (event) => {
const asks = event.key === "?" || (event.code === "Slash" && event.shiftKey);
if (!asks || event.ctrlKey || event.metaKey || event.altKey || event.target.matches(WRITTEN)) return;
event.preventDefault();
openHelp();
});
inEveryLanguage(() => { if (byId("help-dialog").open) openHelp(); });
startUnusual();
return { openHelp };
})();
return $drawer;
};
