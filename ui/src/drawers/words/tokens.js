// How long a prompt is to the chosen model, said only near a border and beyond it; and letters that say nothing to it.

import { post, ServerError } from "../../js/api.js";
import { canTranslate, thought } from "../../js/assistant.js";
import { control } from "../../js/controls.js";
import { byId, make, show, tell } from "../../js/dom.js";
import { isReady, whenChanged } from "../../js/form.js";
import { inEveryLanguage, t } from "../../js/i18n.js";
import { notice } from "../../js/notices.js";
import { styled } from "../../js/styled.js";
import { undoToNow } from "../../js/undo.js";
import { writeInto } from "../../js/words.js";

const PAUSE = 350; // milliseconds that somebody writes nothing
const SHORT = 60; // characters that are near no border
const NEAR = 0.8; // of it
const SHOWN = 22; // characters of what stands behind one
let asked = "";
let answer = null;
let timer = 0;
let asking = null;

export function startTokens() {
  byId("words").append(make("span", { id: "tokens", className: "hint" }));
  byId("words").after(make("p", { id: "unread", className: "hint caution", hidden: true }, make("span", {}), " ", make("button", { type: "button", className: "text-button inset", onclick: translate })));
  byId("f-neg").after(make("p", { id: "neg-tokens", className: "hint", hidden: true }));
  whenChanged(look);
  inEveryLanguage(describe);
  look();
}

/** What the counts are of, as a request says it. */
function wanted() {
  const said = { prompt: byId("f-prompt").value };
  for (const name of ["neg", "model", "preset"]) if (control(name).value) said[name] = control(name).value;
  const { prompt, neg, model, preset } = styled(said);
  return { prompt, neg, model, preset };
}

const isShort = ({ prompt, neg = "", preset }) => !preset && prompt.length < SHORT && neg.length < SHORT && !/[^\x20-\x7e\s]/.test(prompt);

function look() {
  if (!isReady()) return;
  const said = wanted();
  const key = JSON.stringify(said);
  if (key !== asked) {
    asked = key;
    clearTimeout(timer);
    asking?.abort();
    if (isShort(said)) answer = null;
    else timer = setTimeout(() => ask(said, key), PAUSE);
  }
  describe();
}

async function ask(said, key) {
  const mine = (asking = new AbortController());
  let made = null;
  try {
    made = await post("/tokens", said, mine.signal);
  } catch (error) {
    if (!(error instanceof ServerError) && !mine.signal.aborted) throw error; // what can't be counted now is left unsaid
  }
  if (key !== asked) return;
  if (made?.prompt.cut && !answer?.prompt.cut) tell(sentence(made, made.prompt));
  answer = made;
  describe();
}

const first = (words) => (words.length > SHOWN ? `${words.slice(0, SHOWN).replace(/\s+\S*$/, "")}…` : words);

function sentence({ chunk, most }, { tokens, chunks, cut, behind }) {
  if (!tokens) return "";
  if (cut) return t("tokens.cut", { n: cut, most, words: first(behind[0]) });
  if (chunks.length > 1) return t("tokens.chunks", { n: tokens, parts: chunks.join(" + "), words: behind.filter(Boolean).map((each) => t("tokens.quoted", { words: first(each) })).join(", ") });
  return tokens > NEAR * (chunk ?? most) ? t("tokens.near", { n: tokens, most: chunk ?? most }) : "";
}

function describe() {
  for (const [id, name] of [["tokens", "prompt"], ["neg-tokens", "neg"]]) {
    const text = answer ? sentence(answer, answer[name]) : "";
    byId(id).textContent = text;
    byId(id).classList.toggle("caution", Boolean(answer?.[name].cut));
    show(byId(id), text !== "");
  }
  const strange = Boolean(answer?.prompt.unread.length) && !byId("assist").checked;
  const [words, button] = byId("unread").children;
  words.textContent = t("unread", { model: answer?.model ?? "" });
  button.textContent = t("unread.translate");
  show(button, canTranslate());
  show(byId("unread"), strange);
}

/** The assistant's words in the place of somebody's own, which can be had back. */
async function translate() {
  const said = wanted();
  let made;
  try {
    made = await thought({ prompt: said.prompt, ...(said.model ? { model: said.model } : {}) }, byId("thinking"));
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return notice(error.words, { about: "translate", bad: true });
  }
  if (made === null || byId("f-prompt").value !== said.prompt) return undefined;
  if (!made.request.assisted) return notice(t("translate.not"), { about: "translate", bad: true, more: made.warnings });
  const action = undoToNow();
  writeInto(byId("f-prompt"), made.request.prompt);
  byId("f-prompt").focus();
  return notice(t("translate.done"), { about: "translate", action });
}
