export const build = "d335abcceb8f8c90";
export const texts = {"origin.title":["Where it comes from","Откуда эта картинка"],"origin.proof":["What isn’t signed can be written, and taken away, by anybody.","Что не подписано, мог написать или убрать кто угодно."],"origin.credentials":["Content Credentials","Content Credentials"],"origin.signature.ours":["whole, signed by this machine’s own key","целы, подписаны ключом этого компьютера"],"origin.signature.valid":["whole; who signed isn’t known here","целы; кто подписал, здесь неизвестно"],"origin.signature.invalid":["don’t fit the file","не сходятся с файлом"],"origin.signature.unread":["there, but unreadable here","есть, но прочесть их здесь нечем"],"origin.signature.none":["none","нет"],"origin.signer":["Signed by","Кто подписал"],"origin.camera":["Camera","Камера"],"origin.program":["Made with","Чем сделана"],"origin.actions":["What was done","Что сделано"],"origin.action.created":["painted","нарисована"],"origin.action.opened":["another picture opened","взята другая картинка"],"origin.action.edited":["painted over","перерисована"],"origin.action.resized":["enlarged","увеличена"],"origin.action.transcoded":["saved in another format","сохранена в другом формате"],"origin.action.placed":["pictures put together","составлена из картинок"],"origin.type":["Kind","Вид"],"origin.type.trainedAlgorithmicMedia":["made by AI","сделана ИИ"],"origin.type.compositeWithTrainedAlgorithmicMedia":["partly made by AI","частично сделана ИИ"],"origin.type.compositeSynthetic":["put together, partly by AI","составлена, частично ИИ"],"origin.type.algorithmicallyEnhanced":["improved by a program","улучшена программой"],"origin.type.digitalCapture":["a photo","фотография"],"origin.type.computationalCapture":["a photo of several exposures","фотография из нескольких снимков"],"origin.sources":["Made of","Из чего"],"origin.source.source":["the picture it began with","исходная картинка"],"origin.signed":["signed","подписана"],"origin.unsigned":["not signed","не подписана"],"origin.mark":["Invisible mark","Незаметная метка"],"origin.mark.there":["in its pixels: {says} ({n}% of it left)","есть в пикселях: {says} (осталось {n} %)"],"origin.mark.painted":["painted from words","нарисована по словам"],"origin.mark.edited":["made of another picture","сделана из другой картинки"],"origin.mark.none":["none","нет"],"origin.mark.unlooked":["not looked for: the picture is too large, or can’t be read","не искали: картинка слишком велика или не читается"],"origin.faults":["What doesn’t fit","Что не сходится"]};
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
