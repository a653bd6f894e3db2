export const build = "d335abcceb8f8c90";
export const texts = {"pick.title":["Gallery","Галерея"],"pick.mode":["Select","Выбрать"],"pick.words":["Search: words, model, seed, 512×512","Поиск: слова, модель, сид, 512×512"],"pick.day":["Day","День"],"pick.models":["All models","Все модели"],"pick.days":["All days","Все дни"],"pick.starred.only":["Only with a star","Только со звездой"],"pick.all":["{n, plural, one:# picture|other:# pictures}","{n, plural, one:# картинка|few:# картинки|other:# картинок}"],"pick.found":["{n} of {of}","{n} из {of}"],"pick.none":["No picture matches.","Ничего не нашлось."],"pick.bar":["The selected pictures","Выбранные картинки"],"pick.count":["{n, plural, one:# selected|other:# selected}","{n, plural, one:Выбрана #|few:Выбрано #|other:Выбрано #}"],"pick.how":["Select pictures","Выберите картинки"],"pick.star":["Star (S)","Отметить звездой (S)"],"pick.has":["with a star","со звездой"],"pick.starred":["{n, plural, one:# picture has a star.|other:# pictures have a star.}","{n, plural, one:# картинка отмечена звездой.|few:# картинки отмечены звездой.|other:# картинок отмечено звездой.}"],"pick.unstarred":["{n, plural, one:# picture has no star any more.|other:# pictures have no star any more.}","{n, plural, one:С # картинки звезда снята.|few:С # картинок звезда снята.|other:С # картинок звезда снята.}"],"pick.zip":["Download as a zip, with recipes","Скачать zip-архивом вместе с рецептами"],"pick.zipped":["{n, plural, one:# picture is packed.|other:# pictures are packed.}","{n, plural, one:Упакована # картинка.|few:Упакованы # картинки.|other:Упаковано # картинок.}"],"pick.packing":["Packing {n} of {of}…","Упаковка: {n} из {of}…"],"pick.lost":["{n, plural, one:# picture was|other:# pictures were} left out: the browser no longer has the file.","{n, plural, one:# картинка пропущена: её файла|few:# картинки пропущены: их файлов|other:# картинок пропущено: их файлов} в браузере больше нет."],"pick.large":["That is more than 4 GB, too much for one zip. Select fewer.","Это больше 4 ГБ, в один архив не поместится. Выберите меньше картинок."],"pick.upscale":["Enlarge","Увеличить"],"pick.use":["Use","Взять"],"pick.batch":["Batch of {n, plural, one:# picture|other:# pictures}: {prompt}","Пачка, {n, plural, one:# картинка|few:# картинки|other:# картинок}: {prompt}"],"pick.inside":["{n} of {of} in its batch: {name}","{n} из {of} в пачке: {name}"],"room.used":["{size} in this browser","{size} в этом браузере"],"room.quota":["The browser lets this page keep up to {size}.","Браузер отводит этой странице до {size}."],"room.limit":["At most","Не больше"],"room.none":["As much as the browser allows","Сколько позволит браузер"],"room.how":["Beyond that the oldest pictures without a star are deleted. You are told before.","Сверх этого удаляются самые старые картинки без звезды. Страница предупредит заранее."],"room.going":["{n, plural, one:The oldest picture without a star|other:The # oldest pictures without a star} would be deleted ({size}).","{n, plural, one:Будет удалена # самая старая картинка|few:Будут удалены # самые старые картинки|other:Будет удалено # самых старых картинок} без звезды ({size})."],"room.yes":["Delete and set the limit","Удалить и ограничить место"],"room.gone":["{n, plural, one:The oldest picture was|other:The # oldest pictures were} deleted to make room.","Чтобы освободить место, {n, plural, one:удалена # самая старая картинка|few:удалены # самые старые картинки|other:удалено # самых старых картинок}."],"room.soon":["The pictures take more than the {limit} that you set. With the next one the oldest without a star are deleted: star or download what you want to keep.","Картинки занимают больше, чем вы разрешили ({limit}). Когда появится следующая, удалятся самые старые без звезды: отметьте или скачайте те, что нужны."],"room.safe":["The browser has promised not to clear them when the disk fills up.","Браузер обещал не стирать их, когда на диске кончится место."],"room.unsafe":["The browser may clear them when the disk fills up.","Браузер может стереть их, когда на диске кончится место."],"room.persist":["Ask it to keep them","Попросить не стирать"],"room.refused":["The browser did not promise it. Download what you want to keep for sure.","Браузер этого не обещает. Важное лучше скачать."],"compare":["Compare two to four","Сравнить (от двух до четырёх)"],"pick.few":["{n, plural, one:Pick a picture first.|other:Pick at least # pictures.}","{n, plural, one:Сначала выберите картинку.|few:Выберите не меньше # картинок.|other:Выберите не меньше # картинок.}"],"pick.many":["{n, plural, one:Only for one picture at a time.|other:Only for up to # pictures.}","{n, plural, one:Только для одной картинки.|few:Не больше # картинок.|other:Не больше # картинок.}"]};
export const style = ".gallery-dialog{width:min(1080px,calc(100vw - 32px));height:calc(100dvh - 32px);max-height:none;grid-template-rows:minmax(0,1fr) auto;padding:0;gap:0 !important}\n.gallery-dialog > .notices{padding:0 var(--s4) var(--s3)}\n.whole{display:grid;grid-template-columns:minmax(0,1fr);grid-template-rows:auto auto minmax(0,1fr) 52px;height:100%;min-height:0;padding:var(--s2) var(--s4) 0;gap:var(--s2)}\n.whole h2{margin:0;font-size:var(--base)}\n#pick-found{font-size:var(--small);font-variant-numeric:tabular-nums;white-space:nowrap}\n.pick-find{display:grid;gap:var(--s2)}\n.pick-filters{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr) auto;gap:var(--s2)}\n.pick-filters select{font-size:var(--small)}\n.pick-room{overflow-y:auto;overscroll-behavior:contain;scrollbar-width:thin;overflow-anchor:none;margin:0 calc(-1 * var(--s4));padding:4px var(--s4)}\n#pick-grid{position:relative;contain:layout}\n.pick-row{position:absolute;top:0;left:0;right:0;display:grid;grid-template-columns:repeat(var(--columns),minmax(0,1fr));gap:var(--s2)}\n.pick{position:relative;border-radius:10px;overflow:hidden;background:var(--sunken);cursor:pointer;user-select:none;-webkit-touch-callout:none}\n.pick:focus-visible{outline-offset:1px}\n.pick > img{width:100%;height:100%;object-fit:cover;display:block}\n.pick > img:not([src]){visibility:hidden}\n.pick.batch{border-radius:10px;box-shadow:4px -4px 0 -1px var(--ground),4px -4px 0 0 var(--edge);overflow:visible}\n.pick.batch > img{border-radius:10px}\n.pick.inside{border-radius:4px;outline:0 solid transparent;box-shadow:0 0 0 4px var(--line)}\n.pick.inside:focus-visible{outline:2px solid var(--accent)}\n.pick[aria-current=\"true\"]::after{content:\"\";position:absolute;inset:0;border-radius:inherit;box-shadow:inset 0 0 0 3px var(--accent),inset 0 0 0 5px var(--surface);pointer-events:none}\n.pick-check,.pick-star,.pick-many{position:absolute;display:grid;place-items:center;width:24px;height:24px;border-radius:50%;background:rgb(20 18 16 / 60%);color:#fff}\n.pick-check .icon,.pick-star .icon{width:15px;height:15px;stroke-width:2}\n.pick-check{top:6px;left:6px;opacity:0;transition:opacity var(--quick)}\n.pick-check .icon{opacity:0.7}\n.pick:hover > .pick-check{opacity:1}\n.pick[aria-selected=\"true\"] > .pick-check{opacity:1;background:var(--accent);color:var(--surface)}\n.pick[aria-selected=\"true\"] > .pick-check .icon{opacity:1}\n.pick[aria-selected=\"true\"] > img{opacity:0.72;scale:0.9;border-radius:8px}\n.pick-star{bottom:6px;left:6px}\n.pick-star .icon{fill:currentColor}\n.pick-many{top:6px;right:6px;border-radius:12px;width:auto;min-width:24px;padding:0 7px;font-size:0.75rem;font-weight:600;font-variant-numeric:tabular-nums}\n.pick-many:empty{display:none}\n.pick[aria-expanded=\"true\"] > .pick-many{background:var(--accent);color:var(--surface)}\n.pick-none{padding:var(--s5) 0;text-align:center}\n.pick-foot,.pick-bar{display:flex;align-items:center;gap:2px;margin:0 calc(-1 * var(--s4));padding:0 var(--s3);border-top:1px solid var(--line);min-width:0}\n.pick-bar{background:var(--accent-soft)}\n#pick-count{white-space:nowrap;font-size:var(--small);font-weight:550;padding-left:6px}\n.whole .menu-items{top:auto;bottom:calc(100% + 4px)}\n#room .menu-items{left:0;right:auto;width:min(300px,calc(100vw - 48px));padding:var(--s3) var(--s4) var(--s4)}\n#room[open] .menu-items{display:grid;gap:var(--s3)}\n#room .menu-items button{width:auto}\n#room-ask:not([hidden]){display:grid;gap:var(--s2);justify-items:start}\n#room p:empty{display:none}\n\n@media (max-width:860px){\n.gallery-dialog{width:100vw;max-width:none;height:100dvh;margin:0;border:0;border-radius:0}\n.whole{grid-template-rows:auto auto minmax(0,1fr) 60px}\n}\n\n@media (pointer:coarse){\n.pick-check{display:none}\n.pick[aria-selected=\"true\"] > .pick-check{display:grid}\n}\n";
export const tree = [["dialog",{"id":"gallery-dialog","class":"gallery-dialog","aria-labelledby":"side-title"},["div",{"class":"whole","id":"gallery-whole"},["div",{"class":"label-row"},["h2",{"id":"side-title","data-t":"pick.title"}],["span",{"class":"muted","id":"pick-found","role":"status"}],["span",{"class":"spring"}],["button",{"type":"button","class":"text-button","id":"pick-mode","aria-pressed":"false","data-t":"pick.mode"}],["button",{"type":"button","class":"icon-button","id":"pick-close","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"pick-find","role":"search"},["input",{"type":"search","id":"pick-words","autocomplete":"off","spellcheck":"false","data-t-placeholder":"pick.words","data-t-aria-label":"pick.words"}],["div",{"class":"pick-filters"},["select",{"id":"pick-model","data-t-aria-label":"field.model"}],["select",{"id":"pick-day","data-t-aria-label":"pick.day"}],["button",{"type":"button","class":"icon-button","id":"pick-starred","aria-pressed":"false","data-t-aria-label":"pick.starred.only","data-t-title":"pick.starred.only"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-star"}]]]]],["div",{"class":"pick-room","id":"pick-room"},["div",{"id":"pick-grid","role":"grid","aria-multiselectable":"true","aria-labelledby":"side-title"}],["p",{"class":"hint pick-none","id":"pick-none","hidden":""}]],["div",{"class":"pick-foot","id":"pick-foot"},["details",{"class":"menu","id":"room"},["summary",{"class":"text-button"},["span",{"id":"room-used"}]],["div",{"class":"menu-items"},["p",{"class":"hint","id":"room-quota"}],["div",{"class":"field"},["label",{"for":"room-limit","data-t":"room.limit"}],["select",{"id":"room-limit"}],["p",{"class":"hint","data-t":"room.how"}]],["div",{"id":"room-ask","hidden":""},["p",{"class":"hint","id":"room-going"}],["button",{"type":"button","class":"button small","id":"room-yes","data-t":"room.yes"}]],["p",{"class":"hint","id":"room-safe","role":"status"}],["button",{"type":"button","class":"button small","id":"room-persist","data-t":"room.persist","hidden":""}]]]],["div",{"class":"pick-bar","id":"pick-bar","role":"group","data-t-aria-label":"pick.bar","hidden":""},["span",{"class":"grow","id":"pick-count"}],["button",{"type":"button","class":"icon-button","id":"pick-star","aria-pressed":"false","data-least":"1","data-t-aria-label":"pick.star","data-t-title":"pick.star"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-star"}]]],["button",{"type":"button","class":"icon-button","id":"pick-compare","data-least":"2","data-most":"4","data-t-aria-label":"compare","data-t-title":"compare"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-compare"}]]],["button",{"type":"button","class":"icon-button","id":"pick-zip","data-least":"1","data-t-aria-label":"pick.zip","data-t-title":"pick.zip"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-zip"}]]],["button",{"type":"button","class":"icon-button","id":"pick-delete","data-least":"1","data-t-aria-label":"do.delete","data-t-title":"do.delete"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-trash"}]]],["details",{"class":"menu","id":"pick-use"},["summary",{"class":"text-button","data-t":"pick.use"}],["div",{"class":"menu-items"},["button",{"type":"button","id":"use-input","data-least":"1","data-most":"1","data-t":"drop.input"}],["button",{"type":"button","id":"use-references","data-least":"1","data-most":"8","data-t":"drop.references"}],["button",{"type":"button","id":"use-control","data-least":"1","data-most":"4","data-t":"drop.control"}],["button",{"type":"button","id":"use-upscale","data-least":"1","data-t":"pick.upscale"}],["button",{"type":"button","id":"use-recipe","data-least":"1","data-most":"1","data-t":"do.reuse"}]]]]]],["svg",{"class":"sprite","aria-hidden":"true"},["symbol",{"id":"i-check","viewBox":"0 0 20 20"},["path",{"d":"M5 10.500l3.500 3.500L15 7"}]],["symbol",{"id":"i-compare","viewBox":"0 0 20 20"},["rect",{"x":"2.500","y":"4","width":"15","height":"12","rx":"2"}],["path",{"d":"M10 2.500v15"}]],["symbol",{"id":"i-zip","viewBox":"0 0 20 20"},["path",{"d":"M10 3v9M6.500 9L10 12.500 13.500 9M3.500 13.500v2a1.500 1.500 0 001.500 1.500h10a1.500 1.500 0 001.500-1.500v-2"}]]]];
export const start = ({ $actions, $beside, $collection, $dom, $drawers, $drops, $gallery, $i18n, $keys, $memory, $notices, $pictures, $source, $stage, $upscale }) => {

const $find = (() => {

const { t } = $i18n;
const { timeName } = $pictures;

const SIZE = /(\d)\s*[×xх*]\s*(?=\d)/g;
const days = new WeakMap();
let texts = new Map();

function dayOf(row) {
if (!days.has(row)) days.set(row, timeName(row.time).slice(0, 8));
return days.get(row);
}

function forgetTexts() {
texts = new Map();
}

function textOf(row) {
if (!texts.has(row.id)) {
const said = [row.prompt, row.also, row.model, row.sampler, t("about.seed", { seed: row.seed }), `${row.width}x${row.height}`];
texts.set(row.id, said.join("\n").toLowerCase());
}
return texts.get(row.id);
}

function found(rows, { words = "", model = "", day = "", starred = false }) {
const wanted = words.toLowerCase().replace(SIZE, "$1x").split(/\s+/).filter(Boolean);
return rows.filter((row) => (!model || row.model === model) && (!starred || row.star) && (!day || dayOf(row) === day) && wanted.every((word) => textOf(row).includes(word)));
}

function itemsOf(rows, opened) {
const items = [];
const batches = new Map();
for (const row of rows) {
const id = row.batch?.id;
if (id && batches.has(id)) batches.get(id).rows.push(row);
else {
const item = { key: row.id, rows: [row], batch: id ?? null };
if (id) batches.set(id, item);
items.push(item);
}
}
return items.flatMap((item) => {
if (item.rows.length === 1) return [{ ...item, batch: null }];
item.rows.sort((a, b) => a.batch.at - b.batch.at);
const own = { ...item, key: `batch ${item.batch}`, open: opened.has(item.batch) };
const inside = item.rows.map((row, at) => ({ key: row.id, rows: [row], batch: null, of: own, at }));
return own.open ? [own, ...inside] : [own];
});
}
return { dayOf, forgetTexts, found, itemsOf };
})();

const $grid = (() => {

const { make } = $dom;

const GAP = 8;
const LEAST = 96; // a cell's side
const BEYOND = 2;

class Grid {
constructor(room, element, { describe, seen }) {
Object.assign(this, { room, element, describe, seen, items: [], rows: new Map(), active: 0, columns: 1, side: LEAST });
let asked = false;
room.addEventListener("scroll", () => {
if (!asked) requestAnimationFrame(() => { asked = false; this.update(); });
asked = true;
}, { passive: true });
new ResizeObserver(() => this.arrange()).observe(room);
element.addEventListener("focusin", ({ target }) => this.activate(this.indexOf(target)));
}

set(items) {
const [active, top] = [this.items[this.active]?.key, this.items[this.firstSeen()]?.key];
const inside = this.element.contains(document.activeElement);
this.items = items;
const there = items.findIndex(({ key }) => key === active);
this.active = Math.max(0, there >= 0 || !inside ? there : Math.min(this.active, items.length - 1));
this.measure();
const first = this.room.scrollTop > this.height ? items.findIndex(({ key }) => key === top) : -1;
if (first >= 0) this.room.scrollTop = Math.floor(first / this.columns) * this.height + (this.room.scrollTop % this.height);
this.fill();
if (inside && items.length) this.cell(this.active)?.focus({ preventScroll: true });
}

fill() {
this.update();
for (const [at, row] of this.rows) this.fillRow(at, row);
this.seen(this.standing());
}

arrange() {
const top = this.firstSeen();
const before = this.columns;
this.measure();
if (this.columns !== before) {
this.room.scrollTop = Math.floor(top / this.columns) * this.height;
for (const row of this.rows.values()) row.remove();
this.rows.clear();
}
for (const [at, row] of this.rows) this.place(at, row);
this.update();
}

focus(index) {
if (!this.items[index]) return false;
this.activate(index);
const [top, seen] = [Math.floor(index / this.columns) * this.height, this.room.clientHeight];
if (top < this.room.scrollTop) this.room.scrollTop = top;
else if (top + this.height > this.room.scrollTop + seen) this.room.scrollTop = top + this.height - seen;
this.update();
this.cell(index).focus({ preventScroll: true });
return true;
}

led(event) {
const page = Math.max(1, Math.floor(this.room.clientHeight / this.height)) * this.columns;
const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns, PageUp: -page, PageDown: page }[event.key];
const last = this.items.length - 1;
if (event.key === "Home") return 0;
if (event.key === "End") return last;
if (by === undefined) return undefined;
const to = this.active + by;
if (Math.abs(by) === page) return Math.max(0, Math.min(last, to));
return to < 0 || to > last ? this.active : to;
}

cell(index) {
return this.rows.get(Math.floor(index / this.columns))?.children[index % this.columns];
}

indexOf(target) {
const cell = target.closest?.("[role=gridcell]");
return cell ? Number(cell.parentElement.dataset.row) * this.columns + [...cell.parentElement.children].indexOf(cell) : -1;
}

activate(index) {
if (index < 0) return;
this.cell(this.active)?.setAttribute("tabindex", "-1");
this.active = index;
this.cell(index)?.setAttribute("tabindex", "0");
}

firstSeen() {
return Math.floor(this.room.scrollTop / this.height || 0) * this.columns;
}

measure() {
const width = this.element.clientWidth;
this.columns = Math.max(2, Math.floor((width + GAP) / (LEAST + GAP)));
this.side = (width - (this.columns - 1) * GAP) / this.columns;
this.height = this.side + GAP;
const count = Math.ceil(this.items.length / this.columns);
this.element.style.height = `${count * this.height}px`;
this.element.style.setProperty("--columns", this.columns);
this.element.setAttribute("aria-rowcount", count);
this.element.setAttribute("aria-colcount", this.columns);
}

update() {
if (!this.room.clientHeight) return;
const count = Math.ceil(this.items.length / this.columns);
const first = Math.max(0, Math.floor(this.room.scrollTop / this.height) - BEYOND);
const last = Math.min(count - 1, Math.floor((this.room.scrollTop + this.room.clientHeight) / this.height) + BEYOND);
for (const [at, row] of this.rows) {
if ((at >= first && at <= last) || (at < count && row.contains(document.activeElement))) continue;
row.remove();
this.rows.delete(at);
}
let fresh = false;
for (let at = first; at <= last; at++) {
if (this.rows.has(at)) continue;
const row = make("div", { role: "row", className: "pick-row", "data-row": at, "aria-rowindex": at + 1 });
this.rows.set(at, row);
this.place(at, row);
this.fillRow(at, row);
const after = [...this.element.children].find((other) => Number(other.dataset.row) > at);
this.element.insertBefore(row, after ?? null);
fresh = true;
}
if (this.items.length && !this.cell(this.active)) this.activate(Math.min(this.firstSeen(), this.items.length - 1));
if (fresh) this.seen(this.standing());
}

place(at, row) {
row.style.transform = `translateY(${at * this.height}px)`;
row.style.height = `${this.side}px`;
}

fillRow(at, row) {
const items = this.items.slice(at * this.columns, (at + 1) * this.columns);
while (row.children.length > items.length) row.lastChild.remove();
items.forEach((item, place) => {
const cell = row.children[place] ?? row.appendChild(make("div", { role: "gridcell", className: "pick", "aria-colindex": place + 1 }));
cell.setAttribute("tabindex", at * this.columns + place === this.active ? "0" : "-1");
this.describe(cell, item);
});
}

standing() {
return [...this.rows.keys()].flatMap((at) => this.items.slice(at * this.columns, (at + 1) * this.columns));
}
}
return { Grid };
})();

