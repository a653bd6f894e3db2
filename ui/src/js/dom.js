// Small words for the document. Text only ever enters it as text.

export const byId = (id) => document.getElementById(id);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** An element with properties (`data-…` and `aria-…` as attributes) and children: nodes or texts. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export const show = (element, shown) => { element.hidden = !shown; };

/** Whether the text of that id describes an element, to who doesn't see where it stands. */
export function describeBy(element, id, does) {
  const ids = (element.getAttribute("aria-describedby") ?? "").split(" ").filter((one) => one && one !== id);
  if (does) ids.push(id);
  if (ids.length) element.setAttribute("aria-describedby", ids.join(" "));
  else element.removeAttribute("aria-describedby");
}

/** Lets a button be pressed; or `why` it can't be, which is told to who points at it, hears it, or presses it all the same. */
export function allow(button, why = "") {
  button.setAttribute("aria-disabled", String(why !== ""));
  button.dataset.why = why;
  button.title = why || (button.getAttribute("aria-label") ?? "");
}

export function press(button, pressed) {
  button.setAttribute("aria-pressed", String(pressed));
}

/** Puts a text there; the one that stands there already is not told anew. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** What a screen reader is told; the same words twice are said twice. */
export function tell(text) {
  const live = byId("live");
  live.textContent = live.textContent === text ? `${text}\u00a0` : text;
}

/** Has a menu close by Escape and by a click elsewhere. Returns what closes it, with the focus on what opens it or not. */
export function startMenu(menu) {
  const close = (focus) => { menu.open = false; if (focus) menu.querySelector("summary").focus(); };
  menu.addEventListener("keydown", (event) => { if (event.key === "Escape" && menu.open) { event.stopPropagation(); close(true); } });
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) close(false); });
  return close;
}

let opened = []; // dialogs, in the order in which they were opened

export function openDialog(dialog) {
  if (dialog.open) return;
  dialog.showModal();
  opened = [...opened.filter((one) => one !== dialog), dialog];
  sayOnTop();
}

/** What is said goes into the dialog on top: what lies behind one is neither reached nor heard. */
function sayOnTop() {
  opened = opened.filter((one) => one.open);
  const top = opened.at(-1) ?? document.body;
  if (byId("live").parentElement !== top) top.append(byId("live"), byId("notices"));
}

/** What a tree says: a text, or `[tag, attributes, ...children]`. */
export function grown(tree, space = document.documentElement.namespaceURI) {
  if (typeof tree === "string") return document.createTextNode(tree);
  const [tag, attributes, ...children] = tree;
  const within = tag === "svg" ? "http://www.w3.org/2000/svg" : space;
  const element = document.createElementNS(within, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.map((child) => grown(child, within)));
  return element;
}

/** Every [data-close] closes its dialog, and so does a click beside it, unless something is worked on there. */
export function closeDialogsByButtons(root = document) {
  for (const dialog of all("dialog", root)) {
    for (const button of all("[data-close]", dialog)) button.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", sayOnTop);
    let pressed = null; // a drag that begins inside and ends outside is no click beside it
    dialog.addEventListener("pointerdown", (event) => { pressed = event.target; });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog && pressed === dialog && dialog.dataset.keep === undefined) dialog.close();
    });
  }
}
