const BUILD = "fe7c7afef6cfcb5d";
const FILES = {"./?lang=en":"sha256-KtcqI+BZTeFoRUFnh4NRazAn32EeRfWWFEn2trtfwGA=","./?lang=ru":"sha256-XCZ+L97C4rscOMzxeW1L6yBmplv9T67C3O4X4NYM4x4=","./drawers/builder.js":"sha256-AldlQoF1vr36SFe8EZtmdo0XLukNhstU1Blo8tYUi7M=","./drawers/canvas.js":"sha256-C/0pDr19DEc8eWdt3RAZ2cdSYTHslvFFI9ILDrxVVag=","./drawers/compare.js":"sha256-TAGsBZn3kOJn8AEPzt7NiW/8VZDBA68ZwTg0JV48494=","./drawers/gallery.js":"sha256-RDWOz91QI51vzibi9W1Aw5bdJLU3YE/dDsbooHWK3kI=","./drawers/live.js":"sha256-nSML5THxhBx+g8yTNX82RfMvnOvOAyZZrjT+3YcabVU=","./drawers/models.js":"sha256-RLlx0yshIunEdYJxFx8hU+CPla9yLN28eOMRtGEzAyA=","./drawers/origin.js":"sha256-aVbXBwrBDDVfWh30HIMFYR5hUBYQ+BHv8O7WZqzqpVE=","./drawers/plan.js":"sha256-gO5bOoyagTGyebH6PpCLKLKtngf0f0FWfC8J9VmM/EI=","./drawers/queue.js":"sha256-DG0SQhgtvPqnKncVTgwoHLUjeZ/Km3vjspJ6x10kQs8=","./drawers/recipe.js":"sha256-jqrxBtMsrvgKrheC1xDgIvVrtwhXZSPC0Zb73/jvTpI=","./drawers/settings.js":"sha256-lXrxtiI3VyU+HdsRvYTZcv5eCSOjzo9LHBjKMJ/DpJ0=","./drawers/styles.js":"sha256-H8j16MfUdR9aaacz34kzDFTLizJ9WAcbxFmYTo3q33c=","./drawers/viewer.js":"sha256-hBvGOUtHDqshSeQQBHjb6Pj9C/4bJcQ9IcztDLiQ5c8=","./drawers/words.js":"sha256-AOSY/WPGCfcuonj+Bs3wuf4xYmTWbV1lEEF5a+wP014="};

const HERE = registration.scope;
const OWN = `imagine ${HERE} `; // how names of caches begin that are this page's: an origin may have several
const CACHE = OWN + BUILD;
const PATIENCE = 4_000; // milliseconds until what is kept is shown instead of what doesn't come
const SHARED = 120_000; // for which a picture that was handed over waits for the page
const handed = new Map(); // by a name that only the page is told

addEventListener("install", (event) => event.waitUntil(keepAll()));

addEventListener("activate", (event) => event.waitUntil(takeOver()));

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const path = url.origin + url.pathname;
  if (request.mode === "navigate" && path === HERE && request.method === "GET") event.respondWith(pageOf(event, url));
  if (request.mode === "navigate" && path === `${HERE}share` && request.method === "POST") event.respondWith(received(event));
  if (path.startsWith(`${HERE}drawers/`) && url.searchParams.get("build") === BUILD) event.respondWith(drawerOf(request, `.${path.slice(HERE.length - 1)}`));
});

addEventListener("message", (event) => {
  const { take, show } = event.data;
  if (take !== undefined) event.source.postMessage({ shared: handed.get(take)?.() ?? null });
  if (show) event.waitUntil(registration.showNotification(show.title, { ...show.options, data: { picture: show.picture, client: event.source.id } }));
});

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(bring(event.notification.data));
});

async function keepAll() {
  const cache = await caches.open(CACHE);
  try {
    await Promise.all(Object.entries(FILES).map(async ([path, integrity]) => {
      const answer = await fetch(path, { integrity, cache: "no-cache", redirect: "error", headers: { Accept: "text/html, text/javascript" } });
      if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
      await cache.put(path, answer);
    }));
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

async function takeOver() {
  await forget((name) => name !== CACHE);
  await registration.navigationPreload?.enable();
  await clients.claim();
}

async function forget(which) {
  const names = (await caches.keys()).filter((name) => name.startsWith(OWN) && which(name));
  await Promise.all(names.map((name) => caches.delete(name)));
}

async function pageOf(event, url) {
  const coming = answerOf(event);
  event.waitUntil(coming.then(goUnlessOffered, () => {})); // however late it comes
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const answer = await Promise.race([coming, late]).catch(() => undefined);
  if (answer && answer.status < 500) return answer;
  const languages = [url.searchParams.get("lang"), ...navigator.languages.map((name) => name.slice(0, 2)), "en"];
  const language = languages.find((name) => FILES[`./?lang=${name}`]);
  return (await kept(`./?lang=${language}`)) ?? answer ?? coming;
}

const answerOf = async (event) => (await event.preloadResponse) ?? fetch(event.request);

const drawerOf = async (request, path) => (await kept(path)) ?? fetch(request);

const kept = async (path) => (await caches.open(CACHE)).match(path, { ignoreVary: true });

async function goUnlessOffered({ status, headers }) {
  if (status >= 500 || headers.get("Content-Security-Policy")?.includes("worker-src")) return;
  const answer = await fetch("./worker.js", { cache: "no-store" });
  const offered = answer.ok && (answer.headers.get("Content-Type") ?? "").includes("javascript");
  if (offered || (!answer.ok && answer.status !== 404 && answer.status !== 410)) return;
  await registration.unregister();
  await forget(() => true);
}

async function received(event) {
  const file = (await event.request.formData()).get("picture");
  if (!(file instanceof File)) return Response.redirect("./", 303);
  const id = crypto.randomUUID();
  event.waitUntil(new Promise((resolve) => {
    const end = () => (handed.delete(id) ? (resolve(), file) : null);
    handed.set(id, end);
    setTimeout(end, SHARED);
  }));
  return Response.redirect(`./?shared=${id}`, 303);
}

async function bring({ client: id, picture }) {
  const client = await clients.get(id);
  if (!client) return clients.openWindow("./");
  client.postMessage({ picture });
  return client.focus();
}
