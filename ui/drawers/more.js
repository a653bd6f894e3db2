export const build = "d335abcceb8f8c90";
export const texts = {"more.compare":["Compare these","Сравнить эти картинки"],"more.before":["Before and after","Сравнить: до и после"],"do.copy":["Copy the picture","Скопировать картинку"],"do.copied":["The picture is copied.","Картинка скопирована."],"do.nocopy":["Browsers let a page copy pictures only over https or on localhost. Download it, or open it in full size and copy it with the right mouse button.","Браузер разрешает копировать картинки только по https или с localhost. Скачайте её или откройте во весь экран и скопируйте правой кнопкой мыши."],"do.denied":["The browser did not allow copying the picture.","Браузер не разрешил скопировать картинку."],"do.share":["Share the PNG, with its recipe","Поделиться PNG вместе с рецептом"],"do.share.not":["The picture could not be shared.","Поделиться картинкой не удалось."]};
export const style = "#more-items{top:auto;bottom:calc(100% + 4px)}\n#more-list button[aria-disabled=\"true\"]{color:var(--muted);cursor:default;background:none}\n#more-why{padding:0 10px 6px}\n\n@media (max-width:860px){\n#do-more{position:static}\n#about .toolbar{position:relative}\n}\n";
export const tree = [["div",{"id":"more-list"},["button",{"type":"button","data-more":"references","data-t":"drop.references"}],["button",{"type":"button","data-more":"control","data-t":"drop.control"}],["p",{"class":"hint","id":"more-why","hidden":""}],["button",{"type":"button","data-more":"compare","data-t":"more.compare"}],["button",{"type":"button","data-more":"before","data-t":"more.before"}],["button",{"type":"button","data-more":"copy","data-t":"do.copy"}],["button",{"type":"button","data-more":"share","data-t":"do.share"}]]];
export const start = ({ $beside, $clipboard, $collection, $dom, $drawers, $i18n, $notices, $pictures, $stage }) => {

const $before = (() => {

const { entryOf, gallery, sourceOf } = $collection;

async function beforeOf({ id, meta, seed, width }) {
if (meta.upscaled) {
const small = gallery().find((row) => row.id !== id && row.seed === seed && row.prompt === meta.prompt && row.model === meta.model && row.width < width);
return small ? ((await entryOf(small)) ?? null) : null;
}
const [varied] = Array.isArray(meta.references) ? meta.references : [];
const blob = await sourceOf(meta.img ?? (varied?.noise === undefined ? undefined : varied.img));
return blob ? { meta: null, blob } : null;
}
return { beforeOf };
})();

const $drawer = (() => {

const { besideRefusal, takeBeside } = $beside;
const { canCopyPictures, copyPicture } = $clipboard;
const { fileOf } = $collection;
const { all, allow, byId, show } = $dom;
const { drawer } = $drawers;
const { t } = $i18n;
const { notice } = $notices;
const { timeName } = $pictures;
const { chosenEntry, seenBoard } = $stage;
const { beforeOf } = $before;

const MOST = 4;
let close = () => {};
let earlier = null;

async function offer(closing) {
close = closing;
const entry = chosenEntry();
if (!entry) return;
earlier = null;
show(item("compare"), seenBoard().entries.length > 1);
show(item("share"), canShare());
for (const name of ["references", "control"]) allow(item(name), besideRefusal(name));
const reasons = [...new Set(["references", "control"].map(besideRefusal))].filter(Boolean);
byId("more-why").textContent = reasons.join(" ");
show(byId("more-why"), reasons.length > 0);
show(item("before"), false);
const found = await beforeOf(entry);
if (chosenEntry() !== entry) return;
earlier = found;
show(item("before"), found !== null);
}

function startMore() {
byId("more-items").append(byId("more-list"));
for (const name of ["references", "control"]) item(name).setAttribute("aria-describedby", "more-why");
for (const [name, act] of Object.entries({ references: beside, control: beside, compare, before, copy, share })) item(name).addEventListener("click", () => { close(true); if (chosenEntry()) act(chosenEntry(), name); });
}

const item = (name) => all(`[data-more=${name}]`, byId("more-list"))[0];

async function withFile(entry, act) {
const file = await fileOf(entry);
return file ? act(file) : notice(t("gallery.lost"), { about: "gallery", bad: true });
}

const beside = (entry, name) => withFile(entry, async (file) => {
await takeBeside(name, file, t("source.result"));
const group = document.querySelector(`[data-beside="${name}"]`);
group.scrollIntoView({ block: "center" });
all("select", group).at(-1)?.focus({ preventScroll: true });
});

async function compare(entry) {
const { entries } = seenBoard();
const first = Math.floor(entries.findIndex(({ id }) => id === entry.id) / MOST) * MOST;
const some = entries.slice(first, first + MOST);
(await drawer("compare"))?.compare(some.length > 1 ? some : entries.slice(-2));
}

async function before(entry) {
(await drawer("compare"))?.compare([earlier, entry], { made: true });
}

const copy = (entry) => withFile(entry, async (file) => {
if (!canCopyPictures()) return notice(t("do.nocopy"), { about: "copy", bad: true });
try {
await copyPicture(file);
} catch {
return notice(t("do.denied"), { about: "copy", bad: true });
}
return notice(t("do.copied"), { about: "copy" });
});

const pngOf = (entry, file) => new File([file], `${timeName(entry.time)}.png`, { type: "image/png" });

const canShare = () => Boolean(navigator.canShare?.({ files: [pngOf({ time: 0 }, new Blob())] }));

const share = (entry) => withFile(entry, async (file) => {
try {
await navigator.share({ files: [pngOf(entry, file)] });
} catch (error) {
if (error.name !== "AbortError") notice(t("do.share.not"), { about: "share", bad: true });
}
});

startMore();
return { offer };
})();
return $drawer;
};
