export const build = "d335abcceb8f8c90";
export const texts = {"plan.ready":["The plan is ready.","План готов."],"plan.aside":["The plan is put aside; nothing was drawn.","План отложен, ничего не нарисовано."],"plan.title":["The plan","План"],"plan.changes":["Changes: {what}.","Меняется: {what}."],"plan.stays":["Stays: {what}.","Остаётся: {what}."],"plan.strength":["Strength","Сила"],"plan.guidance":["Guidance","Следование"],"plan.beside":["Beside the model","Вместе с моделью"],"plan.lora":["With LoRA {name}","С LoRA {name}"],"plan.control":["Keep everything in its place, by {name}","Удержать всё на своих местах: {name}"],"plan.description":["What the assistant sees in the picture","Что ассистент видит на картинке"],"plan.description.hint":["If that is wrong, write what is there, and ask again.","Если это не так, напишите, что там на самом деле, и спросите ещё раз."],"plan.again":["Ask again","Спросить ещё раз"],"plan.back":["Back","Назад"],"plan.draw":["Draw","Нарисовать"]};
export const style = "dialog.plan{width:min(640px,calc(100vw - 32px))}\ndialog.plan h2{outline:0}\n.plan-body{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s4);min-width:0}\n.plan-body:disabled{opacity:0.55}\n.plan-body textarea{max-height:30vh}\n.plan-numbers{display:flex;align-items:start;gap:var(--s3)}\n.plan-numbers > .field{flex:1 1 0}\n.plan-numbers > .field:last-child{flex-grow:2}\n.plan-asked{display:grid;grid-template-columns:minmax(0,1fr);gap:var(--s3);padding-top:var(--s4);border-top:1px solid var(--line)}\n.plan-asked > .button{justify-self:start}\ndialog.plan .dialog-actions{position:sticky;bottom:calc(-1 * var(--s5));margin:0 calc(-1 * var(--s5)) calc(-1 * var(--s5));padding:var(--s3) var(--s5);background:var(--surface);border-top:1px solid var(--line)}\n\n@media (max-width:860px){\ndialog.plan .dialog-actions{bottom:calc(-1 * var(--s4));margin:0 calc(-1 * var(--s4)) calc(-1 * var(--s4));padding:var(--s3) var(--s4)}\n.plan-numbers{flex-wrap:wrap}\n.plan-numbers > .field,.plan-numbers > .field:last-child{flex:1 1 40%}\n}\n";
export const tree = [["dialog",{"id":"plan-dialog","class":"plan","data-keep":"","aria-labelledby":"plan-title","aria-describedby":"plan-why"},["form",{"id":"plan-form","novalidate":"","autocomplete":"off"},["div",{"class":"label-row"},["h2",{"id":"plan-title","tabindex":"-1","data-t":"plan.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["fieldset",{"class":"plan-body","id":"plan-fields"},["legend",{"class":"visually-hidden","data-t":"plan.title"}],["ul",{"class":"warnings","id":"plan-warnings","hidden":""}],["p",{"id":"plan-why","dir":"auto"}],["div",{"class":"field"},["label",{"for":"plan-prompt","data-t":"field.prompt"}],["textarea",{"id":"plan-prompt","data-plan":"prompt","rows":"3","dir":"auto","aria-describedby":"plan-prompt-error"}],["p",{"class":"error","id":"plan-prompt-error","role":"alert","hidden":""}]],["div",{"class":"field"},["label",{"for":"plan-neg","data-t":"field.neg"}],["textarea",{"id":"plan-neg","data-plan":"neg","rows":"1","dir":"auto"}]],["div",{"class":"plan-numbers"},["div",{"class":"field","data-plan-picture":""},["label",{"for":"plan-strength","data-t":"plan.strength"}],["input",{"type":"text","id":"plan-strength","data-plan":"strength","data-step":"0.05","inputmode":"decimal","spellcheck":"false","data-t-placeholder":"default","aria-describedby":"plan-strength-error"}],["p",{"class":"error","id":"plan-strength-error","role":"alert","hidden":""}]],["div",{"class":"field"},["label",{"for":"plan-num_steps","data-t":"field.num_steps"}],["input",{"type":"text","id":"plan-num_steps","data-plan":"num_steps","data-step":"1","inputmode":"numeric","spellcheck":"false","data-t-placeholder":"default","aria-describedby":"plan-num_steps-error"}],["p",{"class":"error","id":"plan-num_steps-error","role":"alert","hidden":""}]],["div",{"class":"field"},["label",{"for":"plan-guidance","data-t":"plan.guidance"}],["input",{"type":"text","id":"plan-guidance","data-plan":"guidance","data-step":"0.5","inputmode":"decimal","spellcheck":"false","data-t-placeholder":"default","aria-describedby":"plan-guidance-error"}],["p",{"class":"error","id":"plan-guidance-error","role":"alert","hidden":""}]],["div",{"class":"field"},["label",{"for":"plan-sampler","data-t":"field.sampler"}],["select",{"id":"plan-sampler","data-plan":"sampler"}]]],["div",{"id":"plan-beside","role":"group","data-t-aria-label":"plan.beside"}],["div",{"class":"plan-asked"},["div",{"class":"field"},["label",{"for":"plan-wish","data-t":"plan.wish"}],["textarea",{"id":"plan-wish","data-plan":"wish","rows":"1","dir":"auto","aria-describedby":"plan-wish-error"}],["p",{"class":"error","id":"plan-wish-error","role":"alert","hidden":""}]],["div",{"class":"field","data-plan-picture":""},["label",{"for":"plan-description","data-t":"plan.description"}],["textarea",{"id":"plan-description","data-plan":"description","rows":"2","dir":"auto","aria-describedby":"plan-description-hint"}],["p",{"class":"hint","id":"plan-description-hint","data-t":"plan.description.hint"}]],["button",{"type":"button","class":"button small","id":"plan-again","data-t":"plan.again"}]]],["p",{"class":"error","id":"plan-error","role":"alert","hidden":""}],["div",{"class":"thinking","id":"thinking-again","hidden":""},["progress",{"data-t-aria-label":"assist.thinking"}],["p",{"class":"run-text"},["span",{},["span",{"data-t":"assist.thinking"}]," ",["span",{"data-clock":"","class":"muted"}]],["button",{"type":"button","class":"text-button inset","id":"plan-stop","data-t":"cancel"}]]],["div",{"class":"dialog-actions"},["button",{"type":"button","class":"button","data-close":"","data-t":"plan.back"}],["button",{"type":"submit","class":"button primary","id":"plan-draw","data-t":"plan.draw"}]]]]];
export const start = ({ $api, $assistant, $controls, $dom, $form, $i18n, $notices, $numbers, $offers }) => {

const $drawer = (() => {

const { ServerError } = $api;
const { stopThinking, thought } = $assistant;
const { field, numberFrom } = $controls;
const { all, byId, make, openDialog, show, tell } = $dom;
const { change } = $form;
const { allWorded, hasText, inEveryLanguage, t } = $i18n;
const { dismiss, notice } = $notices;
const { startStepping, written } = $numbers;
const { samplers } = $offers;

const NUMBERS = ["strength", "num_steps", "guidance"];
let plan = null;
let going = false;

async function planAndDraw(wanted, draw, failed) {
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
event.preventDefault();
event.stopPropagation();
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

function why({ why: reason, change: kind, keep: kept, request }) {
if (!request.assisted) return "";
const changes = hasPicture() && hasText(`plan.change.${kind}`) ? t("plan.changes", { what: t(`plan.change.${kind}`) }) : "";
const stays = kept.length ? t("plan.stays", { what: kept.join(", ") }) : "";
return [reason, changes, stays].filter(Boolean).join(" ");
}

function besides(left) {
const { request } = plan.answer;
const loras = (request.loras ?? []).map((one) => [`lora ${one.name ?? one}`, t("plan.lora", { name: one.name ?? one })]);
const held = (request.control ?? []).map((one) => [`control ${one.model}`, t("plan.control", { name: one.model })]);
return [...loras, ...held].map(([name, text]) => make("label", { className: "check" },
make("input", { type: "checkbox", checked: !left.includes(name), "data-beside-plan": name }), make("span", {}, text)));
}

const leftOut = () => all("[data-beside-plan]").filter((each) => !each.checked).map((each) => each.dataset.besidePlan);

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

function asWanted() {
const { wanted, answer } = plan;
const body = { ...wanted.body, ...answer.request };
delete body.preset;
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
if (sampler !== (answer.request.sampler ?? "") && !wanted.body.schedule) delete body.schedule;
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

function wrong(each, sentence) {
const error = byId(`${each.id}-error`);
error.textContent = sentence;
show(error, sentence !== "");
if (sentence) each.setAttribute("aria-invalid", "true");
else each.removeAttribute("aria-invalid");
return each;
}

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
byId("plan-stop").focus();
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
return { planAndDraw };
})();
return $drawer;
};
