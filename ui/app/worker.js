const BUILD = "2ac1e06c5563d584";
const FILES = {"./?lang=en":"sha256-nRQO1Fcr22d2WpAtBMMyObEFxBgIsHzXSZpO1twWYP4=","./?lang=ru":"sha256-1UTZMQ+aCAKe/PFYKckfsLOnUd/PenBqsi9m600+xAg=","./drawers/builder.js":"sha256-m3dGSgWpUFFnEgOyYP2WzkyKSDbRqOlSbVsSZ57GqmA=","./drawers/canvas.js":"sha256-SSgSdQVQO/OKirqZCOEbpNfoS54W6HEDGCR95fUI0AI=","./drawers/compare.js":"sha256-TFEctzMZZBZ3ifELFdiaFluuHmCH+DVh+5EgbclUO2g=","./drawers/devices.js":"sha256-jsLYpaqM11YhMqqh4QaXeeZDjoHkniLcU+y1fmvzGuc=","./drawers/explore.js":"sha256-fYHekceuAZ1XQvJr821O65gFTGheB3KmaHABp2WyV+8=","./drawers/first.js":"sha256-CISVqwQAR5PRLEsvyPoSQHVgMYCnk/IJE1EWiY70HD0=","./drawers/gallery.js":"sha256-v+amEtFm4Kxrud+uJloEJXEFlVt2QizI0ToBnD6vJHw=","./drawers/help.js":"sha256-UmObqGmwQcPHqRpkhfa/5WupG26DtPiEzoPPTSC9VjI=","./drawers/live.js":"sha256-2B70L5A0Aj1+i5AUFdISTeiLvaCh6T1pHbktnZrEXwY=","./drawers/models.js":"sha256-Bc2wWNq3snkPpVw+vApBYVigojF6P+3LOSlVHf4wrmY=","./drawers/more.js":"sha256-lKBglTPWZ3qEsmPeJp42QAgArRjQfkmzocUsylzvaOE=","./drawers/orders.js":"sha256-rCB7biHVQLqy70StHWhyWJjcDCiGCofsu6CjDTXAEkg=","./drawers/origin.js":"sha256-mBKygeiPUti1WpSkAiDd9i42ORtIqizkhlDGu7aEliE=","./drawers/plan.js":"sha256-Gdhj9kuX+L7GrUQyMTe+4qANzsdAZFFgx/Aw+icahIw=","./drawers/queue.js":"sha256-hQABSveWx8iPRLLn3SgjXf59EW+epxm3uLx2srvoBgk=","./drawers/recipe.js":"sha256-37fVF1iy75DoDMm7+ODdnZn+je3Ilvy/KCSa0v4tu2g=","./drawers/safety.js":"sha256-jXB4hjgr9kRM8aU/kCzDJHWh+0Bx+EgQPF5yUQRQ5ms=","./drawers/settings.js":"sha256-QLvP+LZvzJtdyJEaE+4q4qFX+HsA1/prnmuNbASiAU8=","./drawers/styles.js":"sha256-Mq0EtWnDu3Syla7tCyM91IAHktLHfbG4FgXVtAQ0L84=","./drawers/viewer.js":"sha256-xlY63iyIHDiR9LJgRzROIKM9XAA6muoK6OOElqwPqH8=","./drawers/words.js":"sha256-bQCKb3TgSgYQgDTUwMwiS6zpMCCb9Dv37jRI/g4rJF0="};

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
