const BUILD = "71c4d5b96379f995";
const FILES = {"./?lang=en":"sha256-cL5Ah3pltFPEgSScHlXXN9CH94Ek600MGfMbgtU11TM=","./?lang=ru":"sha256-FY0tZFVXtD9bLeufSSxEOsPzBXEjNM0hMHoDeYLrIyk=","./drawers/builder.js":"sha256-xyLAT7IE/A71nffwWsugi3bsl3LBCfh7llc5SbKCr7A=","./drawers/canvas.js":"sha256-/3ZX9HwMpgRTnGi+JR3gQvbCkrPG7/v/rEmEkHK+wWU=","./drawers/compare.js":"sha256-IoxyN9ib25B8MgZ6nO4SDHXbpzdYWNj6sLcgNkLW334=","./drawers/devices.js":"sha256-TsD1QLC1cYPGfrT351OpkwT0GM/g1D2ThR5o2ofGLbA=","./drawers/explore.js":"sha256-cmzz3qbolZ3fFRW/Hhw00rQXJKILaDdzm6F6dwEHeMQ=","./drawers/first.js":"sha256-U7ylAADAQQfVrrRCaYQ6sooEhBFboBIB/V3sfZIOOVY=","./drawers/gallery.js":"sha256-zVUWefwwG/H4i8hM7819tH5PxpOk/TY5iMwdZ9qPU2A=","./drawers/help.js":"sha256-aV6QSN6bI7SJdxwFrCMG8OTVpLm6hiacRoMMIBLIxUk=","./drawers/live.js":"sha256-WGAk7eBvslbySUlvihkWCj7PQLKAvFwYU+Oee+pleaY=","./drawers/models.js":"sha256-SY0b7u0l+7LF95sFBUv6b6Uxr05FIi69yKjFFbNdpYU=","./drawers/more.js":"sha256-0+zoYLIqe+3kyRp9/JkmJYg3uk0QZvGx/foUdymq6t8=","./drawers/orders.js":"sha256-wvz1IAUJpc6IRZtTu1+20F9wjXNS/e2xr36pjK25eGg=","./drawers/origin.js":"sha256-HoQfXlK92ZF0wobNpOsuFfYPFwO/28pUVubwdWV+D5s=","./drawers/plan.js":"sha256-LON6tuXpBiJ/VAlx6qir2Y9zfOhcRZzRiGrT+suGZXQ=","./drawers/queue.js":"sha256-VdQ5MoC9gYeUGh+Zq8/pUI5ImEPyR31v8K0bhSVYIbE=","./drawers/recipe.js":"sha256-B81DeH+8lIKVIO0MQMVXynyyNkOTqzEECD8BZay90Hc=","./drawers/safety.js":"sha256-rON7iQtuW5JoPJBy7JQ31qDvwptNV5vY3wr86CXmuA0=","./drawers/settings.js":"sha256-NwphecdXLa4Du/kmuxuDOQHlxDEW9I8aXGoKNJ54eXg=","./drawers/styles.js":"sha256-3OklbtTOOoE2iItQO5j52Zx+QxDardVyMBIAN8aOsFc=","./drawers/viewer.js":"sha256-i4QkZUnIScGniEBJLit9Ajdztnm5d40oRAJJE8mYTtM=","./drawers/words.js":"sha256-pVQQ54UVzecWi3X6pSMyGtN4XQS+ktn3fA3GbIO1sEI="};

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
