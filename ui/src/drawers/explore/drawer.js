// Many pictures to choose from: a grid of settings or words, a walk between seeds, a surprise within bounds.

import { entryOf, gallery, rowOf } from "../../js/collection.js";
import { reuseSettings } from "../../js/actions.js";
import { control, focusFirstError } from "../../js/controls.js";
import { all, byId, openDialog, show } from "../../js/dom.js";
import { whenChanged } from "../../js/form.js";
import { duration, inEveryLanguage, t } from "../../js/i18n.js";
import { remember, remembered } from "../../js/memory.js";
import { nativeSide } from "../../js/offers.js";
import { asked, run } from "../../js/run.js";
import { bringIntoView, chosenEntry, showEntry } from "../../js/stage.js";
import { axesSet, offerAxes, setAxes, startAxes } from "./axes.js";
import { downloadParts, downloadRecipe, downloadSheet } from "./carried.js";
import { describeCells, startCells } from "./cells.js";
import { again, cellAt, goOn, madeCount, secondsLeft, startFeeding, startGrid, stopGrid, theGrid } from "./feed.js";
import { countOf, kindOf, saidAt, workOf } from "./kinds.js";
import { offerSurprise, startSurprise, surprise } from "./surprise.js";
import { MOST } from "./values.js";
import { describeWalk, isWalk, offerWalk, setWalk, startWalk, walkSet } from "./walk.js";

const TABS = ["grid", "walk", "surprise"];
let tab = TABS.includes(remembered("explore", "grid")) ? remembered("explore", "grid") : "grid";
let pace = null; // seconds for a unit of work with the form's model: { model, seconds }
let counted = 0; // how often what is set was counted
let beginning = false; // a grid, which takes a moment to be written down

export function openExplore() {
  openDialog(byId("explore-dialog"));
  offerAxes();
  offerWalk();
  choose(tab);
  byId("explore-title").focus();
}

/** Opens a grid that a file holds, once the form is filled in from it; what isn't understood of it is left out. */
export function openGrid({ axes }) {
  const sound = (Array.isArray(axes) ? axes : []).filter((one) => typeof one?.field === "string" && Array.isArray(one.values) && one.values.length <= MOST).slice(0, 3);
  if (sound[0]?.field === "walk") {
    tab = "walk";
    openExplore();
    return setWalk(sound[0].values.filter((one) => one !== null && typeof one === "object").map((one) => ({ seed: String(one.seed), subseed_strength: Number(one.subseed_strength ?? 0) })));
  }
  tab = "grid";
  openExplore();
  return setAxes(sound.filter(({ field }) => kindOf(field)));
}

function choose(name) {
  tab = name;
  remember("explore", tab);
  for (const one of TABS) {
    const button = byId(`explore-tab-${one}`);
    button.setAttribute("aria-selected", String(one === tab));
    button.tabIndex = one === tab ? 0 : -1;
    show(byId(`explore-panel-${one}`), one === tab);
  }
  if (tab === "surprise") offerSurprise();
  count();
  describe();
}

/** What is set on the tab that is seen, as axes. */
const axesOf = (aloud) => (tab === "walk" ? walkSet(aloud) : axesSet(aloud));

/** How many pictures that is, and how long it takes. */
async function count() {
  if (tab === "surprise" || !byId("explore-dialog").open) return;
  const own = (counted += 1);
  const [axes, where] = [axesOf(false), byId(`${tab}-count`)];
  const n = axes?.length ? countOf(axes) : 0;
  byId(`${tab}-start`).disabled = n < 2 || n > MOST;
  where.classList.toggle("error", n > MOST);
  if (n > MOST) where.textContent = t("explore.many", { n, most: MOST });
  else if (n < 2) where.textContent = t(tab === "walk" ? "walk.few" : "explore.few");
  else {
    const seconds = await expected(axes);
    if (own !== counted) return;
    where.textContent = seconds === null ? t("explore.count", { n }) : t("explore.count.time", { n, time: duration(seconds) });
  }
}

/** Seconds for all cells, by the latest picture of this model; null where there is none. */
async function expected(axes) {
  const model = control("model").value;
  if (pace?.model !== model || pace.of !== gallery()[0]?.id) {
    const row = gallery().find((one) => one.model === model);
    const entry = row && (await entryOf(row));
    const spent = entry ? Object.entries(entry.timings).reduce((sum, [name, value]) => sum + (name === "loading" ? 0 : value), 0) : 0;
    pace = { model, of: gallery()[0]?.id, seconds: spent > 0 ? spent / workOf(entry.meta, nativeSide()) : null };
  }
  if (pace.seconds === null) return null;
  const base = Object.fromEntries(["num_steps", "width", "height"].map((name) => [name, Number(control(name).value.replace(",", ".")) || undefined]).filter(([, value]) => value));
  return Array.from({ length: countOf(axes) }, (_, at) => pace.seconds * workOf(saidAt(base, axes, at), nativeSide())).reduce((sum, one) => sum + one, 0);
}

