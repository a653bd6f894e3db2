// Sentences that concern the whole page, kept until they are dismissed or made up for.

import { byId, icon, make, tell } from "./dom.js";
import { t } from "./i18n.js";

/** Shows a sentence, and further ones below it. A notice of the same `about` takes the place of the one before. */
export function notice(text, { about = text, bad = false, more = [], action = null } = {}) {
  dismiss(about);
  const close = make("button", { type: "button", className: "icon-button", "aria-label": t("notice.dismiss") }, icon("x"));
  const lines = [make("p", {}, text), ...more.map((one) => make("p", {}, one))];
  const body = more.length ? make("div", { className: "grow" }, ...lines) : lines[0];
  const box = make("div", { className: bad ? "notice bad" : "notice", "data-about": about, role: bad ? "alert" : undefined }, body);
  if (action) box.append(make("button", { type: "button", className: "text-button", onclick: () => { box.remove(); action.act(); } }, action.text));
  box.append(close);
  close.onclick = () => box.remove();
  byId("notices").append(box);
  if (!bad) tell([text, ...more].join(" "));
}

export function dismiss(about) {
  for (const box of [...byId("notices").children]) if (box.dataset.about === about) box.remove();
}
