const BUILD = "9c68f30ae793fcf3";
const FILES = {"./?lang=en":"sha256-odkxPQK3RMGwUhQt1HeEueiUgca4v6WxJykRBQS/v4c=","./?lang=ru":"sha256-BUSp3UtgNdvfYv1Nj9MeevcUNsBmRgFbn6r64SN70i8=","./drawers/builder.js":"sha256-28QnaxscgDTT3Z0bvePlr0Qxjtn8bXBZRM1OTiPBJiQ=","./drawers/canvas.js":"sha256-btoMaoyS+EGHmexETkpKxxu0mu6ql6BB7oQtS33MWjo=","./drawers/compare.js":"sha256-MkYWhz5TPL6MJJJWmlGasJWBI5I6PTk5bJ8BwjKHEuU=","./drawers/devices.js":"sha256-RNZYFTUhXtiZhMeIGDpT6tlR8+SHhItphMmpvV/7K7U=","./drawers/explore.js":"sha256-65ck97yDNwUiJdaw8q0QHTrToUWvh+NjTUwvKsBBb7o=","./drawers/first.js":"sha256-hYEafJI5dTSwS+dfSJAIH62/qbLiZHQnBM7Q2jL+JKM=","./drawers/gallery.js":"sha256-s3JtuJXlNNWALq/cbRr40MHHtxaAcHaBmMYlaftbwzQ=","./drawers/help.js":"sha256-KgP23RJaCpUG1Om10gIggrt4h/sLWoyvO5nnIe7oYfg=","./drawers/live.js":"sha256-FnanWrTZzPm8JAu8Q1tkKp7LbMv1JYCkeyHvDXX0hJk=","./drawers/models.js":"sha256-ojuS0Sw5UZ3Aoz0l69FYwlPrJw1s+6shhj1dQLof+AY=","./drawers/more.js":"sha256-lTYehh8wI3Nu6Orfp3MshDiUy/qpVTpvhcXOxTsbTAM=","./drawers/orders.js":"sha256-8sa42PEbuYZYAnzNKXf5gLLnP+LGiDfBzIxSJWUTd3A=","./drawers/origin.js":"sha256-Y+ItupsrFiVxPKAQQ6eQ2TFUQPayRKIMz4QCKPAhqxc=","./drawers/plan.js":"sha256-dkZQtbDRXS5BOFRjuaoCASeYvAzs62xuaSdqiR1N8MU=","./drawers/queue.js":"sha256-ilrjK5j/e6ir0ZL+YK0lBmC++tWFEabrGUBErldRZKE=","./drawers/recipe.js":"sha256-q40alOLjbDdp9wELjIq7ZKh5AgunxhArVANVnNbuUEA=","./drawers/safety.js":"sha256-Jwy+SYTnMVzAxleSF7uRmAx5pHo2E574JG9lZjnBSKY=","./drawers/settings.js":"sha256-8vIrTROFZN6HEit72ClXtBNSjFt4u4WGiacRvmdFOME=","./drawers/styles.js":"sha256-XUebkhxm2TUdIUVTLmXTKihvMJ+0ArCUfuTt1LJCV68=","./drawers/viewer.js":"sha256-pHIXg+85TRsMzQcrtoxIui75xVm5t6Xo2Ko7VadZZkE=","./drawers/words.js":"sha256-P3F7D+JU+NV1iNPAIu6Sr0D+DA9uSTnd6s/0YV8b6B8="};

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
