const BUILD = "d12e15549be637f9";
const FILES = {"./?lang=en":"sha256-E80EO5XM9ANPtNcUnpA1REeyGqm284z+KN7NmPTJKjU=","./?lang=ru":"sha256-7xiVi48nfzib//gLPumP5nqfCDWmuRpttWY/iU3lo48=","./drawers/builder.js":"sha256-tdXyzJWd1QxL3rR1OP8bFpo0fk90l9qtURj9KaGXWyQ=","./drawers/canvas.js":"sha256-jJX9UQo96lpHuyfQdekn7JekMldBIBFgcI3Uc0ikKHk=","./drawers/compare.js":"sha256-656CNmzUNqbukbSvPwbjqr2fZZ/7dFwjwQeOT7Kj0WI=","./drawers/devices.js":"sha256-2MZ0ykC5xgN8PzCav2Euq3cP9QjreqJr3/ueu4R5EMQ=","./drawers/explore.js":"sha256-hmEOCKciinz4bnASbmIp8SciNTQvz0uTRD+Vm4LQ/wI=","./drawers/first.js":"sha256-leNXoMnJefeITZ0fqCCDfNu2FZQ6Oa3IXfP/CZ9kez4=","./drawers/gallery.js":"sha256-aozxmxevM3CQqXBDrnABZZEvdiBVhe3wCkdnqPNQ9oQ=","./drawers/help.js":"sha256-7pKEWnShYRBe3E9fYHX8wOWNJh2L2/GV/48+A5YvKjQ=","./drawers/live.js":"sha256-pV8khgWp4T8NlHxVwbe+THQKytBw16UT8TL8fWWVjik=","./drawers/models.js":"sha256-51fRh9BfdmlwkDNpy2ueOPq9pSDcHoBgxMvsN2Rvl+8=","./drawers/more.js":"sha256-V/UyXeUZqfGqzyK5KXeYwp21ayCS6+YobpNvojdOsVQ=","./drawers/orders.js":"sha256-sBK1KxM8t4Biv2Yhh+WQaUOldE0b27qEZ0pU4Jd2wlo=","./drawers/origin.js":"sha256-BAu/yGDP2t6I6txk1kLITBz0q62M6bGr/qmB5iwrYgE=","./drawers/plan.js":"sha256-QUxH6Zx9EBhBnZynpJU1FZ6fX51NhVe7vlUYSzKEwZA=","./drawers/queue.js":"sha256-8xqrr7v2pgL+a17a2TyGdkT348Bksqi4Sw3TSPi9NB4=","./drawers/recipe.js":"sha256-j3R4Dhs07OvE0y0Ew82JM1uuxVIQIO3cQTjnaQhcRw0=","./drawers/safety.js":"sha256-tz64yKtAgPvraCG1yaJ+DOr6VhXAGcU8125xFBkZmcs=","./drawers/settings.js":"sha256-Vm3lQlfY62wEu3DOUHIHWd3hjlSz1HJT2dXNcBQNSZs=","./drawers/styles.js":"sha256-WS+HJcnk1X1lwmLTmErkulV7mkJlHGFgHM4gjh+CCtE=","./drawers/viewer.js":"sha256-Kb0ckA7cnTBXNyOl78r4Lb2r0EhD8BiT0xoh50aa/Xk=","./drawers/words.js":"sha256-L7U7h8kKYgdtuweXXpW061I5Tht+3XqexneCl/fZ1YA="};

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
