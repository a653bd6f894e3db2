// What is made of what was asked for on the canvas: how far it is, and what is seen of it, in its place.

import { byId, press, show, tell } from "../../js/dom.js";
import { t } from "../../js/i18n.js";
import { notice } from "../../js/notices.js";
import { orders, waiting, whenQueueChanges } from "../../js/queue.js";
import { takeBack } from "../../js/run.js";
import { hasBefore, pictureBefore } from "./turns.js";

let turn = () => null;
let order = null; // the one that is followed
let shown = null; // the picture that lies over the canvas's own
let before = false; // is that what it was made of?

/** `turnNow()` says where in which conversation one is, null where no canvas is open; `goesOn()`: does who asked wait for it? */
export function startMaking(turnNow, goesOn) {
  turn = turnNow;
  whenQueueChanges(() => follow(goesOn()));
  byId("canvas-cancel").addEventListener("click", () => {
    if (order) takeBack(order);
    byId("canvas-generate").focus();
  });
  byId("canvas-before").addEventListener("click", toggleBefore);
  byId("canvas-paint").addEventListener("pointerdown", () => showOver(null));
}

/** Tells of the run anew, and lays nothing over the picture. */
export function beginMaking(goesOn = false) {
  showOver(null);
  follow(goesOn);
}

function follow(goesOn) {
  const now = turn();
  const ended = order;
  order = now && (orders().find((one) => one.wanted.turn?.talk === now.talk && ["running", "waiting"].includes(one.state)) ?? null);
  if (!order && document.activeElement === byId("canvas-cancel")) byId("canvas-generate").focus(); // it goes
  show(byId("canvas-run"), Boolean(order));
  show(byId("canvas-hint"), !order);
  if (now && ended && ended !== order && ended.state === "failed") notice(ended.error, { about: "canvas", bad: true });
  if (ended && ended !== order && !ended.made.length && !before) showOver(null);
  if (!order) return;
  byId("canvas-run-text").textContent = order.state === "running" ? order.said : ahead();
  if (order.part === null) byId("canvas-progress").removeAttribute("value");
  else byId("canvas-progress").value = order.part;
  if (goesOn && !before && order.wanted.turn.of === now.of && !order.wanted.said.mask_padding) showOver(order.picture); // null: it isn't to be shown
}

function ahead() {
  const n = waiting().indexOf(order) + (orders().some((one) => one.state === "running") ? 1 : 0);
  return n ? t("run.queued", { n }) : t("run.next");
}

/** Shows what the picture was made of, and itself again. */
export async function toggleBefore() {
  if (before) return showOver(null), tell(t("canvas.after.now"));
  const of = turn()?.of;
  const found = hasBefore() ? await pictureBefore() : null;
  if (!found || turn()?.of !== of) return undefined;
  showOver(found.blob, found.inner);
  before = true;
  press(byId("canvas-before"), true);
  return tell(t("canvas.before.now"));
}

/** Lays a picture over the canvas's own; null: none. */
function showOver(blob, inner = { left: 0, top: 0, width: 1, height: 1 }) {
  if (blob === shown && !before) return;
  const img = byId("canvas-preview");
  if (img.src) URL.revokeObjectURL(img.src);
  img.removeAttribute("src");
  [shown, before] = [blob, false];
  press(byId("canvas-before"), false);
  if (blob) img.src = URL.createObjectURL(blob);
  Object.assign(img.style, Object.fromEntries(Object.entries(inner).map(([side, part]) => [side, `${part * 100}%`])));
  show(byId("canvas-over"), blob !== null);
  byId("canvas-over").classList.toggle("was", inner.width < 1 || inner.height < 1);
}
