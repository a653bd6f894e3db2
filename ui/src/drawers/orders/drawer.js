// The orders that the server keeps for this person, whoever placed them: how far each is, its pictures, and who is told of
// it. What the form says can be handed over, too: then the page may be closed.

import { ask, blobAt, held, post, ServerError } from "../../js/api.js";
import { plansFirst } from "../../js/assistant.js";
import { whenLooked } from "../../js/connection.js";
import { keepPicture } from "../../js/collection.js";
import { focusFirstError } from "../../js/controls.js";
import { freshId } from "../../js/database.js";
import { byId, make, openDialog, say, show, tell } from "../../js/dom.js";
import { duration, inEveryLanguage, language, t } from "../../js/i18n.js";
import { remember, remembered } from "../../js/memory.js";
import { notice } from "../../js/notices.js";
import { thumbnail } from "../../js/pictures.js";
import { asked } from "../../js/run.js";
import { showEntry } from "../../js/stage.js";

const MOST = 50; // of which it is remembered what they were
const SEEN = 8; // pictures of one that are shown
const SIDE = 144;
const HOW = { running: "wait", succeeded: "good", failed: "bad" };
const OPEN = ["queued", "running"];
const rows = new Map(); // by an order's id: its element and what it was made of
const thumbs = new Map(); // addresses of small pictures, by the name of the picture
let found = null;
let looks = 0;
let refused = ""; // why what was last tried couldn't be: it stands until something else is
const trying = new Set(); // what was pressed: a second time, before that has come to anything, is no second order

export async function openOrders() {
  openDialog(byId("orders-dialog"));
  byId("orders-title").focus();
  await look();
}

async function look() {
  if (!byId("orders-dialog").open) return;
  const mine = ++looks;
  let [told, error] = [found, ""];
  try {
    told = (await ask("/jobs")).detached;
  } catch (failure) {
    if (!(failure instanceof ServerError)) throw failure;
    error = failure.words;
  }
  if (mine !== looks) return; // it was looked again meanwhile
  found = told;
  sayError(error || refused);
  describe();
}

function sayError(error) {
  say(byId("orders-error"), error);
  show(byId("orders-error"), error !== "");
}

/** What is known here of those that this browser has handed over: { prompt, said }, by id. */
const handed = () => remembered("handed", {});

function describe() {
  if (found === null) return;
  const list = byId("orders-rows");
  const at = [...list.children].findIndex((row) => row.contains(document.activeElement));
  const act = document.activeElement.dataset.act;
  const shown = found.map(rowOf);
  if (shown.length !== list.children.length || shown.some((each, place) => list.children[place] !== each)) list.replaceChildren(...shown);
  if (at >= 0 && !list.contains(document.activeElement)) (list.children[at]?.querySelector(`[data-act="${act}"]`) ?? byId("orders-title")).focus();
  const there = new Set(found.map(({ id }) => id));
  for (const id of rows.keys()) if (!there.has(id)) rows.delete(id);
  show(byId("orders-empty"), found.length === 0);
}

/** A row stays the same element while what it tells is the same. */
function rowOf(order) {
  const known = handed()[order.id];
  const made = language() + JSON.stringify([order, known]);
  if (rows.get(order.id)?.made !== made) {
    const open = rows.get(order.id)?.element.querySelector("details").open;
    rows.set(order.id, { made, element: elementOf(order, known) });
    if (open) rows.get(order.id).element.querySelector("details").open = true;
  }
  return rows.get(order.id).element;
}

function elementOf(order, known) {
  const done = order.pictures.filter((each) => each.url);
  const title = known?.prompt || t("orders.of", { n: order.pictures.length, time: when(order.created) });
  const state = make("li", { "data-how": HOW[order.state] ?? "" }, stateSaid(order, done.length));
  const pictures = make("div", { className: "order-pictures" });
  for (const each of done.slice(0, SEEN)) pictures.append(pictureOf(each));
  const acts = make("div", { className: "dialog-actions" });
  const offer = (act, what) => acts.append(make("button", { type: "button", className: "button small", "data-act": act, "aria-label": `${t(`orders.${act}`)}: ${title}`, onclick: () => tried(`${act} ${order.id}`, what) }, t(`orders.${act}`)));
  if (OPEN.includes(order.state)) offer("cancel", () => ask(`/jobs/${order.id}`, { method: "DELETE" }));
  if (done.length) offer("take", () => take(done));
  if (!OPEN.includes(order.state) && known?.said) offer("again", () => place(known.said, known));
  const parts = [make("b", { dir: "auto" }, title), make("ul", { className: "points" }, state)];
  return make("li", {}, ...parts, ...(done.length ? [pictures] : []), ...(acts.children.length ? [acts] : []), detailsOf(order));
}

