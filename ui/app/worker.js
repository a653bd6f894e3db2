const BUILD = "8c14b8523290b09c";
const FILES = {"./?lang=en":"sha256-UPR95UMOUYOLT74pZcCkDWh1y7aE3ljPwG2M+foPVc8=","./?lang=ru":"sha256-ay6QrjEuOLWakObavJlYyVyBDwswLt5nhj4O7wSoEuY=","./drawers/builder.js":"sha256-C4Xv9nLXb0kTA/36LyezWy0LRuzKVikCBW8ePQIUI00=","./drawers/canvas.js":"sha256-KAnBqEXQUKNOnXlHr3KjixX91T9Wk0IFCDzZ0S/sJ4A=","./drawers/compare.js":"sha256-EmHex3o7oMVuebZwdi+JZ5SYXqAwKJziveQafFiew5Y=","./drawers/devices.js":"sha256-IY5VgNAFTgOQE6ike46vXDQfUsNwCBPDOI1tneK+tNA=","./drawers/explore.js":"sha256-5SHcHrDyyqnayJhj5/xEydRQmxILF791TiGjManqaZc=","./drawers/first.js":"sha256-2R1IHygeKQ/cMtgPV1YA7U/yxF67+VBfoJqjYsDeOtM=","./drawers/gallery.js":"sha256-qni5NOoLPEZV2a2tLU8Dtjt4DmQml1ZIeocikRpzwVY=","./drawers/help.js":"sha256-fzQhEYCPbcdMMIVjRJUZo+jfe0PmXPH/AWlD/DsY/cA=","./drawers/live.js":"sha256-h5QuOm2LK1VGYzokuRFCQmgMcK2Tb+8iJU43GhpLcsk=","./drawers/models.js":"sha256-n9XApZZ6UfWvKmcouQhgvgV+J/xajbJ87bOTeHHOg00=","./drawers/more.js":"sha256-Vehw0pTRm/jQa1FFP4qXvrmEtQJVqERYHNwmvqyNSVQ=","./drawers/orders.js":"sha256-RJz9L6CBm5zrsJYIM591AmtFoy27+ebS2YX32um329c=","./drawers/origin.js":"sha256-1FG68wvjkOpcnSpXloBH8XLW1RKpDyVItd8dAcLQMlw=","./drawers/plan.js":"sha256-PIPv5x4R10iyPaU3y8LemaLgGzygsYZyfCrUIV7ihx0=","./drawers/queue.js":"sha256-NANjFNagHVmNDQ9MA/eisH3qopY3S1Ff11hhS5XjJGM=","./drawers/recipe.js":"sha256-I12r5izpzF1W7hLoeOOpl7yUebs7wM37dy++Aw4JKaw=","./drawers/safety.js":"sha256-M9tUbsAtwl5eR3zDdyN+Vz0wqlitxdofab54V5OTpK4=","./drawers/settings.js":"sha256-UqxIXfh68gLgWyzBSTC8akbldzIV1AXcrv7C3EYLZPw=","./drawers/styles.js":"sha256-vq0P/8DAMzW0JH6G/WNgy0D3rrJLlqNJ5o5tDtSvb+A=","./drawers/viewer.js":"sha256-hp25GEu9+CVbyibHZuJGv0vZK2+iXk7r6LftAQ2cOn0=","./drawers/words.js":"sha256-hyslW+WLLNktHZYvm7+kUPqRV2FRrBW2AYTHLmPiTT8="};

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
