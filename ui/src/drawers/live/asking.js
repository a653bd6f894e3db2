// One draft at a time in the server's hands: a newer wish has the one before taken back, and waits until that has ended.

import { cancelOrder, generate, ServerError } from "../../js/api.js";

let wished = null; // the latest, with which nobody has begun
let making = null; // { order, stale, abort }

export const isMaking = () => making !== null;

/** Asks for `body` once nothing else is being made: `done(line)` with its picture, or `failed(error)`; neither where a newer
 * wish comes before. */
export async function wish(one) {
  wished = one;
  if (making) return takeBack();
  while (wished) {
    const latest = wished;
    wished = null;
    await make(latest);
  }
  return undefined;
}

/** Nothing is wished for any more. */
export function forgetWish() {
  wished = null;
  takeBack();
  making?.abort.abort();
}

function takeBack() {
  if (!making || making.stale) return;
  making.stale = true;
  if (making.order) cancelOrder(making.order);
}

async function make({ body, done, failed }) {
  const mine = (making = { order: null, stale: false, abort: new AbortController() });
  let came = false;
  try {
    for await (const line of generate(body, mine.abort.signal)) {
      if (mine.order === null && line.order) {
        mine.order = line.order;
        if (mine.stale) cancelOrder(mine.order);
      }
      if (line.status === "blocked") throw line.error;
      if (line.status === "final") came = true;
      if (line.status === "final" && !mine.stale) await done(line);
    }
    if (!came) throw new ServerError(0, "error.cut");
  } catch (error) {
    if (!mine.stale && !(error instanceof ServerError)) throw error;
    if (!mine.stale) failed(error);
  } finally {
    making = null;
  }
}
