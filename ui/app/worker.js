const BUILD = "2206d979ad638c1d";
const FILES = {"./?lang=en":"sha256-vR1HbwA6ep1/YEEHKYh5EXU2ByrhL0RwrHKDhJa8Pdk=","./?lang=ru":"sha256-SWt1LZn1EFDbhCPZixEMI5jdpOqS12fO5Prmx1L6laE=","./drawers/builder.js":"sha256-nizra8E+xNL9gy+jhRybR1DzR86vTBmlo4BrR6U2XJE=","./drawers/canvas.js":"sha256-OjPItqmLSn9ERBE8jEkbUWOKx+FyuC7fyscI8G63EIM=","./drawers/compare.js":"sha256-S8Lz9Mouk0g38dVUgPr9Yh+paMR/Tv4JU7ewivaMhms=","./drawers/gallery.js":"sha256-fxXlRnxnyOgaiGI6G/l0ICoA8MB1E1sw0RbCa7sfAYs=","./drawers/live.js":"sha256-J/OBW3Sj0FkvBcRoksU4ldDwjP9iCQztEat4eoKgbh0=","./drawers/models.js":"sha256-GUvann1Ytd5Z8xgFOL4n8p4jCPUnKsbSaYG6szzxQsA=","./drawers/origin.js":"sha256-jgKGQS/MkdohRNVaCyUvZ27/mYg+9Fx/ydu6iOK+esE=","./drawers/plan.js":"sha256-ugJGrdlpbK0Es5iQGqB0nQwga9L7j21XMaFqSvntdOg=","./drawers/queue.js":"sha256-Y+1iuuLSVOLZGBrdafOcAR9YUaWrG6TVf3gGrbvYf4k=","./drawers/recipe.js":"sha256-TYLBdwyZrYRjhQamrsX1qKh6au1ODTDmE0ZvFiAIVDs=","./drawers/settings.js":"sha256-89eZM5iVtrmoVecpEMmSlQui+NsvBJEj3N+CwmwLN7Y=","./drawers/viewer.js":"sha256-poHC6qGahxcN8aHfLA3krrXaTVj5g7um9wu3x2qPVXw=","./drawers/words.js":"sha256-MqfNB7hted8fjMxpsnE49PBdaTW8jEJOHn9Af8OO1Xk="};

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