async function begin() {
  const axes = axesOf(true);
  if (beginning || !axes?.length || countOf(axes) < 2 || countOf(axes) > MOST) return;
  beginning = true;
  try {
    const wanted = await asked();
    if (wanted === null) return refused();
    byId("walk-at").value = "0";
    await startGrid(axes, wanted);
    byId("explore-made").scrollIntoView({ block: "nearest" });
  } finally {
    beginning = false;
  }
}

/** What is wrong stands beside its field, which lies under the dialog. */
function refused() {
  byId("explore-dialog").close();
  focusFirstError();
}

/** What has become of the grid. */
function describe() {
  const grid = theGrid();
  const fits = grid !== null && tab !== "surprise" && isWalk() === (tab === "walk");
  show(byId("explore-made"), fits);
  if (!fits || !byId("explore-dialog").open) return;
  const [n, of] = [madeCount(), countOf(grid.axes)];
  const left = grid.state === "running" ? secondsLeft() : null;
  const failed = Object.keys(grid.errors).length;
  const said = [t("explore.made", { n, of }), failed ? t("explore.failures", { n: failed }) : "", grid.state === "stopped" ? t("explore.stopped") : ""].filter(Boolean).join(" · ");
  if (byId("explore-how").textContent !== said) byId("explore-how").textContent = said;
  byId("explore-left").textContent = left ? ` · ${t("run.left", { time: duration(left) })}` : ""; // by itself: it is another at each step, and nobody wants to hear that
  byId("explore-progress").value = of ? n / of : 0;
  show(byId("explore-progress"), grid.state === "running");
  const ends = grid.state === "done" && document.activeElement === byId("explore-stop");
  show(byId("explore-stop"), grid.state !== "done");
  byId("explore-stop").textContent = t(grid.state === "running" ? "explore.stop" : "explore.on");
  for (const id of ["explore-sheet", "explore-zip"]) byId(id).disabled = n === 0;
  if (ends) (n ? byId("explore-sheet") : byId("explore-json")).focus();
  describeCells();
  describeWalk();
}

/** A finished cell is seen on the stage; one that failed, or is no more, is made again. */
async function open(at) {
  const told = cellAt(at);
  const row = told.state === "made" ? rowOf({ id: told.id }) : null;
  if (row) {
    if (isWalk() && byId("walk-at").value !== String(at)) {
      byId("walk-at").value = String(at);
      return describeWalk();
    }
    byId("explore-dialog").close();
    bringIntoView();
    return showEntry(row);
  }
  if (["failed", "made", "open"].includes(told.state)) again(at);
  return undefined;
}

/** What takes a while says so, and can't be asked for twice. */
function busily(id, act) {
  const button = byId(id);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await act();
    } finally {
      button.disabled = false;
      describe();
      if (document.activeElement === document.body) button.focus(); // where it was: a disabled one loses it
    }
  });
}

function start() {
  startAxes(count);
  startWalk(count);
  startSurprise();
  startCells(open);
  startFeeding(describe);
  byId("explore-tabs").addEventListener("click", ({ target }) => { if (target.dataset.tab) choose(target.dataset.tab); });
  byId("explore-tabs").addEventListener("keydown", (event) => {
    const to = { ArrowRight: TABS.indexOf(tab) + 1, ArrowLeft: TABS.indexOf(tab) - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(TABS.at(to % TABS.length));
    byId(`explore-tab-${tab}`).focus();
  });
  for (const name of ["grid", "walk"]) byId(`${name}-start`).addEventListener("click", ({ detail }) => { if (detail < 2) begin(); }); // the second half of a double click
  byId("walk-take").addEventListener("click", async () => { if (chosenEntry()) await reuseSettings(chosenEntry()); });
  byId("surprise-go").addEventListener("click", async () => {
    if (!(await surprise())) return;
    byId("explore-dialog").close();
    bringIntoView();
    run();
  });
  byId("explore-stop").addEventListener("click", () => (theGrid().state === "running" ? stopGrid() : goOn()));
  busily("explore-sheet", downloadSheet);
  busily("explore-json", downloadRecipe);
  busily("explore-zip", () => downloadParts((n) => { byId("explore-how").textContent = t("explore.packing", { n, of: madeCount() }); }));
  whenChanged(() => { if (byId("explore-dialog").open) count(); });
  inEveryLanguage(() => { count(); describe(); });
  all("#explore-panel-walk input").forEach((each) => each.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); if (!event.repeat) begin(); } }));
}

start();
