const BUILD = "7ec643d7f0753888";
const FILES = {"./?lang=en":"sha256-xCKOWbfYHEUIV463b/bnGAqEiVNnWHeEVP5dEMzIkhs=","./?lang=ru":"sha256-8+QwuLXb5PNF1huOGQDR13+4QIB0MuPktmC/HRJhNVs=","./drawers/builder.js":"sha256-ymRjNWXx/Iw4M2qZu5iv/afBeIotHLQyhpZ5qBCV0/A=","./drawers/canvas.js":"sha256-OQeaz5RYcFHMJMak+MPSyAZDSk7CfXSPt3kaDaCklCo=","./drawers/compare.js":"sha256-qikjhFbjhg1Ec1JcAzhkWm9ATdyniLchQ1OPWF9+26o=","./drawers/devices.js":"sha256-1o1cyffvAagkIzngVYyozZJ34jBdCbTObEQGktCqExA=","./drawers/explore.js":"sha256-vaLMJzkWnNyE1F+JSlBt5b1XarbG+3jgh5L0LRYhfIs=","./drawers/first.js":"sha256-krHO6yMoD2/udxqgCTJyTn9ju2eHlPOoD+j+ZE+3O8Y=","./drawers/gallery.js":"sha256-hgKe9xPO/xfsLaIAQl4TeIJSji+1VsB7ZAawvG63n7U=","./drawers/help.js":"sha256-6iQSf/OOYixm6ZzEOcpnXjDyJ0eiQB3sS4t4JCQNckU=","./drawers/live.js":"sha256-HR0DGLvyWzLfBuMEVciUFoAVTSvEzQ5Ba8/QhovvE6c=","./drawers/models.js":"sha256-C8dMkIg5arPF9HYDyJHkUkYuRpvDUAcBCUoZHXT2DaI=","./drawers/more.js":"sha256-ZQUl4AKrVD/SuF0cK4tA01rP0z458YPaqDnBf+gQ61o=","./drawers/orders.js":"sha256-K48yuhhn9DQ8icwpCOOjBaTAdZJGtafqRb/PVaaEdlw=","./drawers/origin.js":"sha256-JH8uEos95Idtn6ErtGxB5QeBf9sxW7wcRuR/BztbYkA=","./drawers/plan.js":"sha256-sTVUKZctIiZNW2+F/+ZPB8qtLTyFh01UWaz+UqrnmNY=","./drawers/queue.js":"sha256-Xbckgdy7ttFkIhccReAKJRaeIKQcDsYkQWRCCEQue+E=","./drawers/recipe.js":"sha256-vc7mZvODXWfIyPniOTSPD7mg1rAyeCe+R3xfW68nMCk=","./drawers/safety.js":"sha256-WP0qnuVhWt03+5bMhhi9U2tCU09ma18KSDrQz5RCcbI=","./drawers/settings.js":"sha256-1IOOWpMgB3J8QQP/vMq8iGlPyH2UVwuXEvHxkjtSuZ4=","./drawers/styles.js":"sha256-niXbC3PW6HFqEVcpogroLEIqPV/r7EKSC1UooMxZ/TQ=","./drawers/viewer.js":"sha256-g+CUEh+RNQa+3Skl4sGAanYAYQYKBr/6CEoC1UNmtOk=","./drawers/words.js":"sha256-aqd3hkKg+lDdS3HWbgpAysXPTwHlHe9O69vFOl9Wojc="};

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
