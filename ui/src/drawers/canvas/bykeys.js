// The canvas by keys alone, by their places on keyboards that write other letters.

import { all, byId, tell } from "../../js/dom.js";
import { t } from "../../js/i18n.js";
import { bracketOf, letterOf } from "../../js/keys.js";
import { hold } from "./hands.js";
import { begin, end, extend, isDrawing, setNumber, showBrush, stepSize, takeTool, toggleErase, toolNow } from "./tools.js";
import { fit, follow, zoom, zoomToPixels } from "./view.js";

const STEP = 0.02; // of the picture's width, for the arrow keys
const LARGE = 4; // times that, with Shift
const FEATHER = 10; // percent
const CLOSER = 1.25;
const TOOLS = { b: "brush", r: "rectangle", l: "lasso", i: "pick" };
let layers = null;
let acts = {};
let at = { x: 0, y: 0 };
let pointed = false; // the brush was last moved by a pointer, not by keys
let over = false; // a pointer is over the easel

/** `what` holds `undo`, `redo`, `generate`, `before` and `escape`, and says in `draws()` whether the brush is out. */
export function startKeys(what) {
  acts = what;
  byId("canvas-dialog").addEventListener("keydown", press);
  byId("canvas-dialog").addEventListener("keyup", lift);
  byId("canvas-paint").addEventListener("pointerleave", () => { over = false; });
  for (const bar of all("[role=toolbar]", byId("canvas-dialog"))) bar.addEventListener("keydown", (event) => rove(bar, event));
}

export function useKeys(of) {
  layers = of;
  at = { x: of.width / 2, y: of.height / 2 };
  pointed = over = false;
}

/** Where a pointer has brought the brush. */
export function pointAt(place) {
  [at, pointed, over] = [place, true, true];
  showBrush(acts.draws() ? at : null);
}

/** Of a toolbar one button is in the order of Tab; the arrow keys go to the others. */
export function rest() {
  for (const bar of all("[role=toolbar]", byId("canvas-dialog"))) all("button", bar).forEach((button, index) => { button.tabIndex = index ? -1 : 0; });
}

function rove(bar, event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const buttons = all("button", bar).filter((button) => button.offsetParent !== null);
  const next = buttons[(buttons.indexOf(document.activeElement) + by + buttons.length) % buttons.length];
  for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
  next.focus();
}

function press(event) {
  if (event.isComposing) return; // Enter and Escape are the input method's
  const held = event.ctrlKey || event.metaKey;
  const writes = event.target.matches("input:not([type=range], [type=color]), textarea");
  if (event.key === "Enter" && (held || event.target.id === "canvas-prompt")) event.repeat || acts.generate(); // a key that is held asks once
  else if (event.key === "Escape") acts.escape();
  else if (event.code === "Space" && pointed && over && event.target.id !== "canvas-prompt") grip(event);
  else if (writes || event.altKey) return;
  else if (held) return void takeBack(event);
  else if (event.code === "Space" ? !space(event) : !(event.target.id === "canvas-paint" && brush(event)) && !looks(event) && !tools(event)) return;
  event.preventDefault();
}

function lift(event) {
  if (event.code === "Space" && byId("easel").classList.contains("held")) {
    hold(false);
    event.preventDefault(); // or the button that has the focus is pressed
  } else if (event.code === "Space" && event.target.id === "canvas-paint") putUp();
}

function takeBack(event) {
  const key = letterOf(event);
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  if (key === "y" || event.shiftKey) acts.redo();
  else acts.undo();
}

/** Space moves what is seen where a pointer is used… */
function grip(event) {
  if (!event.repeat) hold(true);
}

/** …else it puts the brush down. */
function space(event) {
  if (event.target.id !== "canvas-paint") return false;
  if (!event.repeat && acts.draws()) begin({ ...at });
  return true;
}

function brush(event) {
  const step = Math.max(1, layers.width * STEP * (event.shiftKey ? LARGE : 1));
  const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
  if (event.key === "Enter") {
    if (isDrawing()) putUp();
    else if (acts.draws()) begin({ ...at });
    return true;
  }
  if (!moves[event.key]) return false;
  pointed = false;
  at = { x: Math.min(layers.width, Math.max(0, at.x + moves[event.key][0])), y: Math.min(layers.height, Math.max(0, at.y + moves[event.key][1])) };
  extend(at);
  follow(at);
  showBrush(acts.draws() ? at : null);
  return true;
}

function putUp() {
  if (!isDrawing()) return;
  end();
  tell(t(toolNow().erase ? "canvas.erased" : "canvas.painted"));
}

function looks(event) {
  if (event.key === "+" || event.code === "Equal" || event.code === "NumpadAdd") zoom(CLOSER);
  else if (event.key === "-" || event.code === "Minus" || event.code === "NumpadSubtract") zoom(1 / CLOSER);
  else if (event.code === "Digit0" || event.code === "Numpad0") fit();
  else if (letterOf(event) === "c") acts.before();
  else if (event.code === "Digit1" || event.code === "Numpad1") zoomToPixels();
  else return false;
  return true;
}

function tools(event) {
  if (!acts.draws()) return false;
  const bracket = bracketOf(event) ?? { "{": "[", "}": "]" }[event.key];
  if (bracket && event.shiftKey) setNumber("feather", toolNow().feather + (bracket === "]" ? FEATHER : -FEATHER));
  else if (bracket) stepSize(bracket === "]");
  else if (letterOf(event) === "e") toggleErase();
  else if (TOOLS[letterOf(event)] && (letterOf(event) !== "i" || toolNow().layer === "sketch")) takeTool(TOOLS[letterOf(event)]);
  else return false;
  if (!pointed || over) showBrush(at);
  return true;
}
