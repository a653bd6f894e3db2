// A control for several files of the server's at once: a box to tick for each; none ticked says nothing.

import { all, make, show } from "./dom.js";
import { t } from "./i18n.js";

const OWN = "own"; // what a request says for the model's own

export const isNames = (group) => group.dataset.names !== undefined;

/** The names that are ticked, in the order in which they are offered. */
export const tickedIn = (group) => boxesOf(group).filter((box) => box.checked).map((box) => box.value);

/** Ticks these names and no others; those that the server has no file of are shown too. */
export const tick = (group, names) => fill(group, offeredIn(group), names);

/** Offers the server's files. What is ticked stays; and every box does where the files are the same, under the fingers. */
export function offerNames(group, found) {
  if (found.join("\n") !== offeredIn(group).join("\n")) fill(group, found, tickedIn(group));
}

function fill(group, offered, ticked) {
  const unknown = [...new Set(ticked)].filter((name) => !offered.includes(name));
  for (const label of all(".check", group)) label.remove();
  const boxes = [...offered.map((name) => boxFor(name, ticked)), ...unknown.map((name) => boxFor(name, ticked, { "data-unknown": "" }))];
  group.querySelector("legend").after(...boxes);
  show(group, boxes.length > 0);
}

function boxFor(name, ticked, marks = {}) {
  const text = name === OWN ? make("span", { "data-t": "vae.own" }, t("vae.own")) : make("span", { dir: "auto" }, name);
  return make("label", { className: "check" }, make("input", { type: "checkbox", value: name, checked: ticked.includes(name), ...marks }), text);
}

const boxesOf = (group) => all("input", group);
const offeredIn = (group) => boxesOf(group).filter((box) => box.dataset.unknown === undefined).map((box) => box.value);
