// Numbers as people write them: with a point or a comma, and stepped by the arrow keys.

import { decimalSign } from "./i18n.js";

const PLAIN = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;
const LARGE_STEP = 10; // with Shift

export const isNumeric = (input) => input.dataset.step !== undefined;

/** The number that a text is, in either way of writing; NaN for none. */
export function numberIn(text) {
  const plain = text.replace(/\s/g, "").replace(",", ".").replace("−", "-");
  return PLAIN.test(plain) ? Number(plain) : NaN;
}

/** A number as the page's language writes it, without groups, so that it can be edited. */
export const written = (value) => String(value).replace(".", decimalSign());

/** Lets the arrow keys step an input; `about` tells its bounds and where it starts from. */
export function startStepping(form, about) {
  form.addEventListener("keydown", (event) => {
    const up = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!up || !event.target.matches("[data-step]") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const { from, min, max } = about(event.target);
    const step = Number(event.target.dataset.step) * (event.shiftKey ? LARGE_STEP : 1);
    const now = numberIn(event.target.value);
    const next = Math.min(Math.max((Number.isNaN(now) ? from : now) + up * step, min), max);
    event.target.value = written(Number(next.toFixed(6)));
    event.target.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
