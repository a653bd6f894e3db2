// What is here and what can be had, for who comes for the first time: on the empty stage, once, until it is closed or a
// picture is made; and from the server's dialog whenever somebody wants to know.

import { ask, ServerError } from "../../js/api.js";
import { describeChoices } from "../../js/choices.js";
import { entryOf, gallery } from "../../js/collection.js";
import { devicesNamed, elsewhere, isHere, openServer, server, whenLooked } from "../../js/connection.js";
import { control } from "../../js/controls.js";
import { byId, make, openDialog, show } from "../../js/dom.js";
import { drawer } from "../../js/drawers.js";
import { change, isReady } from "../../js/form.js";
import { duration, fileSize, inEveryLanguage, language, t } from "../../js/i18n.js";
import { remember, remembered } from "../../js/memory.js";
import { notice } from "../../js/notices.js";
import { chosenModel, detailsOf, entriesOf, learnModels, models, presets, presetTitle } from "../../js/offers.js";
import { seenBoard } from "../../js/stage.js";
import { undoToNow } from "../../js/undo.js";

const MOST_MODELS = 6;
const MOST_NAMES = 8; // of the catalogue
const QUICK = 20; // steps
const STYLE = "watercolor";
const SEVERAL = 4;
const HOW = { all: "good", encoders: "good", stages: "good", layers: "wait" };
let library = null; // where files come from, and what could be had
const paces = new Map(); // seconds of a picture, by model, as this browser has seen them

/** In its dialog. */
export async function openFirst() {
  leave();
  openDialog(byId("first-dialog"));
  byId("first-title").focus();
  await learn();
}

/** On the stage, where nothing is seen there yet. */
export async function greet() {
  await learn();
  if (seenBoard() === null && !byId("first-dialog").open) byId("frame").append(byId("first"));
}

const isOnStage = () => byId("first").parentElement === byId("frame");

/** Back into its dialog, never to come by itself again. */
function leave() {
  remember("first", true);
  if (!isOnStage()) return;
  const focused = byId("first").contains(document.activeElement);
  byId("first-room").append(byId("first"));
  if (focused) byId("f-prompt").focus();
}

async function learn() {
  try {
    if (isReady()) library = await ask("/library");
  } catch (failure) {
    if (!(failure instanceof ServerError)) throw failure;
  }
  for (const name of models()) {
    const row = gallery().find((one) => one.model === name);
    const { timings } = (row && (await entryOf(row))) ?? {};
    const seconds = Object.entries(timings ?? {}).reduce((sum, [part, value]) => sum + (part === "loading" ? 0 : value), 0);
    if (seconds) paces.set(name, seconds);
  }
  describe();
}

function describe() {
  const { health } = server();
  if (!health) return;
  describeWhere(health);
  describeModels();
  describeMore();
  describeSet(health);
  describeTries();
}

/** Puts these into a list, unless they stand there already: who is at one of them, by a key or a finger, stays there. */
function put(list, items) {
  if (items.length !== list.children.length || items.some((one, at) => !one.isEqualNode(list.children[at]))) list.replaceChildren(...items);
}

/** Where pictures are drawn: on this computer or another, on what, and who else draws. */
function describeWhere({ devices, assistant }) {
  const others = elsewhere(devices);
  const device = devicesNamed({ devices });
  const [ready, not] = isHere() ? ["first.here", "first.here.not"] : ["first.there", "first.there.not"];
  const where = t(device ? ready : not, { host: location.host, device });
  const stays = isHere() && !others.length && !assistant;
  const said = [where, stays ? t("first.stays") : "", others.length ? t("first.others", { names: others.join(", ") }) : "", isHere() ? t("first.forwarded", { host: location.host }) : ""];
  byId("first-where").textContent = said.filter(Boolean).join(" ");
}

function describeModels() {
  const names = models();
  const rows = names.slice(0, MOST_MODELS).map(modelRow);
  put(byId("first-models"), rows.length ? rows : [make("li", { "data-how": "bad" }, ...noModel())]);
  byId("first-all").textContent = names.length > MOST_MODELS ? t("first.all.n", { n: names.length }) : t("first.all");
  const besides = ["lora", "controlnet", "ip-adapter", "embedding", "upscaler"].map((kind) => [kind, entriesOf(kind).length]).filter(([, n]) => n);
  byId("first-besides").textContent = besides.length ? t("first.besides", { what: besides.map(([kind, n]) => t(`first.kind.${kind}`, { n })).join(", ") }) : "";
  show(byId("first-besides"), besides.length > 0);
}

/** There is none, or it isn't told yet. */
function noModel() {
  if (isReady()) return [t("first.none")];
  return server().state === "key" ? [`${t("first.untold")} `, linkTo("first.key.enter", enterKey)] : [t("status.waiting")];
}