const $zip = (() => {

const MOST = 2 ** 32 - 1;
const MANY = 65_535;
const UTF8 = 0x0800;
const VERSION = 20;

class ZipError extends Error {}

async function zipOf(files) {
const [parts, entries] = [[], []];
let offset = 0;
for await (const { name, time, blob } of files) {
const about = { name: new TextEncoder().encode(name), time, size: blob.size, checksum: await checksumOf(blob), offset };
const head = local(about);
parts.push(head, blob);
entries.push(about);
offset += head.length + blob.size;
if (offset > MOST || entries.length > MANY) throw new ZipError();
}
const directory = entries.map(central);
const size = directory.reduce((sum, part) => sum + part.length, 0);
if (offset + size > MOST) throw new ZipError();
const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, entries.length], [2, entries.length], [4, size], [4, offset], [2, 0]);
return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function local({ name, time, size, checksum }) {
return joined(numbers([4, 0x04034b50], [2, VERSION], [2, UTF8], [2, 0], [4, clockOf(time)], [4, checksum], [4, size], [4, size], [2, name.length], [2, 0]), name);
}

function central({ name, time, size, checksum, offset }) {
return joined(numbers([4, 0x02014b50], [2, VERSION], [2, VERSION], [2, UTF8], [2, 0], [4, clockOf(time)], [4, checksum], [4, size], [4, size], [2, name.length], [2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]), name);
}

function clockOf(time) {
const at = new Date(time);
const date = (Math.max(0, at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate();
return ((date << 16) | (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1)) >>> 0;
}

function numbers(...all) {
return Uint8Array.from(all.flatMap(([bytes, value]) => Array.from({ length: bytes }, (_, at) => (value / 256 ** at) & 255)));
}

function joined(...all) {
const whole = new Uint8Array(all.reduce((sum, one) => sum + one.length, 0));
let at = 0;
for (const one of all) {
whole.set(one, at);
at += one.length;
}
return whole;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
let value = byte;
for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
return value;
});

async function checksumOf(blob) {
let value = 0xffffffff;
const reader = blob.stream().getReader();
for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
for (const byte of piece.value) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
}
return (value ^ 0xffffffff) >>> 0;
}
return { ZipError, zipOf, checksumOf };
})();

