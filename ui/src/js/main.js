// The page: its parts put together, and the keys.

import { startActions } from "./actions.js";
import { offerAssistant, plansFirst } from "./assistant.js";
import { restoreBeside, startBeside } from "./beside.js";
import { offerMark } from "./choices.js";
import { startCollection } from "./collection.js";
import { openServer, startConnection } from "./connection.js";
import { startFromDisk } from "./disk.js";
import { all, byId, closeDialogsByButtons, press, show, startMenu } from "./dom.js";
import { drawer } from "./drawers.js";
import { startDrops } from "./drops.js";
import { forgetBuckets, reset, startForm } from "./form.js";
import { openBeside, startGallery } from "./gallery.js";
import { firstLanguage, inEveryLanguage, language, setLanguage, t } from "./i18n.js";
import { letterOf } from "./keys.js";
import { copyLink, takeHash } from "./link.js";
import { remembered, whenRemembered } from "./memory.js";
import { notice, undoLatest } from "./notices.js";
import { askedToCancel, isRunning, resumeQueue, run, serverIsBack, startRun } from "./run.js";
import { dropSource, sourcePicture, startSource } from "./source.js";
import { bringIntoView, chooseAt, chooseBeside, chosenEntry, examples, showEntry, showLatest, startStage } from "./stage.js";
import { undoToNow } from "./undo.js";
import { startUpscale } from "./upscale.js";

const THEMES = ["auto", "light", "dark"];
const WRITTEN = "textarea, select, input:not([type=range], [type=checkbox])";
const onMac = /Mac|iPhone|iPad/.test(navigator.platform);

async function load(file) {
  const entry = await (await drawer("recipe"))?.loadFile(file);
  if (entry) await showEntry(entry);
}

function startTheme() {
  const root = document.documentElement;
  const name = () => {
    const label = t(`theme.${root.dataset.theme}`);
    byId("theme").title = label;
    byId("theme").setAttribute("aria-label", label);
    byId("theme-icon").setAttribute("href", `#i-${root.dataset.theme}`);
  };
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = THEMES[(THEMES.indexOf(root.dataset.theme) + 1) % THEMES.length];
    try { localStorage.setItem("imagine.theme", root.dataset.theme); } catch { /* for this visit, then */ }
    name();
  });
  whenRemembered("theme", (theme) => { root.dataset.theme = theme; name(); });
  inEveryLanguage(name);
}

function startLanguage() {
  for (const button of all("[data-language]")) button.addEventListener("click", () => setLanguage(button.dataset.language));
  inEveryLanguage(() => { for (const button of all("[data-language]")) press(button, button.dataset.language === language()); });
}

function startViews() {
  byId("open-queue").addEventListener("click", async () => (await drawer("queue"))?.openQueue());
  byId("open-models").addEventListener("click", async () => (await drawer("models"))?.openModels());
  byId("open-styles").addEventListener("click", async () => (await drawer("styles"))?.openStyles());
  const live = () => drawer("live", true);
  byId("advanced").addEventListener("toggle", live);
  if (remembered("redraw", false)) live();
}

function startFiles() {
  byId("load").addEventListener("click", () => byId("load-file").click());
  byId("load-file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) load(file);
  });
  const menu = byId("save-menu");
  const close = startMenu(menu);
  menu.addEventListener("toggle", () => {
    show(byId("save-with-input"), sourcePicture() !== null);
    show(byId("save-with-result"), chosenEntry() !== null);
  });
  const act = (id, what) => byId(id).addEventListener("click", () => { close(true); what(); });
  const save = async (withInput) => (await drawer("recipe"))?.saveSettings(withInput);
  act("save-settings", () => save(false));
  act("save-with-input", () => save(true));
  act("save-with-result", () => byId("do-json").click());
  act("share", copyLink);
  act("save-style", async () => (await drawer("styles"))?.keepCurrent());
  act("reset", async () => {
    const action = undoToNow();
    await dropSource({ quiet: true });
    await restoreBeside({});
    reset();
    notice(t("save.reset.done"), { about: "reset", action });
    byId("f-prompt").focus();
  });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The keys that choose among the pictures of the stage, and act on the chosen one. */
function chosenByKey(event) {
  const arrow = event.target.matches("body, #stage, .tile") && !event.shiftKey && ARROWS[event.key];
  const act = { s: "do-star", Delete: "do-delete" }[letterOf(event) || event.key];
  if (act && event.repeat) return true; // a key that is held deletes no row of pictures
  if (/^[1-9]$/.test(event.key)) chooseAt(event.key - 1);
  else if (arrow) chooseBeside(...arrow);
  else if (act && chosenEntry()) byId(act).click();
  else return false;
  return true;
}

function startKeys() {
  byId("generate-keys").textContent = onMac ? "⌘↵" : "Ctrl ↵";
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented) return; // something has taken it, and may have closed its dialog over it
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      go();
    }
    const elsewhere = !document.querySelector("dialog[open]") && !event.target.matches(WRITTEN);
    if (elsewhere && (event.ctrlKey || event.metaKey) && !event.shiftKey && letterOf(event) === "z" && undoLatest()) event.preventDefault();
    if (elsewhere && event.key === "Escape") askedToCancel();
    if (elsewhere && !event.ctrlKey && !event.metaKey && !event.altKey && chosenByKey(event)) event.preventDefault();
  });
  byId("form").addEventListener("submit", (event) => { event.preventDefault(); go(); });
  byId("form").addEventListener("keydown", (event) => { // Enter in a small field makes no picture by mistake
    if (event.key === "Enter" && event.target.matches("input") && !event.ctrlKey && !event.metaKey) event.preventDefault();
  });
}

function go() {
  if (!isRunning() && !plansFirst() && byId("f-prompt").value.trim()) bringIntoView();
  run();
}

function start() {
  closeDialogsByButtons();
  startTheme();
  startLanguage();
  setLanguage(firstLanguage(), false);
  if (location.protocol === "file:") return startFromDisk();
  startForm();
  startSource(forgetBuckets);
  startBeside(forgetBuckets);
  startStage();
  startActions();
  startFiles();
  startViews();
  startKeys();
  startDrops(load);
  startRun(openServer);
  startUpscale(openServer);
  startGallery(showEntry);
  startCollection().then(() => { showLatest(); openBeside(); });
  addEventListener("hashchange", takeHash);
  startConnection(() => { takeHash(); examples(); resumeQueue(); }, serverIsBack, ({ assistant, watermark }) => { offerAssistant(Boolean(assistant)); offerMark(Boolean(watermark)); }).then(() => drawer("settings", true));
}

// What stands in the file is seen first, where it is in the right language; a hidden page has nothing to be seen.
if (document.hidden || firstLanguage() !== document.documentElement.lang) start();
else requestAnimationFrame(() => setTimeout(start));
