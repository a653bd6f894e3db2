// A card for each file of the server's: its picture, what it is, what it takes, and what can be done with it.

import { send, ServerError } from "../../js/api.js";
import { byId, icon, make } from "../../js/dom.js";
import { fileSize, hasText, language, t } from "../../js/i18n.js";
import { notice } from "../../js/notices.js";
import { thumbnail } from "../../js/pictures.js";
import { previewOf, removalOf } from "./files.js";

const HOW = { all: "good", encoders: "good", stages: "good", layers: "wait" };
const SIDE = 640; // pixels that are kept of a preview
const pictures = new Map(); // addresses of previews, by file and its time

/** The card of a file. `changed` is called once something has been done, `use` is given the name of one to draw with. */
export function cardOf(file, { changes, changed, use }) {
  const acts = make("div", { className: "card-acts" });
  const card = make("li", { className: "card" }, pictureOf(file), aboutOf(file), acts);
  const ask = (box) => { card.querySelector(".card-ask")?.remove(); if (box) card.append(box); };
  let asker = null; // what was pressed
  const back = () => { ask(null); asker.focus(); };
  if (file.loads) acts.append(button(t("models.use"), t("models.use.name", { name: file.name }), () => use(file.name)));
  if (changes && file.removable) {
    const copies = button(t("models.copy"), t("models.copy.name", { name: file.name }), () => { asker = copies; ask(copyBox(file, changed, back)); });
    const removes = button(t("do.delete"), t("models.delete.name", { name: file.name }), async () => { asker = removes; ask(await removalBox(file, changed, back)); });
    acts.append(copies, removes);
    card.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !card.querySelector(".card-ask")) return;
      event.preventDefault();
      event.stopPropagation();
      back();
    });
  }
  if (!acts.children.length) acts.remove();
  return card;
}

const button = (text, label, onclick) => make("button", { type: "button", className: "button small", "aria-label": label, onclick }, text);

function pictureOf(file) {
  const room = make("div", { className: "card-picture" });
  const plain = make("span", { className: "card-plain" }, icon("image"), make("span", {}, familyOf(file) || kindName(file.kind)));
  room.append(plain);
  if (!file.preview) return room;
  const key = pictureKey(file);
  if (!pictures.has(key)) pictures.set(key, smallPicture(file).catch(() => { pictures.delete(key); })); // without one the card stays plain
  pictures.get(key).then((url) => { if (url) plain.replaceWith(make("img", { src: url, alt: t("models.sample", { name: file.name }), decoding: "async" })); });
  return room;
}

const pictureKey = (file) => `${file.kind} ${file.name} ${file.modified}`;

async function smallPicture(file) {
  const { thumb } = await thumbnail(await previewOf(file), SIDE);
  return URL.createObjectURL(thumb);
}

/** Lets go of pictures of other files than these. */
export function keepPictures(files) {
  const there = new Set(files.map(pictureKey));
  for (const [key, picture] of pictures) {
    if (there.has(key)) continue;
    pictures.delete(key);
    picture.then((url) => { if (url) URL.revokeObjectURL(url); });
  }
}

const familyOf = (file) => (file.family ?? "").replaceAll("_", " ");
const kindName = (kind) => (hasText(`models.is.${kind}`) ? t(`models.is.${kind}`) : kind.replaceAll("-", " "));

