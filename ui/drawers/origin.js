export const build = "031b6d29498afb17";
export const texts = {"en":{"origin.title":"Where it comes from","origin.proof":"What isn’t signed can be written, and taken away, by anybody.","origin.credentials":"Content Credentials","origin.signature.ours":"whole, signed by this machine’s own key","origin.signature.valid":"whole; who signed isn’t known here","origin.signature.invalid":"don’t fit the file","origin.signature.unread":"there, but unreadable here","origin.signature.none":"none","origin.signer":"Signed by","origin.camera":"Camera","origin.program":"Made with","origin.actions":"What was done","origin.action.created":"painted","origin.action.opened":"another picture opened","origin.action.edited":"painted over","origin.action.resized":"enlarged","origin.action.transcoded":"saved in another format","origin.action.placed":"pictures put together","origin.type":"Kind","origin.type.trainedAlgorithmicMedia":"made by AI","origin.type.compositeWithTrainedAlgorithmicMedia":"partly made by AI","origin.type.compositeSynthetic":"put together, partly by AI","origin.type.algorithmicallyEnhanced":"improved by a program","origin.type.digitalCapture":"a photo","origin.type.computationalCapture":"a photo of several exposures","origin.sources":"Made of","origin.source.source":"the picture it began with","origin.signed":"signed","origin.unsigned":"not signed","origin.mark":"Invisible mark","origin.mark.there":"in its pixels: {says} ({n}% of it left)","origin.mark.painted":"painted from words","origin.mark.edited":"made of another picture","origin.mark.none":"none","origin.mark.unlooked":"not looked for: the picture is too large, or can’t be read","origin.faults":"What doesn’t fit"},"ru":{"origin.title":"Откуда эта картинка","origin.proof":"Что не подписано, мог написать или убрать кто угодно.","origin.credentials":"Content Credentials","origin.signature.ours":"целы, подписаны ключом этого компьютера","origin.signature.valid":"целы; кто подписал, здесь неизвестно","origin.signature.invalid":"не сходятся с файлом","origin.signature.unread":"есть, но прочесть их здесь нечем","origin.signature.none":"нет","origin.signer":"Кто подписал","origin.camera":"Камера","origin.program":"Чем сделана","origin.actions":"Что сделано","origin.action.created":"нарисована","origin.action.opened":"взята другая картинка","origin.action.edited":"перерисована","origin.action.resized":"увеличена","origin.action.transcoded":"сохранена в другом формате","origin.action.placed":"составлена из картинок","origin.type":"Вид","origin.type.trainedAlgorithmicMedia":"сделана ИИ","origin.type.compositeWithTrainedAlgorithmicMedia":"частично сделана ИИ","origin.type.compositeSynthetic":"составлена, частично ИИ","origin.type.algorithmicallyEnhanced":"улучшена программой","origin.type.digitalCapture":"фотография","origin.type.computationalCapture":"фотография из нескольких снимков","origin.sources":"Из чего","origin.source.source":"исходная картинка","origin.signed":"подписана","origin.unsigned":"не подписана","origin.mark":"Незаметная метка","origin.mark.there":"есть в пикселях: {says} (осталось {n} %)","origin.mark.painted":"нарисована по словам","origin.mark.edited":"сделана из другой картинки","origin.mark.none":"нет","origin.mark.unlooked":"не искали: картинка слишком велика или не читается","origin.faults":"Что не сходится"}};
export const style = "";
export const tree = [["dialog",{"id":"origin-dialog","aria-labelledby":"origin-title","aria-describedby":"origin-summary"},["div",{"class":"label-row"},["h2",{"id":"origin-title","data-t":"origin.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"source-row"},["canvas",{"id":"origin-thumb","class":"source-thumb","width":"192","height":"192","aria-hidden":"true"}],["div",{"class":"source-about"},["p",{"id":"origin-name","class":"source-name","dir":"auto"}],["p",{"class":"origin","id":"origin-summary"}]]],["dl",{"class":"facts","id":"origin-facts"}],["p",{"class":"hint","id":"origin-proof","data-t":"origin.proof"}]]];
export const start = ({ $dom, $i18n, $origin, $pictures }) => {

const $drawer = (() => {

const { byId, openDialog, show } = $dom;
const { hasText, inEveryLanguage, number, t } = $i18n;
const { factsList, originSentence, standing } = $origin;
const { cover } = $pictures;

let shown = null;

function originFacts(told) {
const made = [told.program, told.model].filter(Boolean).join(" · ");
return [
[t("origin.credentials"), worded("origin.signature", told.signature)],
[t("origin.signer"), told.signer],
[t(told.origin === "camera" ? "origin.camera" : "origin.program"), made],
[t("origin.actions"), told.actions.map((one) => worded("origin.action", one)).join(", ")],
[t("origin.type"), told.source_type && worded("origin.type", told.source_type)],
[t("origin.sources"), told.sources.map(sourceWords).join("; ")],
[t("origin.mark"), markWords(told)],
[t("origin.faults"), told.faults.join(", ")],
].filter(([, words]) => words);
}

function startOrigin() {
inEveryLanguage(describe);
byId("origin-dialog").addEventListener("close", () => { shown = null; });
}

async function showOrigin(file, name, told) {
shown = { name, told };
describe();
openDialog(byId("origin-dialog"));
const canvas = byId("origin-thumb");
canvas.width = canvas.height = 192;
await cover(canvas, file).catch(() => {});
}

function describe() {
if (!shown) return;
byId("origin-name").textContent = shown.name;
byId("origin-summary").textContent = originSentence(shown.told);
byId("origin-summary").dataset.standing = standing(shown.told);
byId("origin-facts").replaceChildren(...factsList(originFacts(shown.told)));
show(byId("origin-proof"), shown.told.signature === "none" && !shown.told.watermark);
}

const worded = (start, word) => (hasText(`${start}.${word}`) ? t(`${start}.${word}`) : word);

function sourceWords(source) {
const type = source.source_type && worded("origin.type", source.source_type);
return [worded("origin.source", source.title), source.program, type, t(source.signed ? "origin.signed" : "origin.unsigned")].filter(Boolean).join(", ");
}

function markWords({ watermark, looked }) {
if (watermark) return t("origin.mark.there", { says: worded("origin.mark", watermark.says), n: number(watermark.strength * 100, 0) });
return t(looked ? "origin.mark.none" : "origin.mark.unlooked");
}

startOrigin();
return { originFacts, showOrigin };
})();
return $drawer;
};
