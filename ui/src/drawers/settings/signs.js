// What tells of a run where the page itself isn't seen: a ring that fills in the tab's icon, how many wait on the
// application's, and a phone that stays awake.

import { make } from "../../js/dom.js";
import { orders, waiting, whenQueueChanges } from "../../js/queue.js";

const PARTS = 32; // in which the ring fills
const ROUND = 2 * Math.PI * 12;
const TOUCHED = matchMedia("(pointer: coarse)"); // what lies on a table and goes to sleep
const usual = document.querySelector("link[rel=icon]");
let drawn = null; // how many parts; null: the page's own icon
let counted = 0;
let awake = false; // is it to be?
let lock = null;

export function startSigns() {
  whenQueueChanges(describe);
  document.addEventListener("visibilitychange", describe);
  describe();
}

function describe() {
  const running = orders().find((order) => order.state === "running");
  drawRing(running ? Math.floor((running.part ?? 0) * PARTS) : null);
  count(running ? waiting().length : 0);
  stayAwake(running !== undefined && !document.hidden && TOUCHED.matches);
}

/** A new element each time: of one whose address changes some browsers show the first. */
function drawRing(parts) {
  if (parts === drawn) return;
  drawn = parts;
  const href = parts === null ? usual.href : `data:image/svg+xml,${encodeURIComponent(ring(parts / PARTS))}`;
  document.querySelector("link[rel=icon]").replaceWith(make("link", { rel: "icon", href }));
}

const ring = (part) => `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke-width="7"><circle cx="16" cy="16" r="12" stroke="#8f8b82"/><path d="M16 4a12 12 0 1 1-.01 0" stroke="#ff7a42" stroke-dasharray="${part * ROUND} 99"/></svg>`;

function count(number) {
  if (number === counted) return;
  counted = number;
  (number ? navigator.setAppBadge?.(number) : navigator.clearAppBadge?.())?.catch(() => {}); // not installed: nothing to mark
}

/** Browsers let go of it by themselves where the page is hidden; it is asked for again when that is seen. */
async function stayAwake(wanted) {
  if (wanted === awake) return;
  awake = wanted;
  if (!wanted) {
    lock?.release();
    lock = null;
    return;
  }
  try {
    const given = await navigator.wakeLock.request("screen");
    if (awake && lock === null) lock = given;
    else given.release();
  } catch { /* none is to be had here, or the battery is low */ }
}