const $picked = (() => {

const { removePictures, reuseSettings } = $actions;
const { takeBeside } = $beside;
const { entryOf, fileOf, rowOf, star } = $collection;
const { all, allow, byId, press, show, startMenu, tell } = $dom;
const { drawer } = $drawers;
const { number, t } = $i18n;
const { notice } = $notices;
const { download, timeName } = $pictures;
const { takeSource } = $source;
const { enlargeAll } = $upscale;
const { ZipError, zipOf } = $zip;

const picked = new Set();
let picking = false;
let changed = () => {};
let leave = () => {};

const isPicked = (rows) => rows.every(({ id }) => picked.has(id));
const picks = () => picking || picked.size > 0;
const pickedRows = () => [...picked].map((id) => rowOf({ id })).filter(Boolean).sort((a, b) => b.time - a.time);

function pick(rows, on) {
for (const { id } of rows) on ? picked.add(id) : picked.delete(id);
tell(t("pick.count", { n: picked.size }));
describePicked();
}

function clearPicked() {
const were = picks();
picked.clear();
picking = false;
if (were) tell(t("pick.count", { n: 0 }));
describePicked();
return were;
}

function forgetPicked(rows) {
for (const { id } of rows) picked.delete(id);
}

function describePicked() {
const rows = pickedRows();
press(byId("pick-mode"), picks());
if (!picks() && byId("pick-bar").contains(document.activeElement)) byId("pick-mode").focus();
show(byId("pick-bar"), picks());
show(byId("pick-foot"), !picks());
byId("pick-count").textContent = rows.length ? t("pick.count", { n: rows.length }) : t("pick.how");
const starred = rows.length > 0 && rows.every((row) => row.star);
press(byId("pick-star"), starred);
for (const button of all("button[data-least]", byId("pick-bar"))) allow(button, unfit(button, rows.length));
changed();
}

function unfit({ dataset: { least, most = Infinity } }, n) {
if (n < Number(least)) return t("pick.few", { n: Number(least) });
return n > Number(most) ? t("pick.many", { n: Number(most) }) : "";
}

function startPicked(onChange, onLeave) {
[changed, leave] = [onChange, onLeave];
const close = startMenu(byId("pick-use"));
const act = (id, what) => byId(id).addEventListener("click", () => what(pickedRows()));
const use = (id, what) => act(id, async (rows) => { close(false); await useAs(what, rows); });
byId("pick-mode").addEventListener("click", () => { if (!clearPicked()) { picking = true; describePicked(); } });
act("pick-star", starPicked);
act("pick-zip", downloadAll);
act("pick-compare", async () => (await drawer("compare"))?.compare([...picked].map((id) => rowOf({ id })).filter(Boolean)));
act("pick-delete", deletePicked);
for (const what of ["input", "references", "control", "recipe"]) use(`use-${what}`, what);
act("use-upscale", (rows) => { close(false); enlargeAll([...rows].reverse()); });
}

function starPicked(rows) {
const on = !rows.every((row) => row.star);
tell(t(on ? "pick.starred" : "pick.unstarred", { n: rows.length }));
return star(rows, on);
}

async function deletePicked(rows) {
if (rows.length) await removePictures(rows);
}

async function useAs(what, rows) {
leave();
if (what === "recipe") return reuseSettings(rows[0]);
for (const row of what === "input" ? rows.slice(0, 1) : [...rows].reverse()) {
const file = await fileOf(row);
if (!file) notice(t("gallery.lost"), { about: "gallery", bad: true });
else await (what === "input" ? takeSource(file, t("source.result")) : takeBeside(what, file, t("source.result")));
}
const place = what === "input" ? byId("source-title") : document.querySelector(`[data-beside="${what}"]`);
place.scrollIntoView({ block: "center" });
(what === "input" ? byId("source-mask") : place.querySelector("[data-add]")).focus({ preventScroll: true });
return undefined;
}

async function downloadAll(rows) {
byId("pick-zip").disabled = true;
const lost = [];
try {
const zip = await zipOf(filesOf(rows, lost));
download(zip, `imagine-${timeName(Date.now())}.zip`);
tell(t("pick.zipped", { n: rows.length - lost.length }));
if (lost.length) notice(t("pick.lost", { n: lost.length }), { about: "gallery", bad: true });
} catch (error) {
if (!(error instanceof ZipError)) throw error;
notice(t("pick.large"), { about: "gallery", bad: true });
} finally {
describePicked();
}
}

async function* filesOf(rows, lost) {
const recipes = await drawer("recipe");
const names = new Map();
let done = 0;
for (const row of rows) {
const [file, entry] = await Promise.all([fileOf(row), entryOf(row)]);
byId("pick-count").textContent = t("pick.packing", { n: number((done += 1)), of: number(rows.length) });
if (!file || !entry) {
lost.push(row);
continue;
}
const plain = [timeName(row.time), row.seed.replace(/\D/g, "")].filter(Boolean).join("_");
names.set(plain, (names.get(plain) ?? 0) + 1);
const name = names.get(plain) > 1 ? `${plain}_${names.get(plain)}` : plain;
yield { name: `${name}.png`, time: row.time, blob: file };
if (recipes) yield { name: `${name}.json`, time: row.time, blob: recipes.jsonBlob({ meta: await recipes.wholeRecipe(entry) }) };
}
}
return { isPicked, picks, pickedRows, pick, clearPicked, forgetPicked, describePicked, startPicked, starPicked, deletePicked };
})();

