const BUILD = "73b4ed3e1ed0dd19";
const FILES = {"./?lang=en":"sha256-wgenE7OCR8q1zTqcdW8NIZROhBBI8vVyJjOGZ61GpR8=","./?lang=ru":"sha256-pz4YesQnwNlp3q0hRWNK9sW3ZReh2aQzYUIEA+CU124=","./drawers/builder.js":"sha256-8jbBehiMzSaf2CFhMqKX0iRSlTuZ6O9VGaTNpmjxlMs=","./drawers/canvas.js":"sha256-pjWjEceFjZAdkAif5AAagmBO/CG6v2y3jyIvoA2/e94=","./drawers/compare.js":"sha256-IYtpjMG12MSqgR7W1RRvYQQmifJewcopqlpaZOBVYy0=","./drawers/gallery.js":"sha256-yL0Kf4aRL/1CSWjUF1jVJK8CTPcPe7XcODBXrPK1qU8=","./drawers/models.js":"sha256-gSaU6NPQcrZ7uWT94fXgSWSQhA5aQ9uoRMGsE8IJ2yM=","./drawers/origin.js":"sha256-EM9u5Kt21OodmdhD5IAR+eHSGkc0jeORoSnz0zRv7nE=","./drawers/plan.js":"sha256-NY3eczR1ZkIKs74G/UJqeaVtlxoQKIYZEUza8i1oI8g=","./drawers/queue.js":"sha256-Fg5PsJoEl9Yy+zEwBczne6ocaDLvQzKJ07tT3YEvRSE=","./drawers/recipe.js":"sha256-/x0gIxPx5AQGeedgZeX6wXtX8naCp6cWbZKpNDhT0lA=","./drawers/settings.js":"sha256-1liJGlMk5XB4q5gCBmVZKaBRowPnguxFOWcLH06Z1TY=","./drawers/viewer.js":"sha256-3E5GED7i9wEWNKcJCwYNW/kBLZRC9IJPn5NsZD0KiaU=","./drawers/words.js":"sha256-vApT9CEU9hDKv1MMWiFCsNz1o57zd4njMqrNCZEnSfs="};

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
  event.waitUntil(coming.catch(() => {}));
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  const answer = await Promise.race([coming, late]).catch(() => undefined);
  if (answer && answer.status < 500) {
    if (!answer.headers.get("Content-Security-Policy")?.includes("worker-src")) event.waitUntil(goUnlessOffered());
    return answer;
  }
  const languages = [url.searchParams.get("lang"), ...navigator.languages.map((name) => name.slice(0, 2)), "en"];
  const language = languages.find((name) => FILES[`./?lang=${name}`]);
  return (await kept(`./?lang=${language}`)) ?? answer ?? coming;
}

const answerOf = async (event) => (await event.preloadResponse) ?? fetch(event.request);

const drawerOf = async (request, path) => (await kept(path)) ?? fetch(request);

const kept = async (path) => (await caches.open(CACHE)).match(path, { ignoreVary: true });

async function goUnlessOffered() {
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
