const BUILD = "a7cfdf211e37525d";
const FILES = {"./?lang=en":"sha256-IuCYkJ7FJAgClFyKGrB4Fr0EOIwrkiYBhuV3H7oBAp4=","./?lang=ru":"sha256-Cvucx1xsFtzslZG7YVSo/zyASCkuVSv95ROyvm84itg=","./drawers/builder.js":"sha256-oHocyEEZPPFIlY03GnqrnIUopl+oYXuO/ty+6zswYjI=","./drawers/canvas.js":"sha256-9FWPFm3gbNQjuQUubivQOxBzEMuCpUttU++rqNpeZpU=","./drawers/compare.js":"sha256-2x43OYmRUAskLC0yDCZk3dATtK6i1ja0eOrtXnctH7A=","./drawers/devices.js":"sha256-OcOXjieIl/3AvhSwQJc3+0HSQsys91Hb4g73MD814+U=","./drawers/explore.js":"sha256-Cnyt4lYuU62MSMtdMUnp2vtfXuapEBkQjMBzVjiXjnM=","./drawers/first.js":"sha256-h/2ko2YqHYnz9yP8hQ4cl0S0TXXxLQUVUi+wqgj0u0E=","./drawers/gallery.js":"sha256-DxoDpO6B1O7Hk7wOqG2N+3ogeUyTsb1K+NHEQBo6ZuI=","./drawers/help.js":"sha256-gnRCKSPsPhhM0mHZICZF2ZmLJNZQGUkDncZzkcxpqoo=","./drawers/live.js":"sha256-cleKUwBvPgjTFtNh3PUEOfovcuU4A7ATO0BdlKprN3M=","./drawers/models.js":"sha256-Tv9BxGUQOTTpCsTbxUbNpRbxuZ1N+eTRGwAkqgJwCsE=","./drawers/more.js":"sha256-AC2HIMStvA5VWcVKvPnzSgwn4uO1WKy2mR9PoR2N90k=","./drawers/orders.js":"sha256-IbBGE3Oihx6TW+EK+7tsneW+B4WNXtPwjQYbIlm8vxw=","./drawers/origin.js":"sha256-GDnn5BkIHX8qQ6+wDe/o8KR8rlFjM94cvlf9D/IULdk=","./drawers/plan.js":"sha256-hrxN4icvnbSGkb2yrdLazt8VCVLXv6UY2wJci6r0Nmo=","./drawers/queue.js":"sha256-FT+dGdWI5s5viIGmS/WKsp/4324yd5q5tnULtVmY2E4=","./drawers/recipe.js":"sha256-qsT7a60ibiaSA2/m+u1WdwOfNlxiIOR5dU3LyzamGgs=","./drawers/safety.js":"sha256-WMAl4PNL1sKLse9JNMGbcnfSw6frQLGFAMlaWRxA1ag=","./drawers/settings.js":"sha256-vHR8BV48spPOqcnN5T1X4W63n2NecKJpI+5rsgl4nhk=","./drawers/styles.js":"sha256-3NLSitA+SjsyqMPQWn7h81y+5QPGUmS49cSPS+fbWmQ=","./drawers/viewer.js":"sha256-565VhKDXYIS5wn635fpgcmfAU5ZYp9LT1Hv7ZlwMdpI=","./drawers/words.js":"sha256-MrU5Z2qK+io1pQR3TE1NuTmholcL3Lv9aFCNMmAzBm0="};

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
