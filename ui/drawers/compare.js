export const build = "d335abcceb8f8c90";
export const texts = {"compare.title":["Compare","Сравнение"],"compare.slider":["Where one picture ends and the other begins","Граница между картинками"],"compare.differences":["Settings that differ","Чем отличаются настройки"],"compare.setting":["Setting","Настройка"],"compare.left":["Left","Слева"],"compare.right":["Right","Справа"],"compare.same":["All settings are the same","Настройки одинаковые"],"field.upscaled":["Enlarged","Увеличено"],"compare.before":["Before","До"],"compare.after":["After","После"]};
export const style = ".compare-room{position:relative;min-height:0;border-radius:12px;background:var(--sunken);overflow:hidden}\n.compare-room img{position:absolute;inset:0;width:100%;height:100%;object-fit:contain}\n#compare-b{clip-path:inset(0 0 0 var(--cut,50%))}\n.compare-many{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(240px,40%),1fr));gap:var(--s2);min-height:0;overflow:auto}\n.compare-many figure{display:grid;grid-template-rows:minmax(0,1fr) auto;margin:0;min-height:0}\n.compare-many img{width:100%;height:100%;min-height:120px;object-fit:contain;border-radius:10px;background:var(--sunken)}\n.compare-many figcaption{font-size:var(--small);color:var(--muted);text-align:center}\n.compare-line{position:absolute;inset-block:0;left:var(--cut,50%);width:2px;margin-left:-1px;background:#fff;box-shadow:0 0 0 1px rgb(0 0 0 / 35%)}\n.table-room{max-height:22vh;overflow:auto}\ntable{width:100%;border-collapse:collapse;font-size:var(--small)}\n.differences{table-layout:fixed}\n.differences th:first-child{width:10.5em}\nth{text-align:left;font-weight:500;color:var(--muted)}\nth,td{padding:5px 10px 5px 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}\nmark{background:var(--accent-soft);color:var(--accent);border-radius:4px;padding:0 2px;margin:0 -2px;font-weight:500}\n\n@media (max-width:860px){\n.differences th:first-child{width:7.5em}\n}\n";
export const tree = [["dialog",{"id":"compare-dialog","class":"full","aria-labelledby":"compare-title"},["div",{"class":"label-row"},["h2",{"id":"compare-title","data-t":"compare.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"compare-room","id":"compare-room"},["img",{"id":"compare-a","alt":""}],["img",{"id":"compare-b","alt":""}],["span",{"class":"compare-line","aria-hidden":"true"}]],["div",{"class":"compare-many","id":"compare-many"}],["label",{"class":"compare-slider","id":"compare-slider"},["span",{"class":"visually-hidden","data-t":"compare.slider"}],["input",{"type":"range","id":"compare-cut","min":"0","max":"100","value":"50"}]],["div",{"class":"table-room","id":"compare-settings","tabindex":"0","role":"group","data-t-aria-label":"compare.differences"},["table",{"class":"differences"},["thead",{},["tr",{"id":"compare-heads"}]],["tbody",{"id":"compare-rows"}]]]]];
export const start = ({ $collection, $controls, $dom, $i18n }) => {

const $differing = (() => {

const { make } = $dom;

const MOST = 600;

const wordsOf = (text) => text.match(/[\p{L}\p{N}\p{M}_'’.-]+[^\p{L}\p{N}\p{M}_'’.-]*|[^\p{L}\p{N}\p{M}_'’.-]+/gu) ?? [];
const bare = (word) => word.trim().toLowerCase().replace(/[,.;:]+$/, "");

function markedWords(one, other) {
const [a, b] = [wordsOf(one), wordsOf(other)];
if (a.length > MOST || b.length > MOST) return [[one], [other]];
const kept = common(a.map(bare), b.map(bare));
return [nodes(a, (at) => kept[0].has(at)), nodes(b, (at) => kept[1].has(at))];
}

function common(a, b) {
const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
for (let i = a.length - 1; i >= 0; i -= 1) {
for (let j = b.length - 1; j >= 0; j -= 1) lengths[i][j] = a[i] === b[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
}
const kept = [new Set(), new Set()];
for (let i = 0, j = 0; i < a.length && j < b.length;) {
if (a[i] === b[j]) { kept[0].add(i++); kept[1].add(j++); } else if (lengths[i + 1][j] >= lengths[i][j + 1]) i += 1;
else j += 1;
}
return kept;
}

function nodes(words, isKept) {
const made = [];
words.forEach((word, at) => {
const marked = !isKept(at);
if (made.at(-1)?.marked === marked) made.at(-1).text += word;
else made.push({ marked, text: word });
});
return made.map(({ marked, text }) => (marked ? make("mark", {}, text) : text));
}
return { markedWords };
})();

const $drawer = (() => {

const { entryOf, seenOf } = $collection;
const { nameOf } = $controls;
const { byId, make, openDialog, show } = $dom;
const { t } = $i18n;
const { markedWords } = $differing;

const NOT_SETTINGS = new Set(["environment", "digest", "sha256", "parts", "buckets", "template", "neg_template", "assisted"]);
const WORDS = new Set(["prompt", "neg"]);
let urls = [];

async function compare(some, { made = false } = {}) {
release();
const entries = (await Promise.all(some.map((one) => (one.blob ? one : entryOf(one))))).filter(Boolean);
if (entries.length < 2) return;
const blobs = await Promise.all(entries.map((one) => one.blob ?? seenOf(one)));
const known = entries.every(({ meta }) => meta);
urls = blobs.map((blob) => (blob ? URL.createObjectURL(blob) : ""));
const two = entries.length === 2;
for (const id of ["compare-room", "compare-slider"]) show(byId(id), two);
show(byId("compare-many"), !two);
const names = made ? [t("compare.before"), t("compare.after")] : two ? [t("compare.left"), t("compare.right")] : entries.map((_, at) => t("picture.tile", { n: at + 1 }));
if (two) ["compare-a", "compare-b"].forEach((id, at) => Object.assign(byId(id), { src: urls[at], alt: entries[at].meta?.prompt ?? names[at] }));
else byId("compare-many").replaceChildren(...entries.map(({ meta }, at) => make("figure", {}, make("img", { src: urls[at], alt: meta.prompt ?? "" }), make("figcaption", {}, names[at]))));
byId("compare-heads").replaceChildren(...[t("compare.setting"), ...names].map((name) => make("th", { scope: "col" }, name)));
show(byId("compare-settings"), known);
byId("compare-rows").replaceChildren(...(known ? rows(entries.map(({ meta }) => meta)) : []));
cut(50);
openDialog(byId("compare-dialog"));
(two ? byId("compare-cut") : byId("compare-dialog").querySelector("[data-close]")).focus();
}

function startCompare() {
byId("compare-cut").addEventListener("input", (event) => cut(event.target.value));
byId("compare-room").addEventListener("pointermove", (event) => {
if (event.pointerType === "mouse" && event.buttons === 0) return;
const box = byId("compare-room").getBoundingClientRect();
cut(Math.min(100, Math.max(0, ((event.clientX - box.left) / box.width) * 100)));
});
byId("compare-dialog").addEventListener("close", () => {
release();
for (const id of ["compare-a", "compare-b"]) byId(id).removeAttribute("src");
byId("compare-many").replaceChildren();
});
}

function cut(percent) {
byId("compare-cut").value = percent;
byId("compare-room").style.setProperty("--cut", `${percent}%`);
}

function rows(metas) {
const names = [...new Set(metas.flatMap(Object.keys))];
const differing = names.filter((name) => !NOT_SETTINGS.has(name) && new Set(metas.map((meta) => written(meta[name]))).size > 1);
if (!differing.length) return [make("tr", {}, make("td", { colSpan: metas.length + 1 }, t("compare.same")))];
return differing.map((name) => {
const texts = metas.map((meta) => written(meta[name]));
const marked = WORDS.has(name) && texts.length === 2 ? markedWords(...texts) : texts.map((text) => [text]);
return make("tr", {}, make("th", { scope: "row" }, nameOf(name)), ...marked.map((nodes) => make("td", { dir: "auto" }, ...nodes)));
});
}

function written(value) {
if (value === undefined || value === null || value === "") return "–";
if (Array.isArray(value)) return value.map(written).join("; ") || "–";
if (typeof value === "object") return Object.entries(value).filter(([name, part]) => part !== null && !NOT_SETTINGS.has(name)).sort(([one], [other]) => (one < other ? -1 : 1)).map(([name, part]) => `${nameOf(name)} ${written(part)}`).join(", ");
return typeof value === "string" && /^[0-9a-f]{64}$/.test(value) ? `${value.slice(0, 12)}…` : String(value);
}

function release() {
for (const url of urls) URL.revokeObjectURL(url);
urls = [];
}

startCompare();
return { compare };
})();
return $drawer;
};
