const BUILD = "fdb9051eef5df974";
const FILES = {"./?lang=en":"sha256-H4RVeKogS0c5asN0cMMtZmuX0M7o1T6W/hX3spAxEXg=","./?lang=ru":"sha256-x7iMh2Gp4u+E8d0xSr2WpnXkpxpdBgy5B1gBE0AhTJY=","./drawers/builder.js":"sha256-7/gzhTM8u9NJ0p7+QNnvKvY1mGPHX6F7cqtY3FCUm4I=","./drawers/canvas.js":"sha256-6yUAs49HU+Zqesexi0K9/freI4G8wlcaXE+RBR3/aJM=","./drawers/compare.js":"sha256-+oEtnzME3Mdqyj6erGZRKbqRSOif3lLoTYz9Du17OEY=","./drawers/devices.js":"sha256-cUo6J6IsM8ZxiL1ejoB9n5Ren/b2yX2J8RM2sZGLia4=","./drawers/explore.js":"sha256-pYKXtoGV7kx7M9Gjx296QIFC9PJ2lA2rtYojDqIfiO8=","./drawers/first.js":"sha256-H+O1NqdJuGzddGXBl7sMGz3LMwIrBrIIPJ66gjA9GHY=","./drawers/gallery.js":"sha256-5LsWFFP4OT1Aut5D5zStILAlSSzO28FtuM3UzfbA1y0=","./drawers/help.js":"sha256-qBD0r2Wa9rq5qCPTCRfA2kTS0OrKQBu2IU5oxvtwC5U=","./drawers/live.js":"sha256-t8nbEV0Hj7NcuDHozCYPLfqsRUvY//E91bkPQ8DnTu8=","./drawers/models.js":"sha256-T9dyM/9LIcNdOXBZ0uTG1lowJYc7XBq4TwNOr2msgog=","./drawers/more.js":"sha256-aAJ1esL7NMZAORgoMJWxL3gDeVqwiXn88mWzlbRHELg=","./drawers/orders.js":"sha256-ApCrDp0Bi9p1tYYyYpG8VD7qoCqJq87Ruuh1zAebD2E=","./drawers/origin.js":"sha256-MovyO9HVtD140x0LTw02aqYuZHwK2kk8GUgw0w16lAw=","./drawers/plan.js":"sha256-hhWxxeotX7qEDsS2jSb2f7Xd8pipWVlbMzMeAc59PA0=","./drawers/queue.js":"sha256-o7XNWsflnYCnOfc6W/PuqpagC+NUcL8cJeD42xOjYKk=","./drawers/recipe.js":"sha256-ZitLUr3ADg/KTJz59uKDuCT+slixTaBW4IW/jpNGp1c=","./drawers/safety.js":"sha256-aPxUY6d15n+NTne8YzWEMn9rIlxLrAdQIhp5fF4e57Y=","./drawers/settings.js":"sha256-rMV4wDgOKMY3M+p/66jhS3V61nUN95X9JO0PyDZXmmE=","./drawers/styles.js":"sha256-0LTjMeeHju0iVZtpz2BST8RSov4rQoOpmekqKwVluvc=","./drawers/viewer.js":"sha256-96VsJzTKPisEY6AkWDkyGQxbgNoCNzjkNQd8uEMY/oo=","./drawers/words.js":"sha256-jsxgTGavTfSU3zNyhG2Pd8U0qNnGmUCz9gyAqgfdP/w="};

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
