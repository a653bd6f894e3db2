export const build = "d335abcceb8f8c90";
export const texts = {"past.search":["Search earlier prompts","Искать среди прежних описаний"],"past.empty":["Nothing yet. What you ask for is kept here.","Пока пусто. Здесь останется то, что вы закажете."],"past.none":["No prompt has these words.","Описаний с такими словами нет."],"past.hint":["They stay in this browser. In an empty prompt, ↑ brings back the latest.","Они хранятся в этом браузере. В пустом описании ↑ вернёт последнее."],"past.clear":["Forget those without a star","Забыть все без звезды"],"past.star":["Star: {prompt}","Отметить звездой: {prompt}"],"past.drop":["Forget: {prompt}","Забыть: {prompt}"],"past.dropped":["{n, plural, one:# prompt|other:# prompts} forgotten.","{n, plural, one:Забыто # описание|few:Забыто # описания|other:Забыто # описаний}."],"tokens.near":["{n} of {most} tokens","{n} из {most} токенов"],"tokens.chunks":["{n} tokens: {parts}. A new part begins at {words}.","{n, plural, one:# токен|few:# токена|other:# токенов}: {parts}. Новая часть — со слов {words}."],"tokens.quoted":["“{words}”","«{words}»"],"tokens.cut":["{n, plural, one:# token|other:# tokens} too many: what begins at “{words}” isn’t read.","{n, plural, one:Лишний # токен|few:Лишние # токена|other:Лишних # токенов}: со слов «{words}» описание не читается."],"unread":["{model} was never taught these letters: they say nothing to it.","Модель {model} не учили этим буквам: они ей ничего не говорят."],"unread.translate":["Put it into English","Перевести на английский"],"translate.done":["The assistant’s words are in the prompt.","В описании теперь слова ассистента."],"translate.not":["The assistant has no answer now; your words stay.","Ассистент сейчас не ответил, ваши слова на месте."],"completing":["Names that fit","Подходящие имена"],"completing.n":["{n, plural, one:# name fits|other:# names fit}: choose with the arrows.","{n, plural, one:Подходит # имя|few:Подходят # имени|other:Подходят # имён}: выбирайте стрелками."],"completing.lora":["LoRA","LoRA"],"completing.style":["Style","стиль"],"completing.list":["List","список"],"completing.embedding":["Embedding","эмбеддинг"],"completing.trigger":["Trigger word","слово-триггер"],"completing.styled":["The style is now {name}.","Теперь выбран стиль «{name}»."],"past.clear.not":["Nothing goes: what is left has a star.","Убирать нечего: осталось только отмеченное звездой."]};
export const style = ".caution{color:var(--wait)}\n#tokens{padding:0 8px}\n.completing{position:absolute;z-index:9;width:max-content;min-width:220px;max-width:min(348px,calc(100vw - 32px));max-height:50vh;overflow-y:auto;margin-top:4px;padding:6px;background:var(--surface);border:1px solid var(--line);border-radius:12px;box-shadow:var(--shade-high)}\n.completing li{display:flex;justify-content:space-between;gap:var(--s4);align-items:baseline;padding:7px 10px;border-radius:8px;font-size:var(--small);cursor:pointer}\n.completing li > span:first-child{min-width:0;overflow-wrap:anywhere}\n.completing .hint{flex:none}\n.completing li:hover{background:var(--sunken)}\n.completing li[aria-selected=\"true\"]{background:var(--strong);color:var(--on-strong)}\n.completing li[aria-selected=\"true\"] .hint{color:var(--on-strong-quiet)}\n.past-measure{position:absolute;visibility:hidden;height:0;min-height:0 !important;field-sizing:fixed}\ndialog.past{width:min(620px,calc(100vw - 32px));height:min(720px,calc(100dvh - 32px));grid-template-rows:auto auto minmax(0,1fr) auto}\n.past-body{overflow-y:auto;overscroll-behavior:contain;scrollbar-width:thin;margin:0 calc(-1 * var(--s5));padding:0 var(--s5);border-block:1px solid var(--line)}\n#past-empty{padding:var(--s4) 0}\n.past-rows li{display:flex;align-items:center;gap:2px;padding:4px 0}\n.past-rows li + li{border-top:1px solid var(--line)}\n.past-words{flex:1;min-width:0;padding:8px;margin-left:-8px;border-radius:8px;text-align:left;font-size:var(--small)}\n.past-words span{overflow-wrap:anywhere;white-space:pre-line;overflow:hidden;display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:3}\n.past-words:hover{background:var(--sunken)}\n.past-rows [aria-pressed=\"true\"]{color:var(--accent)}\n.past-rows [aria-pressed=\"true\"] .icon{fill:currentColor}\n.past-foot{display:flex;align-items:center;justify-content:space-between;gap:var(--s3);flex-wrap:wrap}\n.past-foot .hint{flex:1 1 16em}\n\n@media (max-width:860px){\ndialog.past{width:100vw;max-width:none;height:100dvh;max-height:none;margin:0;border:0;border-radius:0}\n.past-body{margin:0 calc(-1 * var(--s4));padding:0 var(--s4)}\n.completing li{padding:11px 12px}\n}\n@media (forced-colors:active){\n.completing li[aria-selected=\"true\"]{outline:2px solid Highlight}\n}\n";
export const tree = [["dialog",{"id":"past-dialog","class":"past","aria-labelledby":"past-title"},["div",{"class":"label-row"},["h2",{"id":"past-title","data-t":"words.past"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["input",{"type":"search","id":"past-search","autocomplete":"off","spellcheck":"false","data-t-placeholder":"past.search","data-t-aria-label":"past.search"}],["div",{"class":"past-body"},["p",{"class":"hint","id":"past-empty"}],["ul",{"class":"past-rows","id":"past-rows"}]],["div",{"class":"past-foot"},["p",{"class":"hint","data-t":"past.hint"}],["button",{"type":"button","class":"button small","id":"past-clear","data-t":"past.clear"}]]],["svg",{"class":"sprite","aria-hidden":"true"},["symbol",{"id":"i-past-star","viewBox":"0 0 20 20"},["path",{"d":"M10 3l2.2 4.500 4.900.7-3.500 3.500.8 4.900-4.400-2.300-4.400 2.300.8-4.900L2.900 8.200l4.900-.7z"}]]]];
export const start = ({ $api, $assistant, $controls, $dom, $form, $i18n, $loras, $memory, $notices, $offers, $styled, $undo, $words }) => {

const $completing = (() => {

const { ask, ServerError } = $api;
const { control } = $controls;
const { byId, make, show, tell } = $dom;
const { change } = $form;
const { t } = $i18n;
const { lorasIn } = $loras;
const { notice } = $notices;
const { chosenModel, embeddingWord, entriesOf, fittingEmbeddings, presets, presetTitle } = $offers;
const { undoToNow } = $undo;
const { writeInto } = $words;

const MOST = 8;
const LEAST = 2;
const WAYS = [
[/<lora:([^<>:\n]*)$/i, loras], [/<style:([^<>:\n]*)$/i, styles], [/(?<![\p{L}\p{N}_])__([\p{L}\p{N}_./-]*)$/u, lists],
[/(?<![\p{L}\p{N}_])embedding:([^\s,<>()]*)$/iu, embeddings], [/<([^<>:\n]*)$/, anything], [/(?<![\p{L}\p{N}_.<-])([\p{L}\p{N}_.-]+)$/u, plain],
];
const byTouch = matchMedia("(pointer: coarse)");
let wildcards = null;
let field = null;
let shown = [];
let start = 0;
let at = -1;

function startCompleting(...fields) {
const list = make("ul", { id: "completing", className: "completing", role: "listbox", hidden: true });
list.addEventListener("pointerdown", (event) => event.preventDefault());
list.addEventListener("click", ({ target }) => { const place = [...list.children].indexOf(target.closest("li")); if (place >= 0) take(shown[place]); });
document.body.append(list);
for (const each of fields) {
each.setAttribute("aria-autocomplete", "list");
each.addEventListener("input", ({ inputType, isComposing }) => { if ((!isComposing || byTouch.matches) && /^(insert|delete)/.test(inputType ?? "")) complete(each); });
each.addEventListener("keydown", press, true);
each.addEventListener("blur", close);
each.addEventListener("click", close);
}
}

async function complete(each) {
const { value, selectionStart, selectionEnd } = each;
if (selectionStart !== selectionEnd) return close();
const before = value.slice(Math.max(0, selectionStart - 200), selectionStart);
for (const [way, find] of WAYS) {
const match = way.exec(before);
if (!match) continue;
const found = await find(match[1].toLowerCase());
if (each.value !== value || each !== document.activeElement || each.selectionStart !== selectionStart) return undefined;
if (!found.length) return close();
return open(each, found.slice(0, MOST), selectionStart - match[0].length, find !== plain);
}
return close();
}

const fits = (word, name) => name.toLowerCase().includes(word);
const sorted = (word, list) => [...list].sort((a, b) => b.text.toLowerCase().startsWith(word) - a.text.toLowerCase().startsWith(word));

function loras(word) {
const families = chosenModel()?.lora_families ?? [];
const there = entriesOf("lora").filter((one) => !one.family || !families.length || families.includes(one.family));
return sorted(word, there.filter((one) => fits(word, one.name)).map(({ name }) => ({ text: name, kind: "lora", put: `<lora:${name}:1>` })));
}

function styles(word) {
const act = (one) => () => {
const action = undoToNow();
change("preset", one.name);
notice(t("completing.styled", { name: presetTitle(one) }), { about: "styled", action });
};
return presets().filter((one) => fits(word, one.name) || fits(word, presetTitle(one))).map((one) => ({ text: presetTitle(one), kind: "style", put: "", act: act(one) }));
}

async function lists(word) {
if (word === "") wildcards = null;
wildcards ??= ask("/wildcards").then((told) => told.wildcards, (error) => { wildcards = null; if (!(error instanceof ServerError)) throw error; return []; });
const names = await wildcards;
return sorted(word, names.filter((name) => fits(word, name)).map((name) => ({ text: name, kind: "list", put: `__${name}__` })));
}

function embeddings(word) {
return sorted(word, fittingEmbeddings().filter((name) => fits(word, name)).map((name) => ({ text: name, kind: "embedding", put: embeddingWord(name) })));
}

function anything(word) {
return [...loras(word), ...embeddings(word), ...styles(word)];
}

function plain(word) {
if (word.length < LEAST) return [];
const begins = (text) => text.toLowerCase().startsWith(word) && text.toLowerCase() !== word;
const taught = triggers().filter(begins).map((text) => ({ text, kind: "trigger", put: text }));
return [...taught, ...embeddings(word).filter((one) => begins(one.text))];
}

function triggers() {
const tagged = [...byId("f-prompt").value.matchAll(/<lora:([^<>:]*)/gi)].map((match) => match[1]);
let chosen = [];
try { chosen = (lorasIn(control("loras")) ?? []).map((one) => one.name); } catch { /* a weight is half written */ }
const entries = entriesOf("lora").filter((one) => chosen.includes(one.name) || tagged.includes(one.name));
return [...new Set([chosenModel(), ...entries].flatMap((one) => [...(one?.triggers ?? []), ...(one?.bundled ?? [])]))];
}

function open(each, found, begin, first) {
const list = byId("completing");
const wasOpen = field !== null;
close();
[field, shown, start] = [each, found, begin];
list.setAttribute("aria-label", t("completing"));
list.replaceChildren(...found.map(({ text, kind }, place) => make("li", { id: `completing-${place}`, role: "option", "aria-selected": "false" }, make("span", { dir: "auto" }, text), " ", make("span", { className: "hint" }, t(`completing.${kind}`)))));
each.after(list);
show(list, true);
each.setAttribute("aria-controls", "completing");
move(first ? 0 : -1);
if (!wasOpen) tell(t("completing.n", { n: found.length }));
}

function close() {
if (!field) return;
field.removeAttribute("aria-controls");
field.removeAttribute("aria-activedescendant");
show(byId("completing"), false);
[field, shown, at] = [null, [], -1];
}

function move(to) {
at = to;
[...byId("completing").children].forEach((option, place) => option.setAttribute("aria-selected", String(place === at)));
if (at < 0) return field.removeAttribute("aria-activedescendant");
field.setAttribute("aria-activedescendant", `completing-${at}`);
return byId(`completing-${at}`).scrollIntoView({ block: "nearest" });
}

function press(event) {
if (!field || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
if (by) move(at < 0 ? (by > 0 ? 0 : shown.length - 1) : (at + by + shown.length) % shown.length);
else if (event.key === "Escape") close();
else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) take(shown[at]);
else return;
event.preventDefault();
event.stopImmediatePropagation();
}

function take({ put, act }) {
const each = field;
const begin = start;
const end = each.selectionStart + (each.value[each.selectionStart] === ">" ? 1 : 0);
close();
writeInto(each, put, begin, end);
act?.();
}
return { startCompleting };
})();

const $past = (() => {

const { allow, byId, icon, make, openDialog, press, show, tell } = $dom;
const { inEveryLanguage, t } = $i18n;
const { remember, remembered } = $memory;
const { notice } = $notices;
const { writeInto } = $words;

const MOST = 300;
const CHARACTERS = 400_000;
let browsing = null;

function kept() {
const found = remembered("past", []);
return Array.isArray(found) ? found.filter((one) => typeof one?.text === "string") : [];
}

function keep(list) {
const counts = { true: 0, false: 0 };
let room = CHARACTERS;
const fits = [...list].sort((a, b) => Boolean(b.star) - Boolean(a.star)).filter(({ text, star }) => (room -= text.length) >= 0 && (counts[Boolean(star)] += 1) <= MOST);
const bounded = (some) => list.filter((one) => some.has(one));
if (!remember("past", bounded(new Set(fits)))) remember("past", bounded(new Set(fits.slice(0, 20))));
describe();
}

function rememberPrompt(prompt) {
const text = prompt.trim();
const before = kept();
browsing = null;
if (!text || before[0]?.text === text) return;
const known = before.find((one) => one.text === text);
keep([{ text, star: known?.star ?? false }, ...before.filter((one) => one !== known)]);
}

function showPast() {
byId("past-search").value = "";
openDialog(byId("past-dialog"));
describe();
byId("past-search").focus();
}

function startPast() {
byId("f-prompt").addEventListener("keydown", browse);
byId("past-search").addEventListener("input", describe);
byId("past-clear").addEventListener("click", () => forget(kept().filter((one) => !one.star)));
addEventListener("storage", describe);
inEveryLanguage(describe);
}

function browse(event) {
const up = event.key === "ArrowUp";
if (event.defaultPrevented || !(up || event.key === "ArrowDown") || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing) return;
const prompt = event.target;
const list = kept();
if (!goesOn(prompt)) {
browsing = null;
if (!up || !begins(prompt, list)) return;
browsing = { at: -1, shown: prompt.value, draft: prompt.value };
}
let at = browsing.at + (up ? 1 : -1);
if (browsing.at < 0 && list[at]?.text === browsing.draft.trim()) at += 1;
if (at < -1 || (browsing.at < 0 && !list[at])) return;
event.preventDefault();
if (at >= 0 && !list[at]) return;
writeInto(prompt, at < 0 ? browsing.draft : list[at].text);
tell(prompt.value);
browsing = { ...browsing, at, shown: prompt.value };
}

const goesOn = ({ value, selectionStart, selectionEnd }) => browsing !== null && value === browsing.shown && selectionStart === value.length && selectionEnd === value.length;

const begins = (prompt, list) => prompt.value === "" || (prompt.value.trim() === list[0]?.text && prompt.selectionStart === prompt.selectionEnd && isOnFirstLine(prompt));

function isOnFirstLine(field) {
const copy = make("textarea", { className: "past-measure", rows: 1, tabIndex: -1, "aria-hidden": "true", value: field.value.slice(0, field.selectionStart) });
copy.style.width = `${field.offsetWidth}px`;
field.after(copy);
const { lineHeight, paddingTop, paddingBottom } = getComputedStyle(copy);
const lines = (copy.scrollHeight - parseFloat(paddingTop) - parseFloat(paddingBottom)) / parseFloat(lineHeight);
copy.remove();
return lines < 1.5;
}

function describe() {
if (!byId("past-dialog").open) return;
const all = kept();
const words = byId("past-search").value.toLowerCase().split(/\s+/).filter(Boolean);
const found = all.filter(({ text }) => words.every((word) => text.toLowerCase().includes(word)));
const rows = [...found.filter((one) => one.star), ...found.filter((one) => !one.star)];
const focused = document.activeElement?.dataset.part;
const place = [...byId("past-rows").children].findIndex((row) => row.contains(document.activeElement));
byId("past-rows").replaceChildren(...rows.map(rowOf));
if (place >= 0) (byId("past-rows").children[Math.min(place, rows.length - 1)]?.querySelector(`[data-part="${focused}"]`) ?? byId("past-search")).focus();
byId("past-empty").textContent = t(all.length ? "past.none" : "past.empty");
show(byId("past-empty"), rows.length === 0);
allow(byId("past-clear"), all.every((one) => one.star) ? t("past.clear.not") : "");
}

function rowOf(one) {
const part = (name, key, symbol, act) => make("button", { type: "button", className: "icon-button", "data-part": name, "aria-label": t(key, { prompt: one.text }), title: t(key, { prompt: "" }).replace(/[:\s]+$/, ""), onclick: act }, icon(symbol));
const star = part("star", "past.star", "past-star", () => keep(kept().map((each) => (each.text === one.text ? { ...each, star: !one.star } : each))));
press(star, Boolean(one.star));
const words = make("button", { type: "button", className: "past-words", dir: "auto", "data-part": "words", onclick: () => take(one.text) }, make("span", {}, one.text));
return make("li", {}, words, star, part("drop", "past.drop", "x", () => forget([one])));
}

function take(text) {
byId("past-dialog").close();
byId("f-prompt").focus();
writeInto(byId("f-prompt"), text);
}

function forget(gone) {
const texts = new Set(gone.map((one) => one.text));
const before = kept();
keep(before.filter((one) => !texts.has(one.text)));
const act = () => {
const now = kept();
const back = before.filter((one) => texts.has(one.text) && !now.some((each) => each.text === one.text));
const order = new Map(before.map((one, place) => [one.text, place]));
keep([...now, ...back].sort((a, b) => (order.get(a.text) ?? -1) - (order.get(b.text) ?? -1)));
};
notice(t("past.dropped", { n: gone.length }), { about: "past", action: { text: t("undo"), act, undo: true } });
}
return { rememberPrompt, showPast, startPast };
})();

const $tokens = (() => {

const { post, ServerError } = $api;
const { canTranslate, thought } = $assistant;
const { control } = $controls;
const { byId, make, show, tell } = $dom;
const { isReady, whenChanged } = $form;
const { inEveryLanguage, t } = $i18n;
const { notice } = $notices;
const { styled } = $styled;
const { undoToNow } = $undo;
const { writeInto } = $words;

const PAUSE = 350;
const SHORT = 60;
const NEAR = 0.8;
const SHOWN = 22;
let asked = "";
let answer = null;
let timer = 0;
let asking = null;

function startTokens() {
byId("words").append(make("span", { id: "tokens", className: "hint" }));
byId("words").after(make("p", { id: "unread", className: "hint caution", hidden: true }, make("span", {}), " ", make("button", { type: "button", className: "text-button inset", onclick: translate })));
byId("f-neg").after(make("p", { id: "neg-tokens", className: "hint", hidden: true }));
whenChanged(look);
inEveryLanguage(describe);
look();
}

function wanted() {
const said = { prompt: byId("f-prompt").value };
for (const name of ["neg", "model", "preset"]) if (control(name).value) said[name] = control(name).value;
const { prompt, neg, model, preset } = styled(said);
return { prompt, neg, model, preset };
}

const isShort = ({ prompt, neg = "", preset }) => !preset && prompt.length < SHORT && neg.length < SHORT && !/[^\x20-\x7e\s]/.test(prompt);

function look() {
if (!isReady()) return;
const said = wanted();
const key = JSON.stringify(said);
if (key !== asked) {
asked = key;
clearTimeout(timer);
asking?.abort();
if (isShort(said)) answer = null;
else timer = setTimeout(() => ask(said, key), PAUSE);
}
describe();
}

async function ask(said, key) {
const mine = (asking = new AbortController());
let made = null;
try {
made = await post("/tokens", said, mine.signal);
} catch (error) {
if (!(error instanceof ServerError) && !mine.signal.aborted) throw error; // what can't be counted now is left unsaid
}
if (key !== asked) return;
if (made?.prompt.cut && !answer?.prompt.cut) tell(sentence(made, made.prompt));
answer = made;
describe();
}

const first = (words) => (words.length > SHOWN ? `${words.slice(0, SHOWN).replace(/\s+\S*$/, "")}…` : words);

function sentence({ chunk, most }, { tokens, chunks, cut, behind }) {
if (!tokens) return "";
if (cut) return t("tokens.cut", { n: cut, most, words: first(behind[0]) });
if (chunks.length > 1) return t("tokens.chunks", { n: tokens, parts: chunks.join(" + "), words: behind.filter(Boolean).map((each) => t("tokens.quoted", { words: first(each) })).join(", ") });
return tokens > NEAR * (chunk ?? most) ? t("tokens.near", { n: tokens, most: chunk ?? most }) : "";
}

function describe() {
for (const [id, name] of [["tokens", "prompt"], ["neg-tokens", "neg"]]) {
const text = answer ? sentence(answer, answer[name]) : "";
byId(id).textContent = text;
byId(id).classList.toggle("caution", Boolean(answer?.[name].cut));
show(byId(id), text !== "");
}
const strange = Boolean(answer?.prompt.unread.length) && !byId("assist").checked;
const [words, button] = byId("unread").children;
words.textContent = t("unread", { model: answer?.model ?? "" });
button.textContent = t("unread.translate");
show(button, canTranslate());
show(byId("unread"), strange);
}

async function translate() {
const said = wanted();
let made;
try {
made = await thought({ prompt: said.prompt, ...(said.model ? { model: said.model } : {}) }, byId("thinking"));
} catch (error) {
if (!(error instanceof ServerError)) throw error;
return notice(error.words, { about: "translate", bad: true });
}
if (made === null || byId("f-prompt").value !== said.prompt) return undefined;
if (!made.request.assisted) return notice(t("translate.not"), { about: "translate", bad: true, more: made.warnings });
const action = undoToNow();
writeInto(byId("f-prompt"), made.request.prompt);
byId("f-prompt").focus();
return notice(t("translate.done"), { about: "translate", action });
}
return { startTokens };
})();

const $weights = (() => {

const { tell } = $dom;
const { writeInto } = $words;

const STEP = 0.05;
const LARGE_STEP = 0.1;
const PLAIN = 1.1;
const MOST = 10;
const NUMBER = /^:\s*([+-]?[\d.]+)\s*\)/;
const TAG = /<(?:lora|lyco):[^<>:]*(?::([+-]?[\d.]+))?>/gi;
const onMac = /Mac|iPhone|iPad/.test(navigator.platform);

function startWeights(...fields) {
for (const field of fields) field.addEventListener("keydown", weigh);
}

function weigh(event) {
const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
const held = onMac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
if (!by || !held || event.altKey || event.isComposing) return;
const field = event.target;
const found = tagAt(field) ?? groupAt(field) ?? wordsAt(field);
if (!found) return;
event.preventDefault();
const weight = Math.round(Math.min(Math.max(found.weight + by * (event.shiftKey ? LARGE_STEP : STEP), found.least), MOST) * 100) / 100;
const written = found.write(weight);
writeInto(field, written.text, found.start, found.end);
field.setSelectionRange(found.start + written.from, found.start + written.from + written.length);
tell(`${field.value.slice(field.selectionStart, field.selectionEnd)}: ${weight}`);
}

function tagAt({ value, selectionStart: start, selectionEnd: end }) {
for (const match of value.matchAll(TAG)) {
if (match.index > start || match.index + match[0].length < end) continue;
const head = match[0].split(":").slice(0, 2).join(":").replace(/>$/, "");
const write = (weight) => ({ text: `${head}:${weight}>`, from: head.indexOf(":") + 1, length: head.length - head.indexOf(":") - 1 });
return { start: match.index, end: match.index + match[0].length, weight: Number(match[1] ?? 1), least: -MOST, write };
}
return null;
}

function groupAt({ value, selectionStart: start, selectionEnd: end }) {
const within = value.slice(start, end).trim();
const whole = /^\((.*)\)$/s.test(within) && closing(value, value.indexOf("(", start)) < end;
const open = whole ? value.indexOf("(", start) : opening(value, start);
if (open < 0) return null;
const close = closing(value, open);
if (close < 0) return null;
const inner = value.slice(open + 1, close);
const number = NUMBER.exec(value.slice(open + 1 + inner.search(/:\s*[+-]?[\d.]+\s*$/), close + 1));
const text = number ? inner.slice(0, inner.length - number[0].length + 1) : inner;
if (!whole && within !== "" && within !== text.trim()) return null;
return { start: open, end: close + 1, weight: number ? Number(number[1]) : PLAIN, least: 0, write: writer(text) };
}

function wordsAt({ value, selectionStart, selectionEnd }) {
let [start, end] = [selectionStart, selectionEnd];
if (start === end) {
const isWord = (at) => /[\p{L}\p{N}\p{M}_'’-]/u.test(value[at] ?? "");
while (isWord(start - 1)) start -= 1;
while (isWord(end)) end += 1;
}
while (start < end && /\s/.test(value[start])) start += 1;
while (end > start && /\s/.test(value[end - 1])) end -= 1;
const text = value.slice(start, end);
if (!text || !isWhole(text)) return null;
return { start, end, weight: 1, least: 0, write: writer(text) };
}

const writer = (text) => (weight) => (weight === 1 ? { text, from: 0, length: text.length } : { text: `(${text}:${weight})`, from: 1, length: text.length });

const isBracket = (value, at) => value[at - 1] !== "\\";

function opening(value, at) {
let depth = 0;
for (let i = at - 1; i >= 0; i -= 1) {
if (value[i] === ")" && isBracket(value, i)) depth += 1;
if (value[i] === "(" && isBracket(value, i) && depth-- === 0) return i;
}
return -1;
}

function closing(value, open) {
let depth = 0;
for (let i = open; i >= 0 && i < value.length; i += 1) {
if (value[i] === "(" && isBracket(value, i)) depth += 1;
if (value[i] === ")" && isBracket(value, i) && --depth === 0) return i;
}
return -1;
}

function isWhole(text) {
let depth = 0;
for (let i = 0; i < text.length && depth >= 0; i += 1) {
if (isBracket(text, i)) depth += { "(": 1, ")": -1 }[text[i]] ?? 0;
}
return depth === 0;
}
return { startWeights };
})();

const $drawer = (() => {

const { byId } = $dom;
const { startCompleting } = $completing;
const { rememberPrompt, showPast, startPast } = $past;
const { startTokens } = $tokens;
const { startWeights } = $weights;

const keepPrompt = rememberPrompt;
const openPast = showPast;

startCompleting(byId("f-prompt"), byId("f-neg"));
startWeights(byId("f-prompt"), byId("f-neg"));
startPast();
startTokens();
return { keepPrompt, openPast };
})();
return $drawer;
};
