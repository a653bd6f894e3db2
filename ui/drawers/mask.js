export const build = "d62a3217377a7124";
export const texts = {"mask.title":["What should change?","Что изменить?"],"mask.hint":["Paint over what should be made anew; the rest stays as it is.","Закрасьте то, что нужно нарисовать заново; остальное не изменится."],"mask.keys":["Keys: arrows move the brush, Space paints, [ and ] change its size, E erases, Ctrl+Z undoes, Ctrl+Shift+Z does it again.","Клавиши: стрелки двигают кисть, пробел рисует, [ и ] (Х и Ъ) меняют размер, E (У) — ластик, Ctrl+Z — отменить, Ctrl+Shift+Z — повторить."],"mask.canvas":["Mask: arrows move the brush, Space paints","Маска: стрелки двигают кисть, пробел рисует"],"mask.size":["Brush","Кисть"],"mask.erase":["Erase","Ластик"],"mask.undo":["Undo","Отменить"],"mask.redo":["Redo","Повторить"],"mask.clear":["Clear","Очистить"],"mask.invert":["Invert","Инвертировать"],"mask.done":["Done","Готово"],"mask.undone":["Undone","Отменено"],"mask.redone":["Redone","Повторено"]};
export const style = ".easel{position:relative;display:grid;place-items:center;min-height:0;border-radius:12px;background:var(--sunken);overflow:hidden;touch-action:none}\n.easel canvas{grid-area:1 / 1;max-width:100%;max-height:100%;min-width:0;min-height:0;border-radius:4px}\n#mask-paint{opacity:0.6;cursor:none;touch-action:none}\n.brush{position:absolute;left:0;top:0;border:1.5px solid #fff;outline:1.5px solid #000;border-radius:50%;pointer-events:none}\n.brush-size{display:flex;align-items:center;gap:var(--s2);font-size:var(--small)}\n.brush-size input{width:130px}\n\n@media (max-width:860px){\n#mask-dialog .toolbar .spring{display:none}\n}\n";
export const tree = [["dialog",{"id":"mask-dialog","class":"wide","data-keep":"","aria-labelledby":"mask-title"},["div",{"class":"label-row"},["h2",{"id":"mask-title","data-t":"mask.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["p",{"class":"hint"},["span",{"data-t":"mask.hint"}]," ",["span",{"class":"keys","data-t":"mask.keys"}]],["div",{"class":"easel","id":"easel"},["canvas",{"id":"mask-base","aria-hidden":"true"}],["canvas",{"id":"mask-paint","tabindex":"0","role":"application","data-t-aria-label":"mask.canvas"}],["span",{"class":"brush","id":"brush","hidden":""}]],["div",{"class":"toolbar"},["label",{"class":"brush-size"},["span",{"data-t":"mask.size"}],["input",{"type":"range","id":"mask-size","min":"4","max":"256","value":"48"}]],["button",{"type":"button","class":"button small","id":"mask-erase","aria-pressed":"false","data-t":"mask.erase"}],["button",{"type":"button","class":"button small","id":"mask-undo","data-t":"mask.undo"}],["button",{"type":"button","class":"button small","id":"mask-redo","data-t":"mask.redo"}],["button",{"type":"button","class":"button small","id":"mask-clear","data-t":"mask.clear"}],["button",{"type":"button","class":"button small","id":"mask-invert","data-t":"mask.invert"}],["span",{"class":"spring"}],["button",{"type":"button","class":"button primary","id":"mask-done","data-t":"mask.done"}]]]];
export const start = ({ $dom, $i18n, $keys, $pictures }) => {

const $drawer = (() => {

const { byId, openDialog, press, tell } = $dom;
const { t } = $i18n;
const { bracketOf, letterOf } = $keys;
const { blobOf, paint } = $pictures;

const COLOUR = "#ff6a2b";
const STEP = 0.02; // of the picture's width, for the arrow keys
let strokes = [];
let undone = [];
let start = null;
let stroke = null;
let at = { x: 0, y: 0 };
let resolve = null;

async function editMask(picture, before, further = []) {
const base = byId("mask-base");
await paint(base, picture);
const canvas = byId("mask-paint");
[canvas.width, canvas.height] = [base.width, base.height];
strokes = [...further];
undone = [];
start = before ? await layerFrom(before, canvas) : null;
at = { x: canvas.width / 2, y: canvas.height / 2 };
const most = Math.max(16, Math.round(Math.min(canvas.width, canvas.height) / 2));
byId("mask-size").max = most;
byId("mask-size").value = Math.round(most / 4);
press(byId("mask-erase"), false);
redraw();
openDialog(byId("mask-dialog"));
fit();
canvas.focus();
return new Promise((ended) => { resolve = ended; });
}

function startMask() {
const canvas = byId("mask-paint");
canvas.addEventListener("pointerdown", (event) => {
if (event.button !== 0) return;
event.preventDefault();
canvas.focus();
canvas.setPointerCapture(event.pointerId);
begin(place(event));
});
canvas.addEventListener("pointermove", (event) => {
moveBrush(event);
if (stroke) for (const each of event.getCoalescedEvents?.() ?? [event]) extend(place(each));
});
canvas.addEventListener("pointerup", () => { stroke = null; });
canvas.addEventListener("pointercancel", () => { stroke = null; });
canvas.addEventListener("pointerleave", () => { byId("brush").hidden = true; });
canvas.addEventListener("keydown", paintByKeys);
canvas.addEventListener("keyup", (event) => { if (event.code === "Space") stroke = null; });
byId("mask-dialog").addEventListener("keydown", undoByKeys);
byId("mask-erase").addEventListener("click", toggleErase);
byId("mask-undo").addEventListener("click", undo);
byId("mask-redo").addEventListener("click", redo);
byId("mask-clear").addEventListener("click", () => apply({ clear: true }));
byId("mask-invert").addEventListener("click", () => apply({ invert: true }));
byId("mask-size").addEventListener("input", () => sizeBrush());
byId("mask-done").addEventListener("click", finish);
byId("mask-dialog").addEventListener("close", () => {
settle({ found: undefined, left: strokes });
if (byId("mask-dialog").open) return;
start = null;
for (const each of [byId("mask-base"), canvas]) each.width = each.height = 1;
});
new ResizeObserver(() => { if (byId("mask-dialog").open) fit(); }).observe(byId("easel"));
}

const erasing = () => byId("mask-erase").getAttribute("aria-pressed") === "true";
const size = () => Number(byId("mask-size").value);

function fit() {
const room = byId("easel").getBoundingClientRect();
for (const canvas of [byId("mask-base"), byId("mask-paint")]) {
const factor = Math.min(room.width / canvas.width, room.height / canvas.height);
canvas.style.width = `${canvas.width * factor}px`;
canvas.style.height = `${canvas.height * factor}px`;
}
}

function place(event) {
const canvas = byId("mask-paint");
const box = canvas.getBoundingClientRect();
return { x: ((event.clientX - box.left) / box.width) * canvas.width, y: ((event.clientY - box.top) / box.height) * canvas.height };
}

function begin(point) {
stroke = { size: size(), erase: erasing(), points: [point] };
apply(stroke);
}

function extend(point) {
stroke.points.push(point);
draw(context(), { ...stroke, points: stroke.points.slice(-2) });
}

function apply(one) {
strokes.push(one);
undone = [];
draw(context(), one);
offerUndo();
}

function undo() {
if (!strokes.length) return;
undone.push(strokes.pop());
redraw();
tell(t("mask.undone"));
}

function redo() {
if (!undone.length) return;
strokes.push(undone.pop());
redraw();
tell(t("mask.redone"));
}

function undoByKeys(event) {
if (!event.ctrlKey && !event.metaKey) return;
const key = letterOf(event);
if (key !== "z" && key !== "y") return;
event.preventDefault();
if (key === "y" || event.shiftKey) redo();
else undo();
}

function offerUndo() {
byId("mask-undo").setAttribute("aria-disabled", String(!strokes.length));
byId("mask-redo").setAttribute("aria-disabled", String(!undone.length));
}

function redraw() {
offerUndo();
const drawn = context();
drawn.clearRect(0, 0, drawn.canvas.width, drawn.canvas.height);
if (start) drawn.drawImage(start, 0, 0);
for (const one of strokes) draw(drawn, one);
}

const context = () => byId("mask-paint").getContext("2d");

function draw(drawn, one) {
const { width, height } = drawn.canvas;
if (one.clear) return drawn.clearRect(0, 0, width, height);
drawn.save();
drawn.fillStyle = drawn.strokeStyle = COLOUR;
if (one.invert) {
drawn.globalCompositeOperation = "xor";
drawn.fillRect(0, 0, width, height);
} else {
drawn.globalCompositeOperation = one.erase ? "destination-out" : "source-over";
drawn.lineWidth = one.size;
drawn.lineCap = drawn.lineJoin = "round";
drawn.beginPath();
one.points.forEach(({ x, y }, index) => (index ? drawn.lineTo(x, y) : drawn.moveTo(x, y)));
if (one.points.length === 1) drawn.lineTo(one.points[0].x + 0.01, one.points[0].y);
drawn.stroke();
}
drawn.restore();
return undefined;
}

function paintByKeys(event) {
const canvas = byId("mask-paint");
const step = canvas.width * STEP;
const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
if (moves[event.key]) {
at = { x: Math.min(canvas.width, Math.max(0, at.x + moves[event.key][0])), y: Math.min(canvas.height, Math.max(0, at.y + moves[event.key][1])) };
if (stroke) extend(at);
showBrush();
} else if (event.code === "Space") {
if (!event.repeat) begin({ ...at });
} else if (bracketOf(event)) {
byId("mask-size").value = Math.round(size() * (bracketOf(event) === "]" ? 1.25 : 0.8));
showBrush();
} else if (letterOf(event) === "e" && !event.ctrlKey && !event.metaKey) toggleErase();
else return;
event.preventDefault();
}

function toggleErase() {
press(byId("mask-erase"), !erasing());
}

function moveBrush(event) {
at = place(event);
showBrush();
}

function showBrush() {
const [canvas, room] = [byId("mask-paint").getBoundingClientRect(), byId("easel").getBoundingClientRect()];
const factor = canvas.width / byId("mask-paint").width;
sizeBrush();
const half = (size() * factor) / 2;
byId("brush").style.transform = `translate(${canvas.left - room.left + at.x * factor - half}px, ${canvas.top - room.top + at.y * factor - half}px)`;
byId("brush").hidden = false;
}

function sizeBrush() {
const factor = byId("mask-paint").getBoundingClientRect().width / byId("mask-paint").width;
byId("brush").style.width = byId("brush").style.height = `${size() * factor}px`;
}

async function finish() {
const canvas = byId("mask-paint");
const pixels = context().getImageData(0, 0, canvas.width, canvas.height);
let painted = 0;
for (let index = 0; index < pixels.data.length; index += 4) {
const value = pixels.data[index + 3] > 127 ? 255 : 0;
painted += value;
pixels.data.set([value, value, value, 255], index);
}
const made = document.createElement("canvas");
[made.width, made.height] = [canvas.width, canvas.height];
made.getContext("2d").putImageData(pixels, 0, 0);
settle({ found: painted ? await blobOf(made) : null, left: [] });
byId("mask-dialog").close();
}

function settle(what) {
resolve?.(what);
resolve = null;
}

async function layerFrom(mask, like) {
const layer = document.createElement("canvas");
await paint(layer, mask);
const made = document.createElement("canvas");
[made.width, made.height] = [like.width, like.height];
const drawn = made.getContext("2d");
drawn.drawImage(layer, 0, 0, made.width, made.height);
const pixels = drawn.getImageData(0, 0, made.width, made.height);
for (let index = 0; index < pixels.data.length; index += 4) pixels.data.set([255, 106, 43, pixels.data[index] > 127 ? 255 : 0], index);
drawn.putImageData(pixels, 0, 0);
return made;
}

startMask();
return { editMask };
})();
return $drawer;
};
