const BUILD = "4f793f7cdcc94992";
const FILES = {"./?lang=en":"sha256-F85Axmf5jSu/qf5C178Hg3YdIzRi6f2emGiRPQ8oMR4=","./?lang=ru":"sha256-y4bdfjObAkbqc53i+6BXkQwjTVfs9/fwNzILGLS0164=","./drawers/builder.js":"sha256-lfJu44dFZ4blT94MR2+Q8QsWpt7En+npI69J/IqwAH0=","./drawers/canvas.js":"sha256-Xg3z0HXTDjYdY576yRXcpZmXllei3qLhYnLkcXumEgQ=","./drawers/compare.js":"sha256-eBneiuY9ijgep+CA8YmzeJx0U7WnsC8xAJGkvVQKCKw=","./drawers/devices.js":"sha256-VRnauKrHCP1mKQBRAItJ5NPue8gZIDk2T+KzpvARhRo=","./drawers/explore.js":"sha256-WA7ShArCIg/HRNflOclSC8lbvbnjuPPAunhRXeEDybA=","./drawers/first.js":"sha256-r0kSXNHOHh2fDgom2mRSAC9l8QEXkm8rdMD5bfbwg9A=","./drawers/gallery.js":"sha256-PfX5KaBqZDQSakk+9NP3ngKAJNIkU/ytyVom6yG4AEs=","./drawers/help.js":"sha256-gIxoHmt/Tu393qBLf3mnty5Im2PZpJL7JKHne8CEOdE=","./drawers/live.js":"sha256-yDVdeaqcHo2NCVnraUi2jkXdtga7TEpokiqfg3/p/Eo=","./drawers/models.js":"sha256-48vVIHIF7wPTrGRq1ncWLG4Jzb6l35SkO0z5aJEw2mQ=","./drawers/more.js":"sha256-dayolsu+slBD2abOs3BKWsQ1ScgEUsl061hKsPFnUoI=","./drawers/orders.js":"sha256-oqTgCt+Epvhob2Bnztys3WtCrw8OGVHSOBQPtvB7XXA=","./drawers/origin.js":"sha256-I5duxP1BYUTSPsfDiSt8W44ZU43/VwQ1s7J1qvJSVSU=","./drawers/plan.js":"sha256-/B/etFFyRTzOW3miF5I0+dZKlSIPjMJMKKv/Z6VbATE=","./drawers/queue.js":"sha256-40JBmmwkxEPHZXgRgFO9fssY6heHhWsE9WPgs7qdF/M=","./drawers/recipe.js":"sha256-ABQ/mbrLsKSnyRslHnsbYKgDfvWzNV1nvCB7wuhNLio=","./drawers/safety.js":"sha256-R9Ehi+4+NZFqFEDhcaN9Pn6vQU2+jOf42ViGMovgSAI=","./drawers/settings.js":"sha256-IVMNT9XXLfzaIgNQB/4rRoBYKsG04Egf6O19Sz+uHdk=","./drawers/styles.js":"sha256-0e8MyW7BEOqBeDqpi8tI/Wf31pn3NOmQAkwJtzvhCFM=","./drawers/viewer.js":"sha256-7hR6nPWdbDEBkR+VXZN8MebYm1E5sXtf993QCmW624k=","./drawers/words.js":"sha256-Jnxn3oBRdk2DIKoLGZw4PX6pOVXTObnMG3NLmj3pxtM="};

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