const $room = (() => {

const { removePictures } = $actions;
const { gallery } = $collection;
const { byId, make, show, startMenu } = $dom;
const { fileSize, inEveryLanguage, t } = $i18n;
const { remember, remembered } = $memory;
const { dismiss, notice } = $notices;

const LIMITS = [5e8, 1e9, 2e9, 5e9, 1e10, 2e10];
const LIMIT = "limit";
let told = false;
let wanted = 0;

const sizeOf = (rows) => rows.reduce((sum, row) => sum + row.bytes, 0);

function tooMany(limit) {
const going = [];
let over = sizeOf(gallery()) - limit;
for (const row of gallery().slice(1).reverse()) {
if (over <= 0) break;
if (row.star) continue;
going.push(row);
over -= row.bytes;
}
return going;
}

async function keepPicturesWithin() {
const limit = remembered(LIMIT, 0);
const going = limit ? tooMany(limit) : [];
if (!going.length) return;
if (told) {
dismiss("room");
return void (await removePictures(going, t("room.gone", { n: going.length })));
}
told = true;
notice(t("room.soon", { limit: fileSize(limit) }), { about: "room", stay: true });
}

function startRoom() {
startMenu(byId("room"));
byId("room").addEventListener("toggle", describeRoom);
byId("room-limit").addEventListener("change", (event) => set(Number(event.target.value)));
byId("room-yes").addEventListener("click", async () => {
const going = tooMany(wanted);
remember(LIMIT, wanted);
if (going.length) await removePictures(going, t("room.gone", { n: going.length }));
await describeRoom();
byId("room-limit").focus();
});
byId("room-persist").addEventListener("click", async () => {
const kept = await navigator.storage.persist();
await describeRoom();
if (!kept) byId("room-safe").textContent = t("room.refused");
});
inEveryLanguage(() => byId("room-limit").replaceChildren(...[0, ...LIMITS].map((limit) => make("option", { value: limit }, limit ? fileSize(limit) : t("room.none")))));
}

function set(limit) {
const going = limit ? tooMany(limit) : [];
wanted = limit;
show(byId("room-ask"), going.length > 0);
if (going.length) byId("room-going").textContent = t("room.going", { n: going.length, size: fileSize(sizeOf(going)) });
else remember(LIMIT, limit);
}

async function describeRoom() {
byId("room-used").textContent = t("room.used", { size: fileSize(sizeOf(gallery())) });
if (!byId("room").open) return;
show(byId("room-ask"), false);
byId("room-limit").value = remembered(LIMIT, 0);
const { quota } = (await navigator.storage?.estimate?.().catch(() => null)) ?? {};
byId("room-quota").textContent = quota ? t("room.quota", { size: fileSize(quota) }) : "";
const kept = await navigator.storage?.persisted?.().catch(() => null);
show(byId("room-persist"), kept === false);
byId("room-safe").textContent = kept === undefined || kept === null ? "" : t(kept ? "room.safe" : "room.unsafe");
}
return { keepPicturesWithin, startRoom, describeRoom };
})();

