export const build = "d335abcceb8f8c90";
export const texts = {"line.title":["Queue","Очередь"],"line.empty":["Nothing waits. What you ask for while a picture is made waits here.","Здесь пусто. Сюда попадает то, что вы закажете, пока рисуется другая картинка."],"line.hint":["What waits stays in this browser over a reload, and goes on while this page is open.","Очередь хранится в этом браузере, переживает перезагрузку и движется, пока страница открыта."],"line.tidy":["Clear finished","Убрать завершённые"],"line.all":["Cancel all waiting","Отменить ожидающие"],"line.place":["{n, plural, one:# before it|other:# before it}","Впереди {n, plural, one:# заказ|few:# заказа|other:# заказов}"],"line.done":["Done","Готово"],"line.cancelled":["Cancelled","Отменено"],"line.aside":["Put aside: not sent","Отложено: не отправлено"],"line.nameless":["Without a prompt","Без описания"],"line.up":["Earlier: {prompt}","Раньше: {prompt}"],"line.down":["Later: {prompt}","Позже: {prompt}"],"line.moved":["Now number {n}.","Теперь на {n}-м месте."],"line.cancel":["Cancel: {prompt}","Отменить: {prompt}"],"line.again":["Ask again: {prompt}","Повторить: {prompt}"],"line.show":["Show: {prompt}","Показать: {prompt}"],"line.drop":["Remove from the list: {prompt}","Убрать из списка: {prompt}"],"line.tidy.not":["Nothing has ended yet.","Пока ничего не завершено."],"line.all.not":["Nothing waits.","Ничего не ждёт."],"line.up.not":["It is the next one already.","Он и так следующий."],"line.down.not":["It is the last one already.","Он и так последний."]};
export const style = "dialog.queue{width:min(620px,calc(100vw - 32px));height:min(760px,calc(100dvh - 32px));grid-template-rows:auto minmax(0,1fr) auto}\ndialog.queue h2{outline:0}\n.queue-body{overflow-y:auto;overscroll-behavior:contain;scrollbar-width:thin;margin:0 calc(-1 * var(--s5));padding:0 var(--s5);border-block:1px solid var(--line)}\n#queue-empty{padding:var(--s5) 0}\n.queue-rows li{display:grid;grid-template-columns:56px minmax(0,1fr) auto;gap:var(--s3);align-items:center;padding:var(--s3) 0}\n.queue-rows li + li{border-top:1px solid var(--line)}\n.queue-picture{width:56px;height:56px;border-radius:10px;background:var(--sunken);color:var(--muted);display:grid;place-items:center;overflow:hidden}\n.queue-picture img{width:100%;height:100%;object-fit:cover}\n.queue-about{display:grid;grid-template-columns:minmax(0,1fr);gap:2px;font-size:var(--small)}\n.queue-about b{font-weight:500;overflow:hidden;display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow-wrap:anywhere}\n.queue-about [data-state=\"failed\"]{color:var(--danger)}\n.queue-acts{display:flex}\n.queue-foot{display:grid;gap:var(--s3)}\n.queue-foot .dialog-actions{flex-wrap:wrap}\n\n@media (max-width:860px){\ndialog.queue{width:100vw;max-width:none;height:100dvh;max-height:none;margin:0;border:0;border-radius:0}\n.queue-body{margin:0 calc(-1 * var(--s4));padding:0 var(--s4)}\n.queue-rows li{grid-template-columns:56px minmax(0,1fr);gap:0 var(--s3);padding:var(--s3) 0 0}\n.queue-acts{grid-column:1 / -1;justify-content:flex-end}\n}\n";
export const tree = [["dialog",{"id":"queue-dialog","class":"queue","aria-labelledby":"queue-title"},["div",{"class":"label-row"},["h2",{"id":"queue-title","tabindex":"-1","data-t":"line.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"queue-body"},["p",{"class":"hint","id":"queue-empty","data-t":"line.empty"}],["ul",{"class":"queue-rows","id":"queue-rows"}]],["div",{"class":"queue-foot"},["p",{"class":"hint","data-t":"line.hint"}],["div",{"class":"dialog-actions"},["button",{"type":"button","class":"button small","id":"queue-tidy","data-t":"line.tidy"}],["button",{"type":"button","class":"button small","id":"queue-all","data-t":"line.all"}]]]],["svg",{"class":"sprite","aria-hidden":"true"},["symbol",{"id":"i-up","viewBox":"0 0 20 20"},["path",{"d":"M10 16V4M5 9l5-5 5 5"}]],["symbol",{"id":"i-down","viewBox":"0 0 20 20"},["path",{"d":"M10 4v12M5 11l5 5 5-5"}]]]];
export const start = ({ $dom, $i18n, $queue, $run, $stage }) => {

const $drawer = (() => {

const { allow, byId, icon, make, openDialog, show, tell } = $dom;
const { inEveryLanguage, t } = $i18n;
const { drop, move, orders, waiting, whenQueueChanges } = $queue;
const { askAgain, clearQueue, takeBack } = $run;
const { showEntry } = $stage;

const rows = new Map(); // by an order's id: its element and what it was made of
const ENDED = ["done", "failed", "cancelled"];

function openQueue() {
openDialog(byId("queue-dialog"));
describe();
byId("queue-title").focus();
}

function describe() {
if (!byId("queue-dialog").open) return;
const all = orders();
const list = byId("queue-rows");
const focused = document.activeElement;
const shown = all.map(rowOf);
if (shown.length !== list.children.length || shown.some((each, at) => list.children[at] !== each)) list.replaceChildren(...shown);
for (const [id, row] of rows) if (!all.some((order) => order.id === id)) forget(id, row);
if (document.activeElement !== focused && focused?.isConnected) focused.focus();
if (document.activeElement === document.body) byId("queue-title").focus();
show(byId("queue-empty"), all.length === 0);
allow(byId("queue-tidy"), all.some((order) => ENDED.includes(order.state)) ? "" : t("line.tidy.not"));
allow(byId("queue-all"), waiting().length ? "" : t("line.all.not"));
}

function rowOf(order) {
const places = waiting();
const at = places.indexOf(order);
const made = `${order.state} ${order.made.length} ${order.error} ${document.documentElement.lang}`;
let row = rows.get(order.id);
if (!row || row.made !== made) {
const old = row;
row = { made, urls: [], ...elements(order) };
rows.set(order.id, row);
if (old) {
old.urls.forEach((url) => URL.revokeObjectURL(url));
if (old.element.contains(document.activeElement)) queueMicrotask(() => row.element.querySelector("button:not([aria-disabled=true])")?.focus());
}
}
picture(row, order);
row.said.textContent = words(order, at);
row.bar.hidden = order.state !== "running";
if (order.part === null) row.bar.removeAttribute("value");
else row.bar.value = order.part;
if (row.up) {
allow(row.up, at > 0 ? "" : t("line.up.not"));
allow(row.down, at < places.length - 1 ? "" : t("line.down.not"));
}
return row.element;
}

function words(order, at) {
if (order.state === "running") return order.said;
if (order.state === "waiting") return at === 0 ? t("run.next") : t("line.place", { n: at });
return order.state === "failed" ? order.error : t(`line.${order.state}`);
}

function elements(order) {
const prompt = order.wanted.said.prompt || t("line.nameless");
const named = (key, symbol, act) => make("button", { type: "button", className: "icon-button", "aria-label": t(key, { prompt }), title: t(key, { prompt }), onclick: act }, icon(symbol));
const shift = (by) => () => { if (move(order, by)) tell(t("line.moved", { n: waiting().indexOf(order) + 1 })); };
const acts = make("div", { className: "queue-acts" });
let up = null;
let down = null;
if (order.state === "waiting") acts.append((up = named("line.up", "up", shift(-1))), (down = named("line.down", "down", shift(1))));
if (order.state === "waiting" || order.state === "running") acts.append(named("line.cancel", "x", () => takeBack(order)));
if (order.state === "aside" || order.state === "failed" || order.state === "cancelled") acts.append(named("line.again", "reuse", () => askAgain(order)));
if (order.made.length) acts.append(named("line.show", "full", () => { byId("queue-dialog").close(); showEntry(order.made[0], order.made); }));
if (order.state !== "waiting" && order.state !== "running") acts.append(named("line.drop", "x", () => drop(order)));
const said = make("span", { className: "hint", "data-state": order.state });
const bar = make("progress", { max: 1, "aria-label": t("progress") });
const room = make("div", { className: "queue-picture" }, icon("image"));
const element = make("li", {}, room, make("div", { className: "queue-about" }, make("b", { dir: "auto" }, prompt), said, bar), acts);
return { element, said, bar, room, up, down, shown: null };
}

function picture(row, order) {
const blob = order.made[0]?.thumb ?? order.picture ?? order.wanted.pictures.img ?? null;
if (row.shown === blob) return;
row.shown = blob;
row.urls.splice(0).forEach((old) => URL.revokeObjectURL(old));
if (!blob) return void row.room.replaceChildren(icon("image"));
const url = URL.createObjectURL(blob);
row.urls.push(url);
row.room.replaceChildren(make("img", { src: url, alt: "" }));
}

function forget(id, row) {
row.urls.forEach((url) => URL.revokeObjectURL(url));
rows.delete(id);
}

whenQueueChanges(describe);
inEveryLanguage(describe);
byId("queue-all").addEventListener("click", () => { clearQueue(); byId("queue-title").focus(); });
byId("queue-tidy").addEventListener("click", () => { for (const order of orders().filter((one) => ENDED.includes(one.state))) drop(order); byId("queue-title").focus(); });
return { openQueue };
})();
return $drawer;
};
