export const build = "d335abcceb8f8c90";
export const texts = {"load.done":["Settings loaded from {name}.","Настройки взяты из файла {name}."],"load.origin":["{name}: {summary}.","{name}: {summary}."],"load.bare":["It holds no settings.","Настроек в файле нет."],"load.wish":["Its prompt was made of the wish “{wish}”.","Описание составлено по пожеланию «{wish}»."],"load.not":["{name} is neither a JSON nor a picture with settings.","{name}: это не JSON и не картинка с настройками."],"load.picture":["The picture in {name} is damaged and was left out.","Картинка в файле {name} повреждена и пропущена."],"load.digest":["It was made from a picture that is not in the file. Add that picture to make it again.","Исходной картинки в файле нет. Добавьте её, чтобы получить тот же результат."],"load.mask":["It was made with a mask that is not in the file.","Маски, с которой она сделана, в файле нет."],"load.unknown":["Not known to this server and left out: {names}","Этот сервер таких настроек не знает, они пропущены: {names}"],"load.model":["The model {name} has changed since; the picture may come out differently.","Модель {name} с тех пор изменилась, картинка может получиться другой."],"load.beside":["{n, plural, one:# of its references or controls is|other:# of its references or controls are} not in the file: add {n, plural, one:that picture|other:those pictures} again.","{n, plural, one:# образца или карты|few:# образцов или карт|other:# образцов или карт} в файле нет: добавьте эти картинки заново."]};
export const style = "";
export const tree = [];
export const start = ({ $api, $beside, $collection, $drawers, $form, $i18n, $notices, $offers, $origin, $pictures, $source, $undo }) => {

const $drawer = (() => {

const { ask } = $api;
const { besideFields, fillBeside } = $beside;
const { fileOf, keepPicture, sourceOf } = $collection;
const { drawer } = $drawers;
const { fill, request, settings } = $form;
const { allWorded, t } = $i18n;
const { dismiss, notice } = $notices;
const { chosenModel, detailsOf } = $offers;
const { originOf } = $origin;
const { base64From, blobFrom, download, kindOf, opened, timeName } = $pictures;
const { dropSource, sourceFields, takeSource } = $source;
const { undoToNow } = $undo;

const DIGEST = /^[0-9a-f]{64}$/;
const NOT_ASKED = ["digest", "sha256", "environment", "parts", "upscaled", "date", "out"];
const INNER = { control: ["image"], references: ["img", "mask"] };
const MOST = 128 * 2 ** 20;
const GRID = "imagine-grid\0\0\0\0\0";
const GRID_AT = 33;

async function loadFile(file) {
const name = file.name || t("source.pasted");
dismiss("load");
const kind = await kindOf(file);
const inside = kind === "image/png" ? await gridIn(file) : null;
if (inside) return loadFile(new File([inside], name));
const carried = kind === null ? await jsonIn(file) : { out: file };
if (carried === null || file.size > MOST) return refuse(t("load.not", { name }));
const origin = kind === null ? null : await originOf(file);
let answer;
try {
answer = await ask("/recipe", { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
} catch (error) {
if (error.status === undefined) throw error;
if (error.code !== "recipe.none") return refuse(error.words, origin ? [originOfFile(name, origin)] : []);
return origin ? sayOrigin(file, name, origin) : refuse(t("load.not", { name }));
}
const more = [...(origin ? [originOfFile(name, origin)] : []), ...allWorded(answer)];
const out = carried.out ? await sound(carried.out) : null;
if (carried.out && !out) more.push(t("load.picture", { name }));
if (!out && answer.meta.assisted) more.push(t("load.wish", { wish: answer.meta.assisted.wish }));
const sources = await sourcesFrom(carried, name, more);
await bringBack({ ...answer.meta, ...sources.meta }, more, sources, t("load.done", { name }));
if (carried.grid) (await drawer("explore"))?.openGrid(carried.grid);
return out ? keepPicture({ blob: out, meta: withoutPictures(answer.meta), sources: {} }) : null;
}

async function bringBack(meta, warnings, sources, said) {
const action = undoToNow();
const more = [...warnings];
const [img, mask] = [sources.img ?? (await kept(meta.img)), sources.mask ?? (await kept(meta.mask))];
const wanted = { ...meta };
for (const name of [...NOT_ASKED, "img", "mask", "stream", "control", "references"]) delete wanted[name];
if (meta.environment) wanted.embeddings ??= {}; // a whole recipe: what it doesn't name it hasn't
if (!meta.img) delete wanted.strength;
if (!meta.refiner) delete wanted.refiner_at;
if ((detailsOf(meta.model) ?? chosenModel())?.true_cfg) tellGuidance(wanted);
if (meta.stream) wanted.stream = meta.stream;
else wanted.stream = settings().stream;
if (img) await takeSource(img, t("source.loaded"), { withMask: mask ?? null, quiet: true });
else await dropSource({ quiet: true });
const lost = await fillBeside(meta, async (said) => (await kept(said)) ?? (said && !DIGEST.test(said) ? await sound(said) : null));
if (lost) more.push(t("load.beside", { n: lost }));
const unknown = fill(wanted);
if (meta.img && !img) more.push(t("load.digest"));
if (meta.mask && !mask) more.push(t("load.mask"));
if (unknown.length) more.push(t("load.unknown", { names: unknown.join(", ") }));
if (await isAnother(meta)) more.push(t("load.model", { name: meta.model }));
notice(said, { about: "load", more, action });
}

function tellGuidance(wanted) {
if (wanted.distilled_cfg_scale === undefined) return;
Object.assign(wanted, { guidance: wanted.distilled_cfg_scale, true_cfg: wanted.guidance });
delete wanted.distilled_cfg_scale;
}

async function isAnother(meta) {
if (!detailsOf(meta.model) || !(meta.digest || meta.sha256)) return false;
let detail;
try {
detail = await ask(`/models/${meta.model.split("/").map(encodeURIComponent).join("/")}`);
} catch (error) {
if (error.status === undefined) throw error;
return false; // it can't be used: whoever draws with it is told why
}
if (meta.sha256 && detail.sha256 && !detail.sha256.startsWith(meta.sha256)) return true;
return !!meta.digest && ![detail.digest, detail.header_digest].includes(meta.digest);
}

async function saveJson(entry) {
download(jsonBlob({ meta: await wholeRecipe(entry), out: await base64From(await fileOf(entry)) }), `${timeName(entry.time)}.json`);
}

async function wholeRecipe(entry) {
const meta = { img: null, stream: null, ...entry.meta };
for (const name of ["img", "mask"]) {
const source = await sourceOf(entry.meta[name]);
if (source) meta[name] = await base64From(source);
}
for (const [name, keys] of Object.entries(INNER)) {
if (!Array.isArray(meta[name])) continue;
meta[name] = await Promise.all(meta[name].map(async (part) => {
const whole = { ...part };
for (const key of keys) {
const source = await sourceOf(part[key]);
if (source) whole[key] = await base64From(source);
}
return whole;
}));
}
return meta;
}

async function saveSettings(withInput) {
const said = request();
const beside = withInput ? await besideFields() : {};
if (said === null || beside === null) return;
const meta = { img: null, ...said, ...(withInput ? await sourceFields() : {}), ...beside };
if (!meta.img) for (const name of ["strength", "resize", "extend", "mask", "mask_padding"]) delete meta[name];
download(jsonBlob({ meta }), `${timeName(Date.now())}.json`);
}

function jsonBlob(value) {
return new Blob([JSON.stringify(value)], { type: "application/json" });
}

async function jsonIn(file) {
try {
const saved = JSON.parse(await file.text());
if (typeof saved?.meta !== "object" || saved.meta === null) return null;
const text = (value) => (typeof value === "string" && value && !DIGEST.test(value) ? value : null);
return { out: text(saved.out), img: text(saved.meta.img), mask: text(saved.meta.mask), grid: saved.grid };
} catch {
return null;
}
}

async function gridIn(file) {
const behind = GRID_AT + 8 + GRID.length;
const head = await file.slice(GRID_AT, behind).arrayBuffer();
if (head.byteLength < behind - GRID_AT || String.fromCharCode(...new Uint8Array(head, 4, 4 + GRID.length)) !== `iTXt${GRID}`) return null;
return file.slice(behind, GRID_AT + 8 + new DataView(head).getUint32(0));
}

async function sourcesFrom(carried, name, more) {
const found = { meta: {} };
for (const field of ["img", "mask"]) {
if (!carried[field]) continue;
found[field] = await sound(carried[field]);
found.meta[field] = found[field] ? "carried" : null;
if (!found[field]) more.push(t("load.picture", { name }));
}
return found;
}

async function sound(picture) {
try {
const blob = typeof picture === "string" ? blobFrom(picture) : picture;
return (await opened(blob)).blob;
} catch {
return null;
}
}

const kept = async (digest) => (DIGEST.test(digest ?? "") ? await sourceOf(digest) : undefined);

function withoutPictures(meta) {
const { img, mask, ...rest } = meta;
for (const [name, keys] of Object.entries(INNER)) {
if (Array.isArray(rest[name])) rest[name] = rest[name].map((part) => Object.fromEntries(Object.entries(part).filter(([key, value]) => !keys.includes(key) || DIGEST.test(value ?? ""))));
}
return { ...rest, ...(DIGEST.test(img ?? "") ? { img } : {}), ...(DIGEST.test(mask ?? "") ? { mask } : {}) };
}

const originOfFile = (name, { summary }) => t("load.origin", { name, summary });

function sayOrigin(file, name, told) {
notice(originOfFile(name, told), { about: "load", more: [t("load.bare")], action: { text: t("details"), act: async () => (await drawer("origin"))?.showOrigin(file, name, told) } });
return null;
}

function refuse(sentence, more = []) {
notice(sentence, { about: "load", bad: true, more });
return null;
}
return { loadFile, bringBack, saveJson, wholeRecipe, saveSettings, jsonBlob };
})();
return $drawer;
};
