// The server's assistant, where it has one: whether it is asked, and how, and waiting for its answer.

import { post } from "./api.js";
import { byId, show, tell } from "./dom.js";
import { isPlanned, whenChanged } from "./form.js";
import { clock, inEveryLanguage, t } from "./i18n.js";
import { remember, remembered } from "./memory.js";

let there = false;
let changed = () => {};
let thinking = null; // the AbortController of a plan that is waited for

const isOn = () => there && byId("assist").checked && !isPlanned();

/** Is a plan to be seen before anything is drawn? Not of a prompt that was made of a wish already. */
export const plansFirst = () => isOn() && !byId("assist-straight").checked;

/** Is there one that could put words into English, and the prompt no wish? */
export const canTranslate = () => there && !isOn();

/** Is the wish handed over as it is, to be drawn at once? */
export const assistsStraight = () => isOn() && byId("assist-straight").checked;

/** `onChange` is called whenever Generate may come to mean something else. */
export function startAssistant(onChange) {
  changed = onChange;
  byId("assist").checked = remembered("assist", false);
  byId("assist-straight").checked = remembered("assist.straight", false);
  for (const [id, name] of [["assist", "assist"], ["assist-straight", "assist.straight"]]) {
    byId(id).addEventListener("change", () => { remember(name, byId(id).checked); describe(); });
  }
  byId("thinking-stop").addEventListener("click", stopThinking);
  whenChanged(describe);
  inEveryLanguage(describe);
}

/** Whether the server has an assistant, by its own word. */
export function offerAssistant(has) {
  if (there === has) return;
  there = has;
  describe();
}

/** Asks for a plan, and shows in `place` that it is waited for. Throws ServerError; null where somebody stops it. */
export async function thought(body, place) {
  stopThinking();
  const mine = (thinking = new AbortController());
  const began = performance.now();
  const tick = () => { place.querySelector("[data-clock]").textContent = clock((performance.now() - began) / 1000); };
  const timer = setInterval(tick, 1000);
  tick();
  show(place, true);
  tell(t("assist.thinking"));
  try {
    return await post("/assist", body, mine.signal);
  } catch (error) {
    if (!mine.signal.aborted) throw error;
    tell(t("live.cancelled"));
    return null;
  } finally {
    clearInterval(timer);
    if (thinking === mine) {
      thinking = null;
      show(place, false);
    }
  }
}

export const isThinking = () => thinking !== null;

export const stopThinking = () => thinking?.abort();

function describe() {
  show(byId("assist-group"), there);
  show(byId("assist-more"), byId("assist").checked);
  byId("f-prompt").placeholder = t(there && byId("assist").checked ? "assist.placeholder" : "prompt.placeholder");
  changed();
}