function aboutOf(file) {
  const made = file.made ?? {};
  const facts = [file.kind === "checkpoint" ? "" : kindName(file.kind), familyOf(file), file.variant, file.size >= 1e5 && !made.from ? fileSize(file.size) : "", file.shipped ? t("model.shipped") : "", file.loaded ? t("model.loaded") : ""];
  const lines = [make("h3", { dir: "auto" }, file.name), make("p", { className: "hint" }, facts.filter(Boolean).join(" · "))];
  if (made.description) lines.push(make("p", { dir: "auto" }, made.description));
  if (made.from) lines.push(make("p", { dir: "auto" }, t("models.base", { name: made.from })));
  if (made.loras?.length) lines.push(make("p", { dir: "auto" }, t("models.with", { names: made.loras.map((one) => `${one.name} ${one.weight}`).join(", ") })));
  if (file.problem) lines.push(make("p", { className: "card-fits", "data-how": "bad", dir: "auto" }, `${file.problem.charAt(0).toLocaleUpperCase(language())}${file.problem.slice(1)}.`));
  else if (file.fits) lines.push(fitsOf(file.fits));
  if (file.licence) lines.push(make("p", { className: "hint", dir: "auto" }, t("models.under", { licence: file.licence })));
  if (file.triggers?.length) lines.push(make("div", {}, make("p", { className: "hint" }, t("models.words")), make("div", { className: "card-words" }, ...file.triggers.slice(0, 12).map((word) => make("code", { dir: "auto" }, word)))));
  if (file.notes) lines.push(make("details", { className: "fold" }, make("summary", {}, t("models.notes")), make("p", { className: "card-notes hint", dir: "auto" }, file.notes)));
  if (file.source) lines.push(make("p", { className: "hint", dir: "auto" }, t("models.from", { source: file.source })));
  return make("div", { className: "card-about" }, ...lines);
}

function fitsOf({ way, minimum, comfortable }) {
  const [least, enough] = [fileSize(minimum), fileSize(comfortable)];
  const needs = comfortable > minimum && least !== enough ? t("models.needs", { minimum: least, comfortable: enough }) : t("models.needs.all", { size: least });
  return make("p", { className: "card-fits", "data-how": HOW[way] ?? "bad" }, `${t(way ? `models.fits.${way}` : "models.fits.not")} ${needs}`);
}

/** Asks for a second name. */
function copyBox(file, changed, done) {
  const id = `models-copy-${Math.random().toString(36).slice(2)}`;
  const input = make("input", { type: "text", id, value: `${file.name}-2`, spellcheck: false, autocomplete: "off" });
  return askBox([make("div", { className: "field" }, make("label", { htmlFor: id }, t("models.copy.as")), input)], t("models.copy"), done, async () => {
    await send("POST", "/api/copy", { source: file.name, destination: input.value.trim() });
    notice(t("models.copied", { name: input.value.trim() }), { about: "models" });
    done();
    await changed();
  });
}

/** Says what would go and what stays, and asks. */
async function removalBox(file, changed, done) {
  let told;
  try {
    told = await removalOf(file);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return askBox([make("p", { className: "error", role: "alert" }, error.words)], null, done);
  }
  const sentences = [t("models.delete.what", { names: told.removes.map((one) => one.name).join(", "), size: fileSize(told.frees) }), told.keeps.length ? t("models.delete.stays", { names: told.keeps.join(", ") }) : ""];
  return askBox(sentences.filter(Boolean).map((one) => make("p", { dir: "auto" }, one)), t("do.delete"), done, async () => {
    await send("DELETE", "/api/delete", { model: file.name });
    notice(t("models.deleted", { name: file.name }), { about: "models" });
    await changed();
    byId("models-title").focus();
  });
}

function askBox(parts, text, done, act) {
  const error = make("p", { className: "error", role: "alert", hidden: true });
  const back = make("button", { type: "button", className: "button small", onclick: done }, t("models.leave"));
  const box = make("div", { className: "card-ask", role: "group" }, ...parts, error);
  const row = make("div", { className: "dialog-actions" }, back);
  if (act) {
    const go = make("button", { type: "button", className: "button small primary" }, text);
    go.onclick = async () => {
      go.disabled = true;
      try {
        await act();
      } catch (failure) {
        if (!(failure instanceof ServerError)) throw failure;
        error.textContent = failure.words;
        error.hidden = false;
        go.disabled = false;
        go.focus();
      }
    };
    row.prepend(go);
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.target.matches("input")) return;
      event.preventDefault();
      go.click();
    });
  }
  box.append(row);
  queueMicrotask(() => (box.querySelector("input") ?? back).focus());
  return box;
}
