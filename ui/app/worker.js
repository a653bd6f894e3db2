const BUILD = "3014b071ee226309";
const FILES = {"./?lang=en":"sha256-8RtcNFZvgpte7rvJThbHQPUuxaWuN+wE//CfrrpNhV4=","./?lang=ru":"sha256-MtS+LXOiDdBVjCvUAGskJqFedAKJE5R40T0mn+/KbTo=","./drawers/builder.js":"sha256-iDAljfCIkUf5j8pmC9vK/mQsBTOLgvI6MzeLeR6IiQU=","./drawers/canvas.js":"sha256-/JInKLkez7LoCESlYR6AG2i03EewhSZsbKpHzxbwS/c=","./drawers/compare.js":"sha256-qRAhYRkKMpVBrvu21u5S4xd+KKAzLyLA0mt6E++nyFE=","./drawers/explore.js":"sha256-YUDdvvSX2+jBfml6toFVN+qRQEnYDC6lzxAhlXLorn4=","./drawers/gallery.js":"sha256-I9tUr44TexqlHgvlpKPlR73lo5nJhbLgMoL/XjWoME8=","./drawers/live.js":"sha256-UsDcA0mSAbvC4LBiQKhz8JNpJAWPFyRoYIvpNugWf54=","./drawers/models.js":"sha256-6FFQoBW+p0aH+WB6cxe9yXEmzZY4rL4NZoinS75Mq5k=","./drawers/more.js":"sha256-yBmGkM8sQ6ZMQUrkQpxYLanO+wnXeTmcosznhsbqhPU=","./drawers/origin.js":"sha256-46wuV0u11bf7nWXLZ97HXi0nEmc4Bhm4r8G572auQlU=","./drawers/plan.js":"sha256-Pd4PPCQLtWbPN2Ut0mEo63sY2h3bhreamvETaLCdYic=","./drawers/queue.js":"sha256-x30wibZwaLHCjJTyf6bQ0vcgOCPDuGVHF6155C1A7qY=","./drawers/recipe.js":"sha256-QLM0iyXuWbK5S/sGsY09UJcVvo3smOi4vTqGY812CeE=","./drawers/settings.js":"sha256-p8gbhuAuKI5s0Qe1UtLL0JF8iepHn2Z2WwFMf9jazFo=","./drawers/styles.js":"sha256-xKf7EB5DCrMQSCZsC6vwdHpNxBdjHiv6iOwfBZVk7K4=","./drawers/viewer.js":"sha256-/5ofKIiXHPFmQfYn+wIG43lipTPTiv7x3bKUAtjRivo=","./drawers/words.js":"sha256-oxmvk9rl+XUXjUZBE4JzoT4Gg7AvJisiKMWuXZUZJLc="};

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