const $drawer = (() => {

const { entryOf, gallery, rowOf, thumbsOf, whenGalleryChanges } = $collection;
const { byId, icon, make, openDialog, show } = $dom;
const { dragged } = $drops;
const { marked, whenMarked, wide } = $gallery;
const { inEveryLanguage, language, number, t } = $i18n;
const { letterOf } = $keys;
const { remember } = $memory;
const { bringIntoView, showEntry } = $stage;
const { dayOf, forgetTexts, found, itemsOf } = $find;
const { Grid } = $grid;
const { clearPicked, deletePicked, describePicked, forgetPicked, isPicked, pick, pickedRows, picks, starPicked, startPicked } = $picked;
const { describeRoom, keepPicturesWithin, startRoom } = $room;
const { checksumOf, zipOf } = $zip;

const LONG = 450;
const STILL = 10;
const root = document.documentElement;
const coarse = matchMedia("(pointer: coarse)");
const opened = new Set();
const urls = new Map();
let grid = null;
let anchor = null;
let asked = false;
let stale = true;
let loading = false;
let pressing = null;

const zipped = zipOf;
const checksum = checksumOf;

const keepWithin = () => keepPicturesWithin();

function openGallery(focus = true) {
const beside = wide.matches;
const whole = byId("gallery-whole");
if (beside && focus) remember("gallery", "beside");
if (beside) root.dataset.gallery = "beside";
(beside ? byId("side") : byId("gallery-dialog")).append(whole);
if (beside) byId("gallery-dialog").close();
else if (focus) openDialog(byId("gallery-dialog"));
look();
grid.arrange();
if (focus) byId("pick-words").focus();
return true;
}

function closeGallery() {
if (byId("gallery-dialog").open) return byId("gallery-dialog").close();
delete root.dataset.gallery;
remember("gallery", "below");
return byId("open-gallery").focus();
}

const isSeen = () => byId("gallery-dialog").open || (root.dataset.gallery === "beside" && wide.matches);

function lookSoon() {
if (!asked) requestAnimationFrame(() => { asked = false; if (isSeen()) look(); });
asked = true;
}

function look() {
if (stale) offerChoices();
stale = false;
const rows = found(gallery(), { words: byId("pick-words").value, model: byId("pick-model").value, day: byId("pick-day").value, starred: isOn("pick-starred") });
byId("pick-found").textContent = rows.length === gallery().length ? t("pick.all", { n: rows.length }) : t("pick.found", { n: number(rows.length), of: number(gallery().length) });
show(byId("pick-grid"), rows.length > 0);
show(byId("pick-none"), rows.length === 0);
byId("pick-none").textContent = t(gallery().length ? "pick.none" : "gallery.empty");
grid.set(itemsOf(rows, opened));
describeRoom();
}

const isOn = (id) => byId(id).getAttribute("aria-pressed") === "true";

function offerChoices() {
const [models, days] = [new Set(), new Map()];
for (const row of gallery()) {
if (row.model) models.add(row.model);
days.set(dayOf(row), row.time);
}
const date = new Intl.DateTimeFormat(language(), { dateStyle: "medium" });
offer(byId("pick-model"), t("pick.models"), [...models].sort().map((name) => [name, name]));
offer(byId("pick-day"), t("pick.days"), [...days].map(([day, time]) => [day, date.format(time)]));
}

function offer(select, whole, choices) {
const told = JSON.stringify([whole, choices]);
if (select.told === told) return;
select.told = told;
const value = select.value;
select.replaceChildren(...[["", whole], ...choices].map(([one, name]) => make("option", { value: one }, name)));
select.value = choices.some(([one]) => one === value) ? value : "";
}

function describe(cell, item) {
const [row] = item.rows;
if (cell.dataset.key !== item.key) {
cell.dataset.key = item.key;
cell.replaceChildren(make("img", { alt: "", decoding: "async", draggable: false }), make("span", { className: "pick-check", "aria-hidden": "true" }, icon("check")), make("span", { className: "pick-star", "aria-hidden": "true" }, icon("star")), make("span", { className: "pick-many", "aria-hidden": "true" }));
}
const [image, , star, many] = cell.children;
const url = urls.get(row.id) ?? "";
if ((image.getAttribute("src") ?? "") !== url) url ? image.setAttribute("src", url) : image.removeAttribute("src");
const starred = item.rows.some((one) => one.star);
show(star, starred);
many.textContent = item.batch ? number(item.rows.length) : "";
cell.classList.toggle("batch", Boolean(item.batch));
cell.classList.toggle("inside", Boolean(item.of));
cell.draggable = !coarse.matches;
cell.title = row.prompt;
cell.setAttribute("aria-label", [nameOf(item, row), starred ? t("pick.has") : ""].filter(Boolean).join(", "));
cell.setAttribute("aria-selected", String(isPicked(item.rows)));
if (item.batch) cell.setAttribute("aria-expanded", String(item.open));
else cell.removeAttribute("aria-expanded");
if (item.rows.some(({ id }) => id === marked()?.id) && !item.open) cell.setAttribute("aria-current", "true");
else cell.removeAttribute("aria-current");
}

function nameOf(item, { prompt, seed }) {
if (item.batch) return t("pick.batch", { n: item.rows.length, prompt });
const name = t("gallery.thumb", { prompt, seed });
return item.of ? t("pick.inside", { n: item.at + 1, of: item.of.rows.length, name }) : name;
}

async function load() {
const standing = new Set(grid.standing().map(({ rows }) => rows[0].id));
for (const [id, url] of urls) {
if (standing.has(id)) continue;
URL.revokeObjectURL(url);
urls.delete(id);
}
if (loading) return;
loading = true;
try {
for (let some = missing(); some.length; some = missing()) {
const thumbs = await thumbsOf(some);
thumbs.forEach((thumb, at) => urls.set(some[at].id, thumb ? URL.createObjectURL(thumb) : ""));
refresh();
}
} finally {
loading = false;
}
}

const missing = () => grid.standing().map(({ rows }) => rows[0]).filter(({ id }) => !urls.has(id));

function refresh() {
for (const [at, row] of grid.rows) grid.fillRow(at, row);
}

function act(item) {
if (item.batch) {
if (!opened.delete(item.batch)) {
opened.add(item.batch);
if (!byId("gallery-dialog").open) showEntry(item.rows[0], item.rows);
}
return look();
}
if (byId("gallery-dialog").open) {
byId("gallery-dialog").close();
bringIntoView();
}
return showEntry(item.rows[0]);
}

function pickTo(index) {
const from = Math.max(0, grid.items.findIndex(({ key }) => key === anchor));
const [first, last] = [Math.min(from, index), Math.max(from, index)];
pick(grid.items.slice(first, last + 1).flatMap(({ rows }) => rows), true);
}

function toggle(item) {
anchor = item.key;
pick(item.rows, !isPicked(item.rows));
}

function clicked(event) {
const index = grid.indexOf(event.target);
if (index < 0) return;
if (pressing?.held) return void (pressing = null);
grid.focus(index);
const item = grid.items[index];
if (event.shiftKey) return pickTo(index);
if (event.ctrlKey || event.metaKey || event.target.closest(".pick-check") || picks()) return toggle(item);
anchor = item.key;
return act(item);
}

function startPressing() {
const room = byId("pick-room");
const end = () => { if (pressing && !pressing.held) { clearTimeout(pressing.timer); pressing = null; } };
room.addEventListener("pointerdown", (event) => {
end();
pressing = null;
const index = grid.indexOf(event.target);
if (event.pointerType !== "touch" || index < 0) return;
const item = grid.items[index];
const timer = setTimeout(() => { pressing.held = true; toggle(item); navigator.vibrate?.(10); }, LONG);
pressing = { timer, x: event.clientX, y: event.clientY, held: false };
});
room.addEventListener("pointermove", ({ clientX, clientY }) => { if (pressing && Math.hypot(clientX - pressing.x, clientY - pressing.y) > STILL) end(); });
for (const kind of ["pointerup", "pointercancel", "scroll"]) room.addEventListener(kind, end, { passive: true });
room.addEventListener("contextmenu", (event) => { if (pressing) event.preventDefault(); });
}

function pressed(event) {
const item = grid.items[grid.active];
const to = grid.led(event);
const those = picks() && pickedRows().length ? pickedRows() : item.rows;
const control = event.ctrlKey || event.metaKey;
if (to !== undefined && !event.altKey) {
if (event.shiftKey && anchor === null) anchor = item.key;
grid.focus(to);
if (event.shiftKey) pickTo(to);
else if (!control) anchor = grid.items[to].key;
} else if (event.key === " ") toggle(item);
else if (event.key === "Enter" && !control) act(item);
else if (event.key === "Escape" && picks()) clearPicked();
else if (event.key === "Delete") event.repeat || deletePicked(those);
else if (control && letterOf(event) === "a") pick(grid.items.flatMap(({ rows }) => rows), true);
else if (!control && !event.altKey && letterOf(event) === "s") event.repeat || starPicked(those);
else return;
event.preventDefault();
event.stopPropagation();
}

function pressedBeside(event) {
if (!picks() || event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
if (event.key === "Escape") clearPicked();
else if (event.key === "Delete") event.repeat || deletePicked(pickedRows());
else if (letterOf(event) === "s") event.repeat || starPicked(pickedRows());
else return;
event.preventDefault();
event.stopPropagation();
}

function startDrags() {
byId("pick-grid").addEventListener("dragstart", (event) => {
const item = grid.items[grid.indexOf(event.target)];
if (!item) return;
const rows = isPicked(item.rows) ? pickedRows() : item.rows;
dragged(event, rows);
setTimeout(() => byId("gallery-dialog").close());
});
}

function start() {
grid = new Grid(byId("pick-room"), byId("pick-grid"), { describe, seen: load });
startPicked(() => { if (grid.items.length) refresh(); }, () => byId("gallery-dialog").close());
startRoom();
startPressing();
startDrags();
byId("pick-grid").addEventListener("click", clicked);
byId("pick-grid").addEventListener("keydown", pressed);
byId("gallery-whole").addEventListener("keydown", pressedBeside);
byId("pick-words").addEventListener("input", () => { byId("pick-room").scrollTop = 0; lookSoon(); });
byId("pick-words").addEventListener("keydown", (event) => { if (event.key === "ArrowDown" && grid.focus(0)) event.preventDefault(); });
for (const id of ["pick-model", "pick-day"]) byId(id).addEventListener("change", look);
byId("pick-starred").addEventListener("click", () => { byId("pick-starred").setAttribute("aria-pressed", String(!isOn("pick-starred"))); look(); });
byId("pick-close").addEventListener("click", closeGallery);
byId("gallery-dialog").addEventListener("keydown", (event) => { if (event.key === "Escape" && clearPicked()) event.preventDefault(); });
byId("gallery-dialog").addEventListener("close", () => { clearPicked(); if (!isSeen()) byId("open-gallery").focus({ preventScroll: true }); });
whenMarked(() => { if (isSeen()) refresh(); });
whenGalleryChanges(({ removed }) => { stale = true; forgetPicked(removed); describePicked(); lookSoon(); });
inEveryLanguage(() => { stale = true; forgetTexts(); describePicked(); lookSoon(); });
}

start();
return { zipped, checksum, keepWithin, openGallery };
})();
return $drawer;
};