/** A model, and what it is good for, as far as its file tells. */
function modelRow(name) {
  const file = detailsOf(name) ?? {};
  const fits = library?.files.find((each) => each.name === name && each.kind === file.kind)?.fits;
  const steps = file.defaults?.num_steps;
  const facts = [
    [file.family?.replaceAll("_", " "), file.variant].filter(Boolean).join(" "),
    file.resolution ? t("model.native", { n: file.resolution }) : "",
    file.size >= 1e5 ? fileSize(file.size) : "",
    file.shipped ? t("model.shipped") : "",
    file.place ? t("first.place", { place: file.place }) : "",
    file.needs?.includes("img") ? t("first.edits") : "",
    steps ? t(steps <= QUICK ? "first.quick" : "first.steps", { n: steps }) : "",
    paces.has(name) ? t("first.pace", { time: duration(paces.get(name)) }) : "",
    t("first.languages", { names: (file.languages ?? ["en"]).map((one) => t(`first.language.${one}`)).join(", ") }),
    fits ? t(fits.way ? (fits.way === "layers" ? "first.slow" : "first.fits") : "first.fits.not") : "",
  ];
  const row = make("li", {}, make("b", { dir: "auto" }, name), ` ${facts.filter(Boolean).join(" · ")}`);
  if (fits) row.dataset.how = HOW[fits.way] ?? "bad";
  return row;
}

/** How others come here, for who may fetch them and for who may ask the owner. */
function describeMore() {
  const may = library?.changes;
  const ways = [];
  if (library?.offline) ways.push([t("first.way.offline"), ""]);
  else if (may) ways.push([t("first.way.here"), "models"], [t("first.way.command"), "imagine pull NAME"]);
  else ways.push([t("first.way.owner"), "imagine pull NAME"]);
  ways.push([t("first.way.folder"), "~/.imagine/models"], [t("first.way.carry"), "imagine save NAME -o model.tar"]);
  put(byId("first-ways"), ways.map(([text, what]) => make("li", {}, `${text} `, ...(what === "models" ? [linkTo("drawer.models", openModels)] : what ? [make("code", {}, what)] : []))));
  const known = library?.offline ? [] : (library?.catalogue ?? []).filter((row) => !row.here);
  show(byId("first-known"), known.length > 0);
  byId("first-known").textContent = known.length ? t("first.known", { names: known.slice(0, MOST_NAMES).map(({ name }) => name).join(", ") }) : "";
}

const linkTo = (key, act) => make("button", { type: "button", className: "text-button inset", onclick: () => act() }, t(key));

function enterKey() {
  byId("first-dialog").close();
  openServer(t("error.key"));
}

async function openModels() {
  (await drawer("models"))?.openModels();
}

function describeSet({ assistant, moderation: { prompts, own, pictures, problem } }) {
  const checked = prompts || own || pictures || remembered("moderation", "") !== "";
  const said = [
    [assistant ? "good" : "", t(assistant ? "first.assistant" : "first.assistant.none")],
    [problem ? "bad" : "", problem ?? t(checked ? "first.checked" : "first.unchecked")],
    keySaid(),
  ];
  put(byId("first-set"), said.map(([how, text]) => make("li", how ? { "data-how": how } : {}, text)));
}

/** That none is needed is known once the server has told more than how it is. */
function keySaid() {
  const key = remembered("key", "") !== "";
  if (server().state === "key") return ["bad", t(key ? "error.key.wrong" : "error.key")];
  return ["", key ? t("first.key") : isReady() ? t("first.key.none") : t("status.waiting")];
}

/** Three things to begin with, each of which fills the form in: nothing is drawn by itself. */
function describeTries() {
  const own = chosenModel()?.examples ?? {};
  const [one, , two, three] = [...(own[language()] ?? Object.values(own)[0] ?? []), ...t("examples")];
  const style = presets().find(({ name }) => name === STYLE);
  const tries = [[one, t("first.try.one", { prompt: one }), {}]];
  if (style) tries.push([two, t("first.try.style", { prompt: two, style: presetTitle(style) }), { preset: STYLE }]);
  else tries.push([two, t("first.try.one", { prompt: two }), {}]);
  tries.push([three, t("first.try.several", { prompt: three, n: SEVERAL }), { count: SEVERAL }]);
  show(byId("first-try-part"), models().length > 0);
  put(byId("first-try"), tries.map(([prompt, text, more]) => make("button", { type: "button", className: "chip", onclick: () => fillIn(prompt, more) }, text)));
}

function fillIn(prompt, more) {
  const written = byId("f-prompt").value.trim();
  const action = undoToNow();
  for (const name of ["preset", "count"]) if (control(name)) change(name, more[name]);
  change("prompt", prompt);
  byId("first-dialog").close();
  byId("server-dialog").close();
  byId("f-prompt").focus();
  if (written && written !== prompt) notice(t("prompt.replaced"), { about: "prompt", action });
}

byId("first-close").addEventListener("click", () => { leave(); byId("f-prompt").focus(); });
byId("first-all").addEventListener("click", openModels);
new MutationObserver(() => { if (isOnStage() && seenBoard() !== null) leave(); }).observe(byId("board"), { attributeFilter: ["hidden"] });
whenLooked(async () => {
  if (!isOnStage() && !byId("first-dialog").open) return;
  if (library === null && isReady()) return learn(); // it wanted its key, or didn't answer
  if (isReady() && !models().length) await learnModels().then(describeChoices, () => {}); // one may have come
  return describe();
});
inEveryLanguage(describe);
