// Sentences that concern the whole page, over its lower edge: short ones go by themselves, what went wrong stays.

import { all, byId, icon, make, tell } from "./dom.js";
import { t } from "./i18n.js";

const SHORT = 6_000; // milliseconds for a sentence
const LONG = 20_000; // for one that offers to do something
const MOST = 2; // that go by themselves, at a time
const READING = ":hover, :focus-within";

/** Shows a sentence, and further ones below it. A notice of the same `about` takes the place of the one before.
 * `action` is `{ text, act, undo }`: what a button beside it does, and whether that undoes something. `said`: who doesn't see
 * has been told already. */
export function notice(text, { about = text, bad = false, stay = bad, more = [], action = null, said = false } = {}) {
  dismiss(about);
  const close = make("button", { type: "button", className: "icon-button", "aria-label": t("notice.dismiss") }, icon("x"));
  const body = make("div", { className: "grow" }, ...[text, ...more].map((one) => make("p", { dir: "auto" }, one)));
  const box = make("div", { className: bad ? "notice bad" : "notice", "data-about": about, role: bad ? "alert" : undefined }, body);
  if (action) box.append(make("button", { type: "button", className: "text-button strong", "data-undo": action.undo, onclick: () => { box.remove(); action.act(); } }, action.text));
  box.append(close);
  close.onclick = () => box.remove();
  byId("notices").append(box);
  if (!bad && !said) tell([text, ...more].join(" "));
  if (stay || more.length) return;
  box.classList.add("passing");
  for (const old of all(".passing", byId("notices")).slice(0, -MOST)) old.remove();
  passing(box, action ? LONG : SHORT);
}

/** Does what the latest notice that can undo something offers; false where there is none. */
export function undoLatest() {
  const button = all("[data-undo]", byId("notices")).at(-1);
  button?.click();
  return button !== undefined;
}

/** Is what was said about that still to be seen? */
export const isSaid = (about) => [...byId("notices").children].some((box) => box.dataset.about === about);

export function dismiss(about) {
  for (const box of [...byId("notices").children]) if (box.dataset.about === about) box.remove();
}

addEventListener("click", (event) => {
  const why = event.target.closest?.("[aria-disabled=true]")?.dataset.why;
  if (!why) return;
  event.stopImmediatePropagation();
  event.preventDefault();
  notice(why, { about: "why" });
}, true);

/** Takes a box away after a while, but not from under a reader's hand. */
function passing(box, after) {
  setTimeout(() => (box.matches(READING) ? passing(box, SHORT) : box.remove()), after);
}
