const BUILD = "09834d2b47595b9d";
const FILES = {"./?lang=en":"sha256-PRCB9ba8p8twLV7pucA8/Z/sSINvMxrowB2QG9OVTjI=","./?lang=ru":"sha256-mNCUSMGTokzPOneOzloYcDBCELj8kbVHyWbZawPBBdU=","./drawers/builder.js":"sha256-h7Hs+8bDcFmDxxqGQguUI1O9SOK4FgCcrR+c4AZyIVE=","./drawers/canvas.js":"sha256-E0l7MLEQ+HeA42cnsAA4GYBsDdEuju4kAAU4xSykgp8=","./drawers/compare.js":"sha256-PsZxgt5/05+GxfYY1Njq41g0poDqYxapFkbvkH898mw=","./drawers/devices.js":"sha256-tA0COPoxouoC7SOY3lglJJrI8yBFsmTjzk9fwD6zWWM=","./drawers/explore.js":"sha256-EsRPBHrA/UVwHgvZ9vyY1dWyqeLcOULzDV8V1fqBKQ4=","./drawers/first.js":"sha256-QtztFRBuobLx3/dvFk3oPV589FYf5HfFkD9G3XgjFpY=","./drawers/gallery.js":"sha256-J1vsOoHhVooRmMHUTcPjx5vPJJrxisP/19MyyMVcdQU=","./drawers/help.js":"sha256-kW2/1sIz4QQ8mmwMOvfquUCnUniIYXz71/3w63VeH5Y=","./drawers/live.js":"sha256-8Wezth6oUpQxabISU4TOLwRPkFMPHN3oCYAOHHJHQdA=","./drawers/models.js":"sha256-juU7MGmyCtVABxmhUOrlcbsVwdIx/b1DWdB6v15vzg0=","./drawers/more.js":"sha256-hrsbKLpgQNl7GUNBXFdRZhE67SJZy7VHCWPTdqUHWg0=","./drawers/orders.js":"sha256-PZuB0zy/7HoCiYwU4jmzkvam3/P7HiCHBG8zupwmb7k=","./drawers/origin.js":"sha256-T79Ie+sB3S/X1exNG8VzaMdG8yYIkje5X4l+JgYWC+4=","./drawers/plan.js":"sha256-EnYoVXtopDx9JdIlt+ffslOhMt++lMOx9URrW4ZuzPU=","./drawers/queue.js":"sha256-Ntb/z8z9SfkJQcfxnWJwXPwkVvx3MZ+SPPk0Plezjj8=","./drawers/recipe.js":"sha256-P4Lq9fcC0wEbMU5TWjOXC3azU0Te767SZs9lLBR4xto=","./drawers/safety.js":"sha256-vuuWWOlCYJX9lKJQF4Iu6p0A8C9y3SOHs2y86phhCg8=","./drawers/settings.js":"sha256-a4HQCG6Yr3cb1/GXl9nwbdw3XsOGyr81d9rKruZcjVM=","./drawers/styles.js":"sha256-fIPQlcgYOcyd3e42hGDGdQ+6DK2jzqSFb74kFmQcH78=","./drawers/viewer.js":"sha256-/H+bF9ZReH3oAlGg22y79gW92N20L3dpFr8x16K0vLw=","./drawers/words.js":"sha256-SBnouDgRkTkVaMMLiWkMllVY2WwSimXd5WVLR3Hh20A="};

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
