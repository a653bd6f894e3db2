const BUILD = "64d4912f38eec447";
const FILES = {"./?lang=en":"sha256-n75y8nKqsHh61e5oOzW7gww+jWsNqnfDiJ+dJiCh2s4=","./?lang=ru":"sha256-8jQ4y3/CA3A06snXJdN3mA2B8GOscZUcoAwU/YbZz8M=","./drawers/builder.js":"sha256-h/Vb4AxMoQtmbHlUhpzN1g/asw8Ci3AafQnLC3DQ/wY=","./drawers/canvas.js":"sha256-pN+tzC4OXHINoYfZtkEg8nNLxO7b5W+GPgt4Pb0S+uk=","./drawers/compare.js":"sha256-i37Gt2bvE5W/9e/fjq5+pFO803hkPutCPOnwlTGN9Hs=","./drawers/gallery.js":"sha256-C/2DhZgxS+b9X94Yr5mC0NRnl8V3cFKQn3Qa2jpL+Zo=","./drawers/live.js":"sha256-jYpMQuxt3Cq/g1kA59Zk1gMk+MiKTn/e3XwGyfhlmNM=","./drawers/models.js":"sha256-uoTAULkI4eg8m5V4itzQwingCp+QKRGdroOhsXSdVBs=","./drawers/origin.js":"sha256-M//+Q6zmg1EdvGWXdIKvyJJQkBstHyRp780pTEPvSrA=","./drawers/plan.js":"sha256-Kc7daxsfSWbI5qrVUex/pFdBn19lY2CEOvf3TQTSJcA=","./drawers/queue.js":"sha256-g7a88t/wi69xeZIqsekWyU3/mybNJzmpjCWTnOOV7lI=","./drawers/recipe.js":"sha256-FB6R/B+ZLNRo1oV+trfQgSoo4HZGOS2CWTmbhci0Ew0=","./drawers/settings.js":"sha256-yVlT1qd6ouaPJ53wCNNZ3vOlvKTgPpz3rMtLrQ8Gvi8=","./drawers/viewer.js":"sha256-c1rmVoiwSfnyXjSjBU3FFwOM2NMQepHKqrDRWaDvacY=","./drawers/words.js":"sha256-cBBG2RnxtvETDiZ5WCC8w8uPktu2B2draYvJ1IscRDM="};

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
