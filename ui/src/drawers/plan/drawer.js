// The assistant's plan: shown, changed by hand, asked for again, and drawn. Until then it is nothing but words.

import { ServerError } from "../../js/api.js";
import { stopThinking, thought } from "../../js/assistant.js";
import { field, numberFrom } from "../../js/controls.js";
import { all, byId, make, openDialog, show, tell } from "../../js/dom.js";
import { change } from "../../js/form.js";
import { allWorded, hasText, inEveryLanguage, t } from "../../js/i18n.js";
import { dismiss, notice } from "../../js/notices.js";
import { startStepping, written } from "../../js/numbers.js";
import { samplers } from "../../js/offers.js";

const NUMBERS = ["strength", "num_steps", "guidance"];
let plan = null; // what is shown, or waits to be: { wanted, answer, written, draw }
let going = false; // is it being drawn, not put aside?

/** Has a plan made of `wanted`, a request as the form makes it, and shows it. `draw` takes the request that comes of
 * it; `failed` an error. */
export async function planAndDraw(wanted, draw, failed) {
  dismiss("plan");
  let answer;
  try {
    answer = await thought(wanted.body, byId("thinking"));
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return failed(error);
  }
  if (answer === null) return undefined;
  plan = { wanted, answer, written: null, draw };
  if (document.querySelector("dialog[open]") || byId("f-prompt").value !== wanted.said.prompt) {
    return notice(t("plan.ready"), { about: "plan", stay: true, action: { text: t("run.show"), act: open } }); // who does something else isn't interrupted
  }
  return open();
}

