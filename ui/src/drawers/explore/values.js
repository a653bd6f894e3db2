// What a person writes for an axis, as a list of values: numbers as a list or a range, seeds, sizes, lines of words.

import { numberFrom } from "../../js/controls.js";
import { decimalSign, t } from "../../js/i18n.js";
import { numberIn } from "../../js/numbers.js";

export const MOST = 100; // pictures of a grid
const NUMBER = "([+\\-−]?\\d+(?:[.,]\\d+)?)";
const RANGE = new RegExp(`^${NUMBER}\\s*(?:-|–|\\.\\.)\\s*${NUMBER}(?:\\s*:\\s*${NUMBER}|\\s*\\(\\s*\\+?${NUMBER}\\s*\\)|\\s*\\[\\s*(\\d+)\\s*\\])?$`);
const EXACT = 1e6; // steps of a range are added in millionths: 0.1 + 0.2 is 0.3

/** Numbers of a field, as `4, 8, 12`, `1-9`, `1-9:2`, or in AUTOMATIC1111's way `1-9 (+2)` and `0-1 [5]`. Throws a sentence. */
export function numbersIn(text, said) {
  const whole = said.type === "integer";
  const values = partsOf(text, whole).flatMap((part) => rangeIn(part, whole) ?? [part]);
  return distinct(values.map((one) => numberFrom(String(one), said)));
}

/** Seeds, which are too large for numbers: as texts. */
export function seedsIn(text, seedFrom) {
  const values = partsOf(text, true).flatMap((part) => {
    const [, first, last] = /^(\d{1,15})\s*(?:-|–|\.\.)\s*(\d{1,15})$/.exec(part) ?? [];
    return first === undefined ? [part] : steps(Number(first), Number(last), Number(first) <= Number(last) ? 1 : -1);
  });
  return distinct(values.map((one) => seedFrom(String(one))));
}

/** Sizes as `512x768`: pairs. */
export function sizesIn(text, said) {
  return distinct(partsOf(text, true).map((part) => {
    const [width, height, ...more] = part.split(/\s*[x×х*]\s*/i);
    if (height === undefined || more.length) throw t("axis.size");
    return [numberFrom(width, said), numberFrom(height, said)];
  }));
}

/** Each line that isn't empty. */
export const linesIn = (text) => distinct(text.split("\n").map((line) => line.trim()).filter(Boolean));

/** How values are written where one can change them. */
export const textOf = (values, lines) => values.map((value) => (Array.isArray(value) ? value.join("×") : String(value))).join(lines ? "\n" : "; ");

/** A comma parts a list; in a language that writes decimals with it, one alone between two digits is theirs. */
function partsOf(text, whole) {
  return text.split(/[;\n]|,\s+/).flatMap((part) => {
    const decimal = !whole && decimalSign() === "," && (part.match(/,/g) ?? []).length === 1 && /\d,\d/.test(part);
    return decimal || RANGE.test(part.trim()) ? [part] : part.split(",");
  }).map((part) => part.trim()).filter(Boolean);
}

function rangeIn(part, whole) {
  const [, first, last, step, added, count] = RANGE.exec(part) ?? [];
  if (first === undefined) return null;
  const [from, to] = [numberIn(first), numberIn(last)];
  if (count !== undefined) return spread(from, to, Number(count), whole);
  const by = Math.abs(numberIn(step ?? added ?? "1"));
  if (!by) throw t("axis.step");
  return steps(from, to, from <= to ? by : -by);
}

function steps(from, to, by) {
  const count = Math.floor((to - from) / by + 1e-9) + 1;
  if (count > MOST) throw t("axis.many", { most: MOST });
  return Array.from({ length: count }, (_, at) => Math.round((from + at * by) * EXACT) / EXACT);
}

function spread(from, to, count, whole) {
  if (count > MOST || count < 1) throw t("axis.many", { most: MOST });
  const value = (at) => (count === 1 ? from : from + ((to - from) * at) / (count - 1));
  return Array.from({ length: count }, (_, at) => (whole ? Math.round(value(at)) : Math.round(value(at) * EXACT) / EXACT));
}

/** Each once; what is too many for any grid is refused. */
function distinct(values) {
  const found = [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
  if (found.length > MOST) throw t("axis.many", { most: MOST });
  return found;
}
