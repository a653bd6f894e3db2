export const build = "d335abcceb8f8c90";
export const texts = {"orders.title":["Kept orders","Заказы на сервере"],"orders.what":["Orders that the server itself keeps: they go on when the page is closed, and when the server is started again. What commands and programs have asked for with your key stands here, too.","Заказы, которые хранит сам сервер: они продолжаются и без открытой страницы, и после его перезапуска. Здесь же заказы команд и программ с вашим ключом."],"orders.hand":["Hand over what the form says","Отдать серверу заказ из формы"],"orders.handed":["The server has it. The page may be closed.","Заказ у сервера. Страницу можно закрыть."],"orders.empty":["The server keeps no order of yours.","Ваших заказов на сервере нет."],"orders.of":["{n, plural, one:# picture|other:# pictures}, {time}","{n, plural, one:# картинка|few:# картинки|other:# картинок}, {time}"],"orders.queued":["Waits","Ждёт"],"orders.running":["Is being made","Рисуется"],"orders.succeeded":["Done","Готово"],"orders.failed":["Failed","Не получилось"],"orders.cancelled":["Cancelled","Отменено"],"orders.expired":["Its pictures are no longer kept","Картинки больше не хранятся"],"orders.until":["kept until {time}","хранится до {time}"],"orders.cancel":["Cancel","Отменить"],"orders.take":["Show, and keep in this browser","Показать и сохранить в этом браузере"],"orders.taken":["{n, plural, one:The picture is|other:# pictures are} in your gallery now.","{n, plural, one:Картинка теперь в вашей галерее.|few:# картинки теперь в вашей галерее.|other:# картинок теперь в вашей галерее.}"],"orders.again":["Ask again","Повторить"],"orders.id":["Its id","Номер"],"orders.placed":["Placed","Сделан"],"orders.ended":["Ended","Завершён"],"orders.result":["Its result","Результат"],"orders.command":["By command","Команда"],"orders.webhook":["Who is told","Кому сообщается"],"orders.attempts":["{n, plural, one:tried once|other:tried # times}","{n, plural, one:# попытка|few:# попытки|other:# попыток}"]};
export const style = ".orders-hand{justify-content:flex-start}\n.order-rows > li{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s2);padding:var(--s3) 0;border-top:1px solid var(--line)}\n.order-rows b{font-weight:550;overflow:hidden;display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2}\n.order-rows .dialog-actions{justify-content:flex-start;flex-wrap:wrap}\n.order-pictures{display:flex;flex-wrap:wrap;gap:6px}\n.order-pictures img{display:block;width:72px;height:72px;object-fit:cover;border-radius:10px;background:var(--sunken)}\n";
export const tree = [["dialog",{"id":"orders-dialog","class":"sheet","aria-labelledby":"orders-title"},["div",{"class":"label-row"},["h2",{"id":"orders-title","tabindex":"-1","data-t":"orders.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"sheet-body"},["p",{"class":"hint","data-t":"orders.what"}],["div",{"class":"dialog-actions orders-hand"},["button",{"type":"button","class":"button small","id":"orders-hand","data-t":"orders.hand"}]],["p",{"class":"error","id":"orders-error","role":"alert","hidden":""}],["p",{"class":"hint","id":"orders-empty","data-t":"orders.empty","hidden":""}],["ul",{"class":"order-rows","id":"orders-rows"}]]]];
export const start = ({ $api, $assistant, $collection, $connection, $controls, $database, $dom, $i18n, $memory, $notices, $pictures, $run, $stage }) => {

const $drawer = (() => {

const { ask, blobAt, held, post, ServerError } = $api;
const { plansFirst } = $assistant;
const { whenLooked } = $connection;
const { keepPicture } = $collection;
const { focusFirstError } = $controls;
const { freshId } = $database;
const { byId, make, openDialog, say, show, tell } = $dom;
const { duration, inEveryLanguage, language, t } = $i18n;
const { remember, remembered } = $memory;
const { notice } = $notices;
const { thumbnail } = $pictures;
const { asked } = $run;
const { showEntry } = $stage;

const MOST = 50;
const SEEN = 8;
const SIDE = 144;
const HOW = { running: "wait", succeeded: "good", failed: "bad" };
const OPEN = ["queued", "running"];
const rows = new Map(); // by an order's id: its element and what it was made of
const thumbs = new Map();
let found = null;
let looks = 0;
let refused = ""; // why what was last tried couldn't be: it stands until something else is
const trying = new Set();

async function openOrders() {
openDialog(byId("orders-dialog"));
byId("orders-title").focus();
await look();
}

async function look() {
if (!byId("orders-dialog").open) return;
const mine = ++looks;
let [told, error] = [found, ""];
try {
told = (await ask("/jobs")).detached;
} catch (failure) {
if (!(failure instanceof ServerError)) throw failure;
error = failure.words;
}
if (mine !== looks) return;
found = told;
sayError(error || refused);
describe();
}

function sayError(error) {
say(byId("orders-error"), error);
show(byId("orders-error"), error !== "");
}

const handed = () => remembered("handed", {});

function describe() {
if (found === null) return;
const list = byId("orders-rows");
const at = [...list.children].findIndex((row) => row.contains(document.activeElement));
const act = document.activeElement.dataset.act;
const shown = found.map(rowOf);
if (shown.length !== list.children.length || shown.some((each, place) => list.children[place] !== each)) list.replaceChildren(...shown);
if (at >= 0 && !list.contains(document.activeElement)) (list.children[at]?.querySelector(`[data-act="${act}"]`) ?? byId("orders-title")).focus();
const there = new Set(found.map(({ id }) => id));
for (const id of rows.keys()) if (!there.has(id)) rows.delete(id);
show(byId("orders-empty"), found.length === 0);
}

function rowOf(order) {
const known = handed()[order.id];
const made = language() + JSON.stringify([order, known]);
if (rows.get(order.id)?.made !== made) {
const open = rows.get(order.id)?.element.querySelector("details").open;
rows.set(order.id, { made, element: elementOf(order, known) });
if (open) rows.get(order.id).element.querySelector("details").open = true;
}
return rows.get(order.id).element;
}

function elementOf(order, known) {
const done = order.pictures.filter((each) => each.url);
const title = known?.prompt || t("orders.of", { n: order.pictures.length, time: when(order.created) });
const state = make("li", { "data-how": HOW[order.state] ?? "" }, stateSaid(order, done.length));
const pictures = make("div", { className: "order-pictures" });
for (const each of done.slice(0, SEEN)) pictures.append(pictureOf(each));
const acts = make("div", { className: "dialog-actions" });
const offer = (act, what) => acts.append(make("button", { type: "button", className: "button small", "data-act": act, "aria-label": `${t(`orders.${act}`)}: ${title}`, onclick: () => tried(`${act} ${order.id}`, what) }, t(`orders.${act}`)));
if (OPEN.includes(order.state)) offer("cancel", () => ask(`/jobs/${order.id}`, { method: "DELETE" }));
if (done.length) offer("take", () => take(done));
if (!OPEN.includes(order.state) && known?.said) offer("again", () => place(known.said, known));
const parts = [make("b", { dir: "auto" }, title), make("ul", { className: "points" }, state)];
return make("li", {}, ...parts, ...(done.length ? [pictures] : []), ...(acts.children.length ? [acts] : []), detailsOf(order));
}

function stateSaid({ state, position, pictures, error, expires }, done) {
const left = pictures.map((each) => each.remaining).filter((each) => each !== null && each !== undefined);
const part = {
queued: position ? t("run.queued", { n: position }) : t("run.next"),
running: [pictures.length > 1 ? t("run.pictures", { done, count: pictures.length }) : "", left.length ? t("run.left", { time: duration(Math.max(...left)) }) : ""].filter(Boolean).join(" · "),
succeeded: expires ? t("orders.until", { time: when(expires) }) : "",
failed: error ?? "",
}[state];
return [t(`orders.${state}`), part].filter(Boolean).join(" · ");
}

const when = (seconds) => new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short" }).format(seconds * 1000);

function detailsOf(order) {
const facts = make("dl", { className: "facts" });
const details = make("details", { className: "fold" }, make("summary", {}, t("details")), facts);
const fill = (webhook) => {
const said = [[t("orders.id"), order.id], [t("orders.placed"), when(order.created)], [t("orders.ended"), order.ended ? when(order.ended) : ""], [t("orders.result"), order.urls.result], [t("orders.command"), `imagine ${OPEN.includes(order.state) ? "attach" : "result"} ${order.id}`], ...webhook];
facts.replaceChildren(...said.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", {}, name), make("dd", { dir: "auto" }, text)]));
};
details.addEventListener("toggle", async () => {
if (!details.open) return;
fill([]);
const status = await ask(`/jobs/${order.id}`).catch(() => ({}));
if (status.webhook) fill([[t("orders.webhook"), [status.webhook.url, ...status.webhook.deliveries.map(deliverySaid)].join("\n")]]);
});
return details;
}

const deliverySaid = ({ event, state, attempts, error }) => [event, state, t("orders.attempts", { n: attempts }), error].filter(Boolean).join(" · ");

const nameOf = ({ url }) => url.split("/").at(-1);

function pictureOf(picture) {
const img = make("img", { alt: t("picture.tile", { n: picture.index + 1 }) });
const name = nameOf(picture);
if (!thumbs.has(name)) thumbs.set(name, small(name).catch(() => { thumbs.delete(name); return null; }));
thumbs.get(name).then((url) => { if (url) img.src = url; });
return img;
}

async function small(name) {
const { thumb } = await thumbnail(await blobAt(`/pictures/${name}`), SIDE);
return URL.createObjectURL(thumb);
}

async function tried(name, act) {
if (trying.has(name)) return undefined;
trying.add(name);
refused = "";
try {
await act();
} catch (failure) {
if (!(failure instanceof ServerError)) throw failure;
refused = failure.words;
return sayError(refused);
} finally {
trying.delete(name);
}
return look();
}

async function take(pictures) {
const batch = pictures.length > 1 ? freshId() : null;
const entries = [];
for (const picture of pictures) {
const blob = await blobAt(`/pictures/${nameOf(picture)}`);
const { meta, warnings, notes } = await ask("/recipe", { method: "POST", body: blob, headers: { "Content-Type": "application/octet-stream" } });
entries.push(await keepPicture({ blob, meta: { ...meta, seed: picture.seed }, warnings, notes, batch: batch && { id: batch, at: picture.index } }));
}
byId("orders-dialog").close();
byId("server-dialog").close();
notice(t("orders.taken", { n: entries.length }), { about: "orders" });
await showEntry(entries[0], entries);
}

async function handOver() {
const wanted = await asked();
if (wanted === null) {
byId("orders-dialog").close();
byId("server-dialog").close();
focusFirstError();
return;
}
const { progress: _, stream: __, preview: ___, ...body } = wanted.body;
if (plansFirst()) body.assist = true;
const pictures = [body.img, body.mask, body.control, body.references].some(Boolean);
await place(body, { prompt: wanted.said.prompt, said: pictures ? null : body }); // pictures that are brought aren't kept here
}

async function place(body, known) {
const { id } = await post("/jobs", held(body));
const list = Object.entries({ ...handed(), [id]: known }).slice(-MOST);
remember("handed", Object.fromEntries(list));
tell(t("orders.handed"));
}

byId("orders-hand").addEventListener("click", () => tried("hand", handOver));
whenLooked(look);
inEveryLanguage(describe);
return { openOrders };
})();
return $drawer;
};
