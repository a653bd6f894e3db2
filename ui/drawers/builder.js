export const build = "d335abcceb8f8c90";
export const texts = {"builder.parts":["Parts of the picture","Части картинки"],"builder.tab.subject":["Subject","Сюжет"],"builder.tab.style":["Style","Стиль"],"builder.tab.light":["Light","Свет"],"builder.tab.colours":["Colours","Цвета"],"builder.tab.composition":["Composition","Композиция"],"builder.tab.against":["Not this","Без этого"],"builder.tab.embeddings":["Embeddings","Эмбеддинги"],"builder.hint.parts":["A chip puts its words where the cursor is; once more takes them out.","Нажатие вставит слова туда, где курсор, повторное — уберёт."],"builder.hint.against":["What the picture should not show, for the negative prompt.","Чего на картинке быть не должно: слова попадут в «Чего не рисовать»."],"builder.hint.embeddings":["Words that are taught to the model by a file.","Слова, которым модель учит отдельный файл."],"builder.not":["not {name}","без {name}"],"builder.faults":["Common faults","Частые огрехи"],"builder.bodies":["Hands and bodies","Руки и тело"],"builder.lettering":["Lettering and marks","Надписи и знаки"],"builder.framing":["Cut off","Обрезанные края"],"builder.quality":["Poor quality","Низкое качество"],"builder.drawn":["Drawn or painted","Рисованное"],"builder.photo":["Photographic","Похожее на фото"]};
export const style = ".builder{margin-top:var(--s2);padding:var(--s3);border:1px solid var(--line);border-radius:12px;background:var(--surface);display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s3)}\n.builder-tabs{display:flex;flex-wrap:wrap;gap:2px;margin:-4px}\n.builder-tabs [aria-selected=\"true\"]{background:var(--accent-soft);color:var(--accent)}\n#builder-panel .hint{margin-bottom:var(--s2)}\n#builder-chips{max-height:320px;overflow-y:auto;scrollbar-width:thin;overscroll-behavior:contain;padding:3px;margin:-3px}\n#builder-chips .chip{text-align:left;padding-block:4px;overflow-wrap:anywhere}\n\n@media (forced-colors:active){\n.builder-tabs [aria-selected=\"true\"]{outline:2px solid Highlight}\n}\n";
export const tree = [["div",{"class":"builder","id":"builder","role":"group","data-t-aria-label":"words.build","hidden":""},["div",{"class":"builder-tabs","role":"tablist","id":"builder-tabs","data-t-aria-label":"builder.parts"}],["div",{"id":"builder-panel","role":"tabpanel","tabindex":"-1"},["p",{"class":"hint","id":"builder-hint"}],["div",{"class":"chips","id":"builder-chips"}]]]];
export const start = ({ $controls, $dom, $form, $i18n, $memory, $numbers, $offers, $words }) => {

const $parts = (() => {

const PARTS = {
subject: [
["portrait of a woman", "портрет женщины"], ["portrait of a man", "портрет мужчины"], ["a child at play", "играющий ребёнок"], ["a cat", "кошка"], ["a dog", "собака"], ["a fox", "лиса"],
["a bird", "птица"], ["a house by the lake", "дом у озера"], ["a city street", "городская улица"], ["mountains", "горы"], ["a forest", "лес"], ["the sea", "море"],
["a still life with fruit", "натюрморт с фруктами"], ["a bouquet of flowers", "букет цветов"], ["a car", "автомобиль"], ["a robot", "робот"], ["a castle", "замок"], ["a cosy room", "уютная комната"],
],
style: [
["photograph", "фотография"], ["film photo, 35mm", "плёночная фотография, 35 мм"], ["watercolor", "акварель"], ["oil painting", "масляная живопись"], ["pencil drawing", "карандашный рисунок"], ["ink drawing", "рисунок тушью"],
["flat vector illustration", "плоская векторная иллюстрация"], ["children's book illustration", "иллюстрация детской книги"], ["cartoon", "мультфильм"], ["anime", "аниме"], ["3d render", "3D-рендер"], ["isometric", "изометрия"],
["pixel art", "пиксельная графика"], ["paper cutout", "аппликация из бумаги"], ["linocut", "линогравюра"], ["art nouveau poster", "плакат в стиле модерн"],
],
light: [
["soft daylight", "мягкий дневной свет"], ["golden hour", "золотой час"], ["blue hour", "синий час"], ["overcast sky", "пасмурное небо"], ["backlight", "контровой свет"], ["rim light", "контурный свет"],
["studio light", "студийный свет"], ["candlelight", "свет свечей"], ["neon light", "неоновый свет"], ["moonlight", "лунный свет"], ["sunbeams through mist", "лучи солнца в тумане"], ["dramatic shadows", "резкие тени"],
],
colours: [
["warm colors", "тёплые цвета"], ["cool colors", "холодные цвета"], ["pastel colors", "пастельные цвета"], ["vivid colors", "яркие цвета"], ["muted colors", "приглушённые цвета"], ["earth tones", "землистые тона"],
["black and white", "чёрно-белое"], ["sepia", "сепия"], ["teal and orange", "бирюзовый и оранжевый"], ["red accent", "красный акцент"], ["gold and dark blue", "золотой и тёмно-синий"],
],
composition: [
["close-up", "крупный план"], ["half-length", "по пояс"], ["full body", "в полный рост"], ["wide shot", "общий план"], ["from above", "вид сверху"], ["low angle", "вид снизу"],
["from behind", "вид сзади"], ["in profile", "в профиль"], ["centered", "по центру"], ["rule of thirds", "правило третей"], ["shallow depth of field", "малая глубина резкости"], ["plain background", "однотонный фон"],
["symmetrical", "симметрично"], ["plenty of empty space", "много пустого места"],
],
};

const AGAINST = {
faults: ["blurry, distorted, ugly, deformed, extra limbs", "размыто, искажено, уродливо, деформировано, лишние конечности"],
bodies: ["bad anatomy, bad hands, extra fingers, fused fingers", "неправильная анатомия, плохие руки, лишние пальцы, сросшиеся пальцы"],
lettering: ["text, watermark, signature, logo", "текст, водяной знак, подпись, логотип"],
framing: ["cropped, out of frame, cut off", "обрезано, вне кадра"],
quality: ["low quality, jpeg artifacts, noise, grain", "низкое качество, артефакты jpeg, шум, зерно плёнки"],
drawn: ["painting, drawing, illustration, cartoon", "живопись, рисунок, иллюстрация, мультфильм"],
photo: ["photo, photorealistic", "фотография, фотореализм"],
};
return { PARTS, AGAINST };
})();

const $phrases = (() => {

const escaped = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

const phrase = (words) => new RegExp(`(?<![\\p{L}\\p{N}_])(?:\\(\\s*${escaped(words)}\\s*(?::\\s*[\\d.]+)?\\s*\\)|${escaped(words)})(?![\\p{L}\\p{N}_])`, "iu");

const holds = (text, words) => phrase(words).test(text);

function without(text, words) {
const match = phrase(words).exec(text);
if (!match) return null;
let [start, end] = [match.index, match.index + match[0].length];
const before = /,?\s*$/.exec(text.slice(0, start))[0];
const behind = /^\s*,\s*/.exec(text.slice(end))?.[0] ?? "";
if (before.startsWith(",")) start -= before.length;
else if (behind) end += behind.length;
else if (end === text.length) start -= before.length;
return { start, end };
}

function placeFor(text, caret, words) {
const rest = /^[^,.;\n]*/.exec(text.slice(caret))[0];
let at = caret + rest.length;
if (depthAt(text, at) > 0) at = text.length;
at -= /\s*$/.exec(text.slice(0, at))[0].length;
const before = text.slice(0, at);
const behind = text.slice(at);
const first = before === "" || /[\n]$/.test(before);
const comma = /[,;:]$/.test(before) ? " " : ", ";
return { at, text: `${first ? "" : comma}${words}${/^\s*(?:$|[,.;:!?\n])/.test(behind) ? "" : ", "}` };
}

function depthAt(text, at) {
let depth = 0;
for (let i = 0; i < at; i += 1) if (text[i - 1] !== "\\") depth += { "(": 1, "[": 1, "{": 1, "<": 1, ")": -1, "]": -1, "}": -1, ">": -1 }[text[i]] ?? 0;
return depth;
}
return { holds, without, placeFor };
})();

const $drawer = (() => {

const { control, defaultOf } = $controls;
const { byId, make, press, show } = $dom;
const { whenChanged } = $form;
const { inEveryLanguage, language, t } = $i18n;
const { remember, remembered } = $memory;
const { numberIn } = $numbers;
const { chosenModel, embeddingWord, fittingEmbeddings } = $offers;
const { writeInto } = $words;
const { AGAINST, PARTS } = $parts;
const { holds, placeFor, without } = $phrases;

let tab = remembered("builder", "subject");

function toggleBuilder() {
const open = byId("builder").hidden;
show(byId("builder"), open);
byId("open-builder").setAttribute("aria-expanded", String(open));
describe();
if (open) byId("builder-tabs").querySelector("[aria-selected=true]").focus({ preventScroll: true });
}

const ideas = () => Object.fromEntries(Object.entries(PARTS).map(([name, words]) => [name, words.map(worded)]));

function tabs() {
return [...Object.keys(PARTS), ...(hearsNegative() ? ["against"] : []), ...(fittingEmbeddings().length ? ["embeddings"] : [])];
}

function hearsNegative() {
const { guidance_kind: kind, true_cfg: takesTrue } = chosenModel() ?? { guidance_kind: "cfg" };
const said = (name) => { const value = numberIn(control(name).value); return Number.isNaN(value) ? Number(defaultOf(name) ?? 1) : value; };
return takesTrue ? said("true_cfg") > 1 : kind === "cfg" && said("guidance") > 1;
}

const worded = ([english, russian]) => (language() === "ru" && chosenModel()?.languages?.includes("ru") ? russian : english);

function chips() {
if (tab === "embeddings") return fittingEmbeddings().flatMap((name) => [{ name, words: embeddingWord(name), into: "f-prompt" }, ...(hearsNegative() ? [{ name: t("builder.not", { name }), words: embeddingWord(name), into: "f-neg" }] : [])]);
if (tab === "against") return Object.entries(AGAINST).map(([key, words]) => ({ name: t(`builder.${key}`), words: worded(words), into: "f-neg" }));
return PARTS[tab].map((words) => ({ name: words[language() === "ru" ? 1 : 0], words: worded(words), into: "f-prompt" }));
}

function describe() {
if (byId("builder").hidden) return;
const there = tabs();
if (!there.includes(tab)) tab = there[0];
const focused = document.activeElement;
const inTabs = byId("builder-tabs").contains(focused);
const list = byId("builder-tabs");
const key = `${language()} ${there}`;
if (list.dataset.key !== key) {
list.dataset.key = key;
list.replaceChildren(...there.map((name) => make("button", { type: "button", id: `builder-${name}`, role: "tab", className: "text-button", "aria-controls": "builder-panel", "data-tab": name }, t(`builder.tab.${name}`))));
}
for (const button of list.children) {
const on = button.dataset.tab === tab;
button.setAttribute("aria-selected", String(on));
button.tabIndex = on ? 0 : -1;
}
if (inTabs && !focused.isConnected) byId(`builder-${tab}`).focus();
byId("builder-panel").setAttribute("aria-labelledby", `builder-${tab}`);
byId("builder-hint").textContent = t(`builder.hint.${tab === "against" ? "against" : tab === "embeddings" ? "embeddings" : "parts"}`);
describeChips();
}

function describeChips() {
const room = byId("builder-chips");
const wanted = chips();
const key = JSON.stringify(wanted);
if (room.dataset.key !== key) {
room.dataset.key = key;
room.replaceChildren(...wanted.map(({ name, words, into }) => make("button", { type: "button", className: "chip", dir: "auto", title: words === name ? undefined : words, "data-words": words, "data-into": into }, name)));
}
for (const chip of room.children) press(chip, holds(byId(chip.dataset.into).value, chip.dataset.words));
}

function put({ dataset: { words, into } }) {
const field = byId(into);
const caret = field.selectionEnd;
const found = without(field.value, words);
if (found) {
writeInto(field, "", found.start, found.end);
return field.setSelectionRange(...Array(2).fill(caret > found.start ? Math.max(found.start, caret - (found.end - found.start)) : caret));
}
const place = placeFor(field.value, caret, words);
return writeInto(field, place.text, place.at, place.at);
}

function choose(name) {
tab = name;
remember("builder", tab);
describe();
byId(`builder-${tab}`).focus();
}

byId("words").after(byId("builder"));
byId("open-builder").setAttribute("aria-controls", "builder");
byId("builder-tabs").addEventListener("click", ({ target }) => { if (target.dataset.tab) choose(target.dataset.tab); });
byId("builder-tabs").addEventListener("keydown", (event) => {
const names = tabs();
const to = { ArrowRight: names.indexOf(tab) + 1, ArrowLeft: names.indexOf(tab) - 1, Home: 0, End: -1 }[event.key];
if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
event.preventDefault();
choose(names.at(to % names.length));
});
byId("builder-chips").addEventListener("click", ({ target }) => { const chip = target.closest(".chip"); if (chip) put(chip); });
whenChanged(describe);
inEveryLanguage(describe);
return { toggleBuilder, ideas };
})();
return $drawer;
};
