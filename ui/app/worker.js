const BUILD = "d4ffb1044d72d950";
const FILES = {"./?lang=en":"sha256-6Xo3FqVkOEQ2wR6EK/lAMbC39V5sV+QmXFhxTDU96qo=","./?lang=ru":"sha256-L/90vu7pq9AVcskAo8DFrM+0QUfH5AscA2x4VRl+oPc=","./drawers/builder.js":"sha256-FRMxRpAntiyreefOztN4cTM/P4PaAOQ3xSrNGDeOfe0=","./drawers/canvas.js":"sha256-Rro6lOCfhq0mpI5k9iSlMKkDzXnxbLYKPlFpyOcLwAM=","./drawers/compare.js":"sha256-MgVaXCZRPeQjeEIWDbd04w5aumwMzNbhVp5K/YF0wA4=","./drawers/gallery.js":"sha256-73m3YqY53J6LWCo2MLYaiRQLKa+gl5yGBTZpsf2mQrc=","./drawers/live.js":"sha256-5qLSKGFE5vXVIOa34dbjOzoQpC5w2Sa3UUPJqKrJBZc=","./drawers/models.js":"sha256-PKzChRTvp+bzNpFD0EKTpzQrNWc4Q3Il4wgomTYtoLY=","./drawers/more.js":"sha256-mVfdBSHA77e6wHb900T6hwCZb9SFUJ80xjCCgZpNrfk=","./drawers/origin.js":"sha256-FOMgYKmmWu4kgBQBvzaOlH+l5CXrSnPT7K7Qo3NS8TE=","./drawers/plan.js":"sha256-uOJrGkYNQ8VeipTBYedt5RYBZOQ6w01FJ+z7OkVBMGo=","./drawers/queue.js":"sha256-erYNTjgmfEI0zoAwylg+ahjeBXaHYYttgNBK9v93ELA=","./drawers/recipe.js":"sha256-3AvJY5QhE38KBK/I9zDObtolmy7RFu32+RMOWywLFoE=","./drawers/settings.js":"sha256-l107MHnwBdXjyfpo+eyZOLqJwfRt7dMuUBVDm9DpWn4=","./drawers/styles.js":"sha256-rV81QatQ/4+WBT0K0uwzAZc/oylS2InfIC3nSw655Fk=","./drawers/viewer.js":"sha256-cdhZNbHpyVPgNKVmVcOosPrDG1nM0+bq6EYacGnBaQo=","./drawers/words.js":"sha256-NndV7n7HVzdUuxf7O21lFQLX3VMVOVGkdzlyOsdYk34="};

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
