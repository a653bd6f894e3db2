const BUILD = "c920d4d70d5e5a97";
const FILES = {"./?lang=en":"sha256-uyVFzP1cSGvFtHzMdOlajHYynkHmlK89wp2t8H1zZNA=","./?lang=ru":"sha256-QNlWTID3DnVdtcZIKKh6UqxDC+KQLJNcSrA/jSQovWU=","./drawers/builder.js":"sha256-2ZT599rJQnNWOgGVJr8SZ4y4GvtEk8aM3E5zwrFWgLA=","./drawers/canvas.js":"sha256-+H2z3jEJuBd992AYdy/MHOMviC5LVang61an3FOfvDA=","./drawers/compare.js":"sha256-rt+3GU2ufcKU0kaktT8psYOOKIGcNwpknM/NAhBBXkE=","./drawers/explore.js":"sha256-w1Lzr+ht+f2mbLA3LKrRqT1kdzUgwEjYcRJVaDroXtY=","./drawers/gallery.js":"sha256-wX3IdLedAmz1Oxe6JPzHpLrxZtnLUiLkOovtWpalr08=","./drawers/live.js":"sha256-jFZDCKriutil5gr2/jeVkY0XjcHdpH1X59xge8L2gj4=","./drawers/models.js":"sha256-5q+LrgnsMyZXLjJ5chF24PCjjMppUOJZJRU7OqBkC60=","./drawers/more.js":"sha256-K5sHm8bzxDmD59zXJ3ymDONgrlNKoZsqtburx2MjJiU=","./drawers/origin.js":"sha256-pGZhEARL+oEUycz2+qsC0vf1c6yK36GXimlAMg8Ym84=","./drawers/plan.js":"sha256-n5VYnc/BBDMbXrgiPjZb8PQfkxUD/95Ps/kJPR5D9/0=","./drawers/queue.js":"sha256-bgvggtGHmLh5JFeiyu5nCW2lJ1X/uoZlZ1WRK6f20fM=","./drawers/recipe.js":"sha256-hj2MAO1nph2BGhKf53Oo49CdGbzHwrJ+DKGIywtAaxI=","./drawers/settings.js":"sha256-b3zhr91fnh8rtNgrfS1ONesPomq87+VR8B2pCzJk/GM=","./drawers/styles.js":"sha256-Fnu6Ar82Hu0oEibPOupfJIDbPpv3hY2poULeZzbVIaw=","./drawers/viewer.js":"sha256-wDHa5L3hWURi99BVKkKc4oMV2Hq4r/C0wKp6TZrD92Q=","./drawers/words.js":"sha256-kJKOfXErJslltHYDGGraef0SkoTZRb+kC/yN9pbDKLU="};

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
