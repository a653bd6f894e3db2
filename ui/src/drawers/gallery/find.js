// What is looked for, in plain words, and what is shown of it: batches as one, opened where somebody has opened them.

import { t } from "../../js/i18n.js";
import { timeName } from "../../js/pictures.js";

const SIZE = /(\d)\s*[×xх*]\s*(?=\d)/g; // Latin, Cyrillic, or the sign itself
const days = new WeakMap();
let texts = new Map(); // id → all that words are looked for in

/** The day of a picture, by this clock: YYYYMMDD. */
export function dayOf(row) {
  if (!days.has(row)) days.set(row, timeName(row.time).slice(0, 8));
  return days.get(row);
}

/** To be called where the language has changed. */
export function forgetTexts() {
  texts = new Map();
}

function textOf(row) {
  if (!texts.has(row.id)) {
    const said = [row.prompt, row.also, row.model, row.sampler, t("about.seed", { seed: row.seed }), `${row.width}x${row.height}`];
    texts.set(row.id, said.join("\n").toLowerCase());
  }
  return texts.get(row.id);
}

/** The rows that have every word of `words`, and are of that model and day, and with a star where that is wanted. */
export function found(rows, { words = "", model = "", day = "", starred = false }) {
  const wanted = words.toLowerCase().replace(SIZE, "$1x").split(/\s+/).filter(Boolean);
  return rows.filter((row) => (!model || row.model === model) && (!starred || row.star) && (!day || dayOf(row) === day) && wanted.every((word) => textOf(row).includes(word)));
}

/** What stands in the grid: pictures, and batches with what is in them behind them where they are `opened`. */
export function itemsOf(rows, opened) {
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
