// The orders of this page in a list: what is made, what waits and what came of it; moved, taken back, asked for again.

import { allow, byId, icon, make, openDialog, show, tell } from "../../js/dom.js";
import { inEveryLanguage, t } from "../../js/i18n.js";
import { drop, move, orders, waiting, whenQueueChanges } from "../../js/queue.js";
import { askAgain, clearQueue, takeBack } from "../../js/run.js";
import { showEntry } from "../../js/stage.js";

const rows = new Map(); // by an order's id: its element and what it was made of
const ENDED = ["done", "failed", "cancelled"];

export function openQueue() {
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

/** A row stays while its order's state does: only what moves in it is written anew. */
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

/** What is seen of it: the finished picture, else its preview, else what it starts from. */
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
