export const build = "d335abcceb8f8c90";
export const texts = {"viewer.previous":["Newer picture","Более новая картинка"],"viewer.next":["Older picture","Более старая картинка"],"viewer.zoom":["Actual pixels","Масштаб 1:1"],"viewer.room":["The picture, scrollable","Картинка, её можно прокручивать"],"viewer.newest":["It is the newest.","Это самая новая."],"viewer.oldest":["It is the oldest that is kept.","Это самая старая из хранимых."]};
export const style = "#viewer{grid-template-rows:auto minmax(0,1fr)}\n.viewer-title{flex:1;min-width:0;font-size:var(--base);font-weight:500;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}\n.viewer-room{overflow:auto;border-radius:12px;background:var(--sunken);min-height:0;display:grid}\n.viewer-room img{width:100%;height:100%;object-fit:contain;min-height:0}\n.viewer-room.actual img{width:auto;height:auto;object-fit:none;margin:auto;max-width:none}\n\n@media (max-width:860px){\n.viewer-title{order:1;flex-basis:100%}\n#viewer .label-row{flex-wrap:wrap;justify-content:flex-end}\n}\n";
export const tree = [["dialog",{"id":"viewer","class":"full","aria-labelledby":"viewer-title"},["div",{"class":"label-row"},["h2",{"id":"viewer-title","class":"viewer-title","dir":"auto"}],["button",{"type":"button","class":"icon-button","id":"viewer-previous","data-t-aria-label":"viewer.previous","data-t-title":"viewer.previous"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-left"}]]],["button",{"type":"button","class":"icon-button","id":"viewer-next","data-t-aria-label":"viewer.next","data-t-title":"viewer.next"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-right"}]]],["button",{"type":"button","class":"button small","id":"viewer-zoom","aria-pressed":"false","data-t":"viewer.zoom"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"viewer-room","id":"viewer-room","tabindex":"0","role":"group","data-t-aria-label":"viewer.room"},["img",{"id":"viewer-img","alt":""}]]],["svg",{"class":"sprite","aria-hidden":"true"},["symbol",{"id":"i-left","viewBox":"0 0 20 20"},["path",{"d":"M12.5 4L6.5 10l6 6"}]],["symbol",{"id":"i-right","viewBox":"0 0 20 20"},["path",{"d":"M7.5 4l6 6-6 6"}]]]];
export const start = ({ $collection, $dom, $i18n }) => {

const $drawer = (() => {

const { entryOf, gallery, galleryPlace, seenOf } = $collection;
const { allow, byId, openDialog, press } = $dom;
const { t } = $i18n;

let viewed = null;
let url = null;

async function view(one) {
viewed = one;
const [entry, blob] = await Promise.all([entryOf(one), seenOf(one)]);
if (viewed !== one || !entry) return;
release();
url = blob ? URL.createObjectURL(blob) : null;
const img = byId("viewer-img");
img.src = url ?? "";
img.alt = entry.meta.prompt ?? "";
byId("viewer-title").textContent = byId("viewer-title").title = entry.meta.prompt ?? "";
const at = galleryPlace(one);
allow(byId("viewer-previous"), at > 0 ? "" : t("viewer.newest"));
allow(byId("viewer-next"), at >= 0 && at < gallery().length - 1 ? "" : t("viewer.oldest"));
openDialog(byId("viewer"));
}

function startViewer() {
const go = (by) => {
const next = gallery()[galleryPlace(viewed) + by];
if (next) view(next);
};
byId("viewer-previous").addEventListener("click", () => go(-1));
byId("viewer-next").addEventListener("click", () => go(1));
byId("viewer-zoom").addEventListener("click", () => zoom(!byId("viewer-room").classList.contains("actual")));
byId("viewer").addEventListener("keydown", (event) => {
if (byId("viewer-room").classList.contains("actual") && event.target === byId("viewer-room")) return;
if (event.key === "ArrowLeft") go(-1);
if (event.key === "ArrowRight") go(1);
});
byId("viewer").addEventListener("close", () => {
zoom(false);
release();
byId("viewer-img").removeAttribute("src");
});
}

function zoom(actual) {
byId("viewer-room").classList.toggle("actual", actual);
press(byId("viewer-zoom"), actual);
}

function release() {
if (url) URL.revokeObjectURL(url);
url = null;
}

startViewer();
return { view };
})();
return $drawer;
};
