const BUILD = "3842c20c5bfaf7b5";
const FILES = {"./?lang=en":"sha256-T9mwDT6Yv4sIOAPYj/3lTEBiIaRfyV/+Inm0tPoLnQ4=","./?lang=ru":"sha256-+o2tu+aAMdVPEfd9gPiGpDDHpbswS/XwARxBrL2KHNI=","./drawers/builder.js":"sha256-gdvHyyu5bl5tWo5MMR8RZdzkR+4IKUxtJAxl+W2p2QI=","./drawers/canvas.js":"sha256-aV6rEbYzTzCIofnAmydyq2yup2f9DZeqBqD7y1ySsMA=","./drawers/compare.js":"sha256-tjk3yWLLzVBFz9S4W6sdBS9FMS72MK9oVW5QE3ZhiSo=","./drawers/gallery.js":"sha256-ra4eOTB4MQmKzcX4ALuY0EcgUzainghLHdFV7GcGNvU=","./drawers/live.js":"sha256-qEZyD2fpcqQpaWice/mZ5ZqP2J+YmmbAqmZEUq+he60=","./drawers/models.js":"sha256-KhchkIiphSomLDO/Twlcb3HnzoaU5t10od03dkHr1K4=","./drawers/origin.js":"sha256-zfljy27XQZNFwSAP8laiRXgyPIqQYSJHW5ymd4Hs+m8=","./drawers/plan.js":"sha256-+Xk78F6SoMdHddDplqzxVT0WCkxeX8+ZDfu0+mmubWA=","./drawers/queue.js":"sha256-8yYur2o/A2bTndAWWNwQPd25fmknJt0K2Q4UDWfxYms=","./drawers/recipe.js":"sha256-/2rS1Jiv/Q4lcHUZ83DvLg+4K/9j4/iJmKmWznZnTJg=","./drawers/settings.js":"sha256-JgDbSPI2Lk0ZkgdNMEbdnYLNK7CuQ7xmRNfn++UTbEw=","./drawers/viewer.js":"sha256-uEQ6mLrpzpHdGaN8Q+TFJ7ulXGDw9KRIYIUB/FIqluI=","./drawers/words.js":"sha256-YeYVbig7haLQO7Qffvdkj0T+ogi39gOVDlaMOyJPtpo="};

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
