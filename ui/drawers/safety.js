export const build = "d335abcceb8f8c90";
export const texts = {"safety.title":["What holds here","Что здесь действует"],"safety.drawn":["What isn’t drawn","Что не рисуется"],"safety.none":["Prompts and pictures aren’t checked.","Описания и картинки не проверяются."],"safety.minors-only":["Sexual pictures of minors, and undressing somebody in a picture that is brought.","Сексуальные образы несовершеннолетних и раздевание людей на присланных картинках."],"safety.standard":["Sexual content, gore, self-harm and hatred.","Сексуальное, кровавая жестокость, вред себе и ненависть."],"safety.strict":["As for a family: nothing bare or violent.","Как для семьи: ничего обнажённого и жестокого."],"safety.own":["What the owner of this server has named besides.","То, что владелец этого сервера запретил сверх этого."],"safety.refused":["An order for it is refused before anything is drawn, and it is said which rule it was.","Такой заказ отклоняется до начала рисования, и страница говорит, какое правило сработало."],"safety.pictures":["Pictures are looked at before they are shown, previews too: of what isn’t to be shown nothing stays, in its place stands why, and the others of an order come.","Картинки проверяются до показа, превью тоже. То, что показывать нельзя, нигде не остаётся, на его месте сказано, почему; остальные картинки заказа приходят."],"safety.unseen":["Finished pictures aren’t looked at.","Готовые картинки не проверяются."],"safety.chosen":["What is asked in this browser is held to what is chosen below, too.","Для заказов из этого браузера действует и то, что выбрано ниже."],"safety.stricter":["For what is asked in this browser","Для заказов из этого браузера"],"safety.as_server":["As for everybody here","Как у всех здесь"],"safety.stricter.hint":["It can be stricter than what holds for everybody, never laxer.","Можно строже, чем у всех, но не мягче."],"safety.says":["What pictures say","Что записано в картинках"],"safety.recipe":["A picture that you download has its recipe in it: prompt, seed, settings. Whoever gets the file can read it.","В скачанной картинке записан её рецепт: описание, сид, настройки. Их прочтёт любой, у кого есть файл."],"safety.signed":["It carries Content Credentials: signed, made by Imagine.","Она подписана (Content Credentials): сделана Imagine."],"safety.unsigned":["It isn’t signed.","Она не подписана."],"safety.marked":["It is marked in its pixels, invisibly: made by Imagine.","В её пикселях — незаметная метка: сделана Imagine."],"safety.mark":["It is marked in its pixels where you ask for that, under “Advanced”.","Метка в пикселях ставится, если вы попросите об этом в разделе «Дополнительно»."],"safety.goes":["What goes where","Что куда попадает"],"safety.here":["What you write and bring goes to the server on this computer, or on the one from which {host} is forwarded, and the page talks to nobody else.","Всё, что вы пишете и добавляете, попадает на сервер этого компьютера (или того, с которого проброшен {host}); больше страница ни с кем не связывается."],"safety.there":["What you write and bring goes to the server at {host}, and the page talks to nobody else.","Всё, что вы пишете и добавляете, попадает на сервер {host}; больше страница ни с кем не связывается."],"safety.others":["That server has others draw, too, which get what they draw by: {names}.","Этому серверу помогают рисовать другие, они получают то, по чему рисуют: {names}."],"safety.assistant":["A wish goes to the assistant that the owner has chosen, with the picture where it has to be seen; and so does every prompt where the owner has it judge what may be drawn.","Пожелание попадает к ассистенту, которого выбрал владелец, и картинка тоже, если на неё нужно взглянуть; а если владелец поручил ему судить, что можно рисовать, то и каждое описание."],"safety.kept":["Pictures stay in this browser. The server keeps none but those of orders that it was told to keep, for a day if its owner says nothing else.","Картинки остаются в этом браузере. Сервер хранит только картинки тех заказов, которые его попросили хранить: сутки, если владелец не решил иначе."],"safety.log":["Prompts don’t stand in the server’s log, unless its owner looks for an error and has switched that on.","Описания не попадают в журнал сервера, если только владелец не включил это, чтобы найти ошибку."]};
export const style = "";
export const tree = [["dialog",{"id":"safety-dialog","class":"sheet","aria-labelledby":"safety-title"},["div",{"class":"label-row"},["h2",{"id":"safety-title","tabindex":"-1","data-t":"safety.title"}],["button",{"type":"button","class":"icon-button","data-close":"","data-t-aria-label":"close","data-t-title":"close"},["svg",{"class":"icon","aria-hidden":"true"},["use",{"href":"#i-x"}]]]],["div",{"class":"sheet-body"},["p",{"class":"error","id":"safety-problem","role":"alert","hidden":""}],["section",{"aria-labelledby":"safety-drawn-title"},["h3",{"id":"safety-drawn-title","data-t":"safety.drawn"}],["ul",{"class":"points","id":"safety-drawn"}]],["div",{"class":"field","id":"safety-own","hidden":""},["label",{"for":"safety-stricter","data-t":"safety.stricter"}],["select",{"id":"safety-stricter","aria-describedby":"safety-stricter-hint"}],["p",{"class":"hint","id":"safety-stricter-hint","data-t":"safety.stricter.hint"}]],["section",{"aria-labelledby":"safety-says-title"},["h3",{"id":"safety-says-title","data-t":"safety.says"}],["ul",{"class":"points","id":"safety-says"}]],["section",{"aria-labelledby":"safety-goes-title"},["h3",{"id":"safety-goes-title","data-t":"safety.goes"}],["ul",{"class":"points","id":"safety-goes"}]]]]];
export const start = ({ $api, $connection, $controls, $dom, $i18n, $memory }) => {

const $drawer = (() => {

const { POLICIES } = $api;
const { elsewhere, isHere, server, whenLooked } = $connection;
const { field } = $controls;
const { byId, make, openDialog, say, show } = $dom;
const { hasText, inEveryLanguage, t } = $i18n;
const { remember, remembered } = $memory;

function openSafety() {
openDialog(byId("safety-dialog"));
describe();
byId("safety-title").focus();
}

function describe() {
const { health } = server();
if (!byId("safety-dialog").open || !health) return;
const { moderation } = health;
say(byId("safety-problem"), moderation.problem ?? "");
show(byId("safety-problem"), Boolean(moderation.problem));
points("safety-drawn", [...drawn(moderation), remembered("moderation", "") ? "safety.chosen" : ""]);
points("safety-says", says(health));
points("safety-goes", goes(health));
offerStricter(moderation);
}

function drawn({ policy, prompts, own, pictures }) {
const held = policy !== "none" && (prompts || pictures);
if (!held && !own && !pictures) return ["safety.none"];
const named = hasText(`safety.${policy}`) ? [`safety.${policy}`] : [];
const refused = own || (prompts && policy !== "none") ? ["safety.refused"] : [];
return [...(held ? named : []), ...(own ? ["safety.own"] : []), ...refused, pictures ? "safety.pictures" : "safety.unseen"];
}

function says({ provenance, watermark }) {
return ["safety.recipe", provenance ? "safety.signed" : "safety.unsigned", watermark ? "safety.marked" : field("watermark") ? "safety.mark" : ""];
}

function goes({ assistant, devices }) {
const others = elsewhere(devices);
return [t(isHere() ? "safety.here" : "safety.there", { host: location.host }), others.length ? t("safety.others", { names: others.join(", ") }) : "", assistant ? t("safety.assistant") : "", t("safety.kept"), t("safety.log")];
}

function points(id, sentences) {
const texts = sentences.filter(Boolean).map((one) => (hasText(one) ? t(one) : one));
const list = byId(id);
if (list.textContent !== texts.join("")) list.replaceChildren(...texts.map((one) => make("li", {}, one)));
}

function offerStricter({ policy }) {
const more = POLICIES.slice(POLICIES.indexOf(policy) + 1);
const chosen = remembered("moderation", "");
show(byId("safety-own"), field("moderation") !== undefined && more.length > 0);
const select = byId("safety-stricter");
const options = [["", t("safety.as_server")], ...more.map((one) => [one, t(`safety.${one}`)])];
const said = JSON.stringify(options);
if (select.dataset.said !== said) {
select.dataset.said = said;
select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
}
select.value = more.includes(chosen) ? chosen : "";
}

byId("safety-stricter").addEventListener("change", ({ target }) => { remember("moderation", target.value); describe(); });
addEventListener("storage", describe);
whenLooked(describe);
inEveryLanguage(describe);
return { openSafety };
})();
return $drawer;
};