function startPlan() {
  const dialog = byId("plan-dialog");
  byId("plan-form").addEventListener("submit", (event) => { event.preventDefault(); draw(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const drawn = event.ctrlKey || event.metaKey;
    if (!drawn && !event.target.matches("input")) return;
    event.preventDefault(); // Enter in a small field draws nothing by mistake
    event.stopPropagation(); // nor does what draws the plan ask for another
    if (drawn) draw();
  });
  byId("plan-again").addEventListener("click", askAgain);
  byId("plan-stop").addEventListener("click", stopThinking);
  startStepping(byId("plan-form"), ({ dataset: { plan: name } }) => ({ from: field(name)?.default ?? 0, ...field(name) }));
  dialog.addEventListener("close", putAside);
  inEveryLanguage(() => { if (dialog.open) { keep(); fillIn(); } });
}

const control = (name) => document.querySelector(`[data-plan="${name}"]`);
const hasPicture = () => plan.wanted.body.img !== undefined;

function open() {
  fillIn();
  openDialog(byId("plan-dialog"));
  byId("plan-title").focus();
}

/** Writes the plan into its controls: as it was answered, or as somebody had changed it. */
function fillIn() {
  const { answer, wanted } = plan;
  const said = plan.written ?? {
    wish: wanted.said.prompt, prompt: answer.request.prompt, neg: answer.request.neg, description: answer.description,
    ...Object.fromEntries([...NUMBERS, "sampler"].map((name) => [name, answer.request[name]])), left: [],
  };
  const sampler = control("sampler");
  const names = samplers().map((row) => row.name);
  sampler.replaceChildren(make("option", { value: "" }, t("default")), ...[...new Set([...names, said.sampler].filter(Boolean))].map((name) => make("option", { value: name }, name)));
  for (const name of ["wish", "prompt", "neg", "description", "sampler"]) control(name).value = said[name] ?? "";
  for (const name of NUMBERS) control(name).value = typeof said[name] === "number" ? written(said[name]) : (said[name] ?? "");
  for (const each of all("[data-plan-picture]")) show(each, hasPicture());
  byId("plan-why").textContent = why(answer);
  show(byId("plan-why"), byId("plan-why").textContent !== "");
  byId("plan-beside").replaceChildren(...besides(said.left));
  show(byId("plan-beside"), byId("plan-beside").children.length > 0);
  const warnings = allWorded(answer);
  byId("plan-warnings").replaceChildren(...warnings.map((one) => make("li", { dir: "auto" }, one)));
  show(byId("plan-warnings"), warnings.length > 0);
  say("");
}

/** The reason, what changes, and what stays. */
function why({ why: reason, change: kind, keep: kept, request }) {
  if (!request.assisted) return "";
  const changes = hasPicture() && hasText(`plan.change.${kind}`) ? t("plan.changes", { what: t(`plan.change.${kind}`) }) : "";
  const stays = kept.length ? t("plan.stays", { what: kept.join(", ") }) : "";
  return [reason, changes, stays].filter(Boolean).join(" ");
}

/** What goes beside the model: each can be left out. */
function besides(left) {
  const { request } = plan.answer;
  const loras = (request.loras ?? []).map((one) => [`lora ${one.name ?? one}`, t("plan.lora", { name: one.name ?? one })]);
  const held = (request.control ?? []).map((one) => [`control ${one.model}`, t("plan.control", { name: one.model })]);
  return [...loras, ...held].map(([name, text]) => make("label", { className: "check" },
    make("input", { type: "checkbox", checked: !left.includes(name), "data-beside-plan": name }), make("span", {}, text)));
}

const leftOut = () => all("[data-beside-plan]").filter((each) => !each.checked).map((each) => each.dataset.besidePlan);

/** Keeps what is written, as it is written. */
function keep() {
  const values = all("[data-plan]").map((each) => [each.dataset.plan, each.value]);
  plan.written = { ...Object.fromEntries(values), left: leftOut() };
}

function draw() {
  if (!byId("thinking-again").hidden) return;
  const wanted = asWanted();
  if (wanted === null) return;
  going = true;
  byId("plan-dialog").close();
  plan.draw(wanted);
}

/** The request that the plan, as it stands there, makes of the one that it is for; null where something can't be used. */
function asWanted() {
  const { wanted, answer } = plan;
  const body = { ...wanted.body, ...answer.request };
  delete body.preset; // its words are in the prompt, its settings in the request
  let first = null;
  for (const name of NUMBERS) first = numberInto(body, name) ?? first;
  body.prompt = control("prompt").value;
  if (!body.prompt.trim()) first = wrong(control("prompt"), t("error.required"));
  if (first) {
    first.focus();
    return null;
  }
  const neg = control("neg").value;
  if (neg || body.neg !== undefined) body.neg = neg;
  const sampler = control("sampler").value;
  if (sampler) body.sampler = sampler;
  else delete body.sampler;
  if (sampler !== (answer.request.sampler ?? "") && !wanted.body.schedule) delete body.schedule; // it belongs to its sampler
  const left = leftOut();
  if (body.loras) body.loras = body.loras.filter((one) => !left.includes(`lora ${one.name ?? one}`));
  const pictures = { ...wanted.pictures };
  const held = (answer.request.control ?? []).filter((one) => !left.includes(`control ${one.model}`));
  if (held.length) {
    body.control = held.map((one) => ({ ...one, image: body.img }));
    pictures.control = held.map(() => wanted.pictures.img);
  } else if (answer.request.control) delete body.control;
  return { ...wanted, said: { ...wanted.said, prompt: body.prompt }, body, pictures };
}

/** Takes a number over; an empty one is left to the server. The control, where it is none that can be used. */
function numberInto(body, name) {
  const each = control(name);
  wrong(each, "");
  delete body[name];
  if (each.value.trim() === "" || (name === "strength" && !hasPicture())) return null;
  try {
    body[name] = numberFrom(each.value, field(name));
    return null;
  } catch (sentence) {
    if (typeof sentence !== "string") throw sentence;
    return wrong(each, sentence);
  }
}

/** Says beside a control what is wrong with it, or that nothing is. */
function wrong(each, sentence) {
  const error = byId(`${each.id}-error`);
  error.textContent = sentence;
  show(error, sentence !== "");
  if (sentence) each.setAttribute("aria-invalid", "true");
  else each.removeAttribute("aria-invalid");
  return each;
}

/** Another plan, of the wish and the description as they stand there. */
async function askAgain() {
  const { wanted } = plan;
  const [wish, description] = [control("wish").value, control("description").value];
  if (!wish.trim()) return wrong(control("wish"), t("error.required")).focus();
  wrong(control("wish"), "");
  if (byId("f-prompt").value === wanted.said.prompt) change("prompt", wish);
  const byHand = hasPicture() && description.trim() && (description !== plan.answer.description || wanted.body.description !== undefined);
  const { description: _, ...body } = { ...wanted.body, prompt: wish };
  if (byHand) body.description = description;
  const asked = plan;
  setThinking(true);
  try {
    const thinking = thought(body, byId("thinking-again"));
    byId("plan-stop").focus(); // which is seen only now
    const answer = await thinking;
    if (answer === null || plan !== asked) return undefined;
    plan = { ...asked, wanted: { ...wanted, said: { ...wanted.said, prompt: wish }, body }, answer, written: null };
    fillIn();
    tell(t("plan.ready"));
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    say(error.words);
  } finally {
    setThinking(false);
  }
  return undefined;
}

function setThinking(on) {
  byId("plan-fields").disabled = on;
  for (const id of ["plan-again", "plan-draw"]) byId(id).disabled = on;
  if (!on && byId("plan-dialog").open) byId("plan-title").focus();
}

function say(sentence) {
  byId("plan-error").textContent = sentence;
  show(byId("plan-error"), sentence !== "");
}

/** A plan that is closed without being drawn can be gone back to, as it was left. */
function putAside() {
  stopThinking();
  byId("generate").focus({ preventScroll: true });
  if (going) {
    going = false;
    return;
  }
  keep();
  notice(t("plan.aside"), { about: "plan", stay: true, action: { text: t("run.show"), act: open } });
}

startPlan();
