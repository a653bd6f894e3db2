const BUILD = "a210a40594bfbc43";
const FILES = {"./?lang=en":"sha256-R3b6AfcibqJjCgwheyDE5Gf77nQ/3Vn4/Kyd4N+E58A=","./?lang=ru":"sha256-2aP/+uK7CevVpMGCilEdkQzUR1n7l2Wrl61mJJJrh5k=","./drawers/builder.js":"sha256-y4Shn5dgwVpSga+cWR3J18bcqYswhdJCF/S16TtIqmA=","./drawers/canvas.js":"sha256-f+9X8RGd1MdzW33IyIZfrokNAQSqJYV4esP4SN0XgBo=","./drawers/compare.js":"sha256-WbzGC7Z2gcJumY0QIYCDSG0JeJB9LWMT0Av73MhDdHs=","./drawers/gallery.js":"sha256-y1obVf/7cw2YqLemLO54i8ie/fivfF3itiXd8+7r+T8=","./drawers/live.js":"sha256-XJm3u8Y8kbwBK5YNfY01Ob3K4tnRx91OyZ0U6vVceks=","./drawers/models.js":"sha256-0NrDMa0XgR8ydVj6HHZrPBuKcdI+YBeJ4qKuxt/RX3k=","./drawers/more.js":"sha256-sw2UGl7x3rfrqbZYMAG9qJYnAtJxXkfwrV4JhbLafiE=","./drawers/origin.js":"sha256-UUSanBS4zW6v5ZGdd4XtqW8vXB3K8HXcUXpYy5dVNRo=","./drawers/plan.js":"sha256-8hET9hZyOJbSn13n+71CXZJnCvF6K/YTC91+4mtlC8Y=","./drawers/queue.js":"sha256-bd4tySfy64lv2cki4ta9mJatWSV2LlKA8VW6PtIDKgw=","./drawers/recipe.js":"sha256-S2D3omfTx0Buck5cVxjA7On70OYEO6WflQQYpaBHBEY=","./drawers/settings.js":"sha256-18rMvbv+7jYuJBz2BXULvTK5LWGh+skzhpXG3EAjiXY=","./drawers/styles.js":"sha256-o/pzdbjyr5FpcCln2XhsJwAkEbMbakcRpPF3fhUmmUc=","./drawers/viewer.js":"sha256-fn+SQMGAGY8vxOczAtLegiaKapCQCsNV6tKFsc80WSU=","./drawers/words.js":"sha256-FWUIaoGgZ7u90hh4VCtofZIQuZLvPHXpsde4JiSAkT4="};

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