function stateSaid({ state, position, pictures, error, expires }, done) {
  const left = pictures.map((each) => each.remaining).filter((each) => each !== null && each !== undefined);
  const part = {
    queued: position ? t("run.queued", { n: position }) : t("run.next"),
    running: [pictures.length > 1 ? t("run.pictures", { done, count: pictures.length }) : "", left.length ? t("run.left", { time: duration(Math.max(...left)) }) : ""].filter(Boolean).join(" · "),
    succeeded: expires ? t("orders.until", { time: when(expires) }) : "",
    failed: error ?? "",
  }[state];
  return [t(`orders.${state}`), part].filter(Boolean).join(" · ");
}

const when = (seconds) => new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short" }).format(seconds * 1000);

/** Where its results are for programs and commands, and what became of who is told; looked up once somebody wants to see it. */
function detailsOf(order) {
  const facts = make("dl", { className: "facts" });
  const details = make("details", { className: "fold" }, make("summary", {}, t("details")), facts);
  const fill = (webhook) => {
    const said = [[t("orders.id"), order.id], [t("orders.placed"), when(order.created)], [t("orders.ended"), order.ended ? when(order.ended) : ""], [t("orders.result"), order.urls.result], [t("orders.command"), `imagine ${OPEN.includes(order.state) ? "attach" : "result"} ${order.id}`], ...webhook];
    facts.replaceChildren(...said.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", {}, name), make("dd", { dir: "auto" }, text)]));
  };
  details.addEventListener("toggle", async () => {
    if (!details.open) return;
    fill([]);
    const status = await ask(`/jobs/${order.id}`).catch(() => ({}));
    if (status.webhook) fill([[t("orders.webhook"), [status.webhook.url, ...status.webhook.deliveries.map(deliverySaid)].join("\n")]]);
  });
  return details;
}

const deliverySaid = ({ event, state, attempts, error }) => [event, state, t("orders.attempts", { n: attempts }), error].filter(Boolean).join(" · ");

const nameOf = ({ url }) => url.split("/").at(-1);

function pictureOf(picture) {
  const img = make("img", { alt: t("picture.tile", { n: picture.index + 1 }) });
  const name = nameOf(picture);
  if (!thumbs.has(name)) thumbs.set(name, small(name).catch(() => { thumbs.delete(name); return null; })); // it may have expired just now
  thumbs.get(name).then((url) => { if (url) img.src = url; });
  return img;
}

async function small(name) {
  const { thumb } = await thumbnail(await blobAt(`/pictures/${name}`), SIDE);
  return URL.createObjectURL(thumb);
}

/** Does what a button is for, which `name` tells from others, and says where that couldn't be. */
async function tried(name, act) {
  if (trying.has(name)) return undefined;
  trying.add(name);
  refused = "";
  try {
    await act();
  } catch (failure) {
    if (!(failure instanceof ServerError)) throw failure;
    refused = failure.words;
    return sayError(refused);
  } finally {
    trying.delete(name);
  }
  return look();
}

/** Keeps an order's pictures in this browser, each with the recipe that is in it, and shows them. */
async function take(pictures) {
  const batch = pictures.length > 1 ? freshId() : null;
  const entries = [];
  for (const picture of pictures) {
    const blob = await blobAt(`/pictures/${nameOf(picture)}`);
    const { meta, warnings, notes } = await ask("/recipe", { method: "POST", body: blob, headers: { "Content-Type": "application/octet-stream" } });
    entries.push(await keepPicture({ blob, meta: { ...meta, seed: picture.seed }, warnings, notes, batch: batch && { id: batch, at: picture.index } }));
  }
  byId("orders-dialog").close();
  byId("server-dialog").close();
  notice(t("orders.taken", { n: entries.length }), { about: "orders" });
  await showEntry(entries[0], entries);
}

/** Has the server make what the form says, whether anybody waits for it or not. */
async function handOver() {
  const wanted = await asked();
  if (wanted === null) { // what is wrong is marked there
    byId("orders-dialog").close();
    byId("server-dialog").close();
    focusFirstError();
    return;
  }
  const { progress: _, stream: __, preview: ___, ...body } = wanted.body;
  if (plansFirst()) body.assist = true; // a plan that nobody looks at
  const pictures = [body.img, body.mask, body.control, body.references].some(Boolean);
  await place(body, { prompt: wanted.said.prompt, said: pictures ? null : body }); // pictures that are brought aren't kept here
}

async function place(body, known) {
  const { id } = await post("/jobs", held(body));
  const list = Object.entries({ ...handed(), [id]: known }).slice(-MOST);
  remember("handed", Object.fromEntries(list));
  tell(t("orders.handed"));
}

byId("orders-hand").addEventListener("click", () => tried("hand", handOver));
whenLooked(look);
inEveryLanguage(describe);
