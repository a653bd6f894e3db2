const BUILD = "d7bba67f197808b9";
const FILES = {"./?lang=en":"sha256-RqLtfWzCXJA2YTv9T3BQXtbkZ4Y3+rwf06BbHWtVadQ=","./?lang=ru":"sha256-3W2bj7WsKVDEM8YR5hDuzDZaTyn2ScODO4md0QVZVPA=","./drawers/builder.js":"sha256-LrFu09TQwzfZwesD56mb+m4h3ED+196UV6xKWUnq8Wo=","./drawers/canvas.js":"sha256-1+WqQhhZzGceNyuGnW6NX92TL2vgyRvbsfrxJy+kWkk=","./drawers/compare.js":"sha256-+hI/7DdCZqN7PBbcJTo2/78CInHz3HkcDHe+16j6o4U=","./drawers/explore.js":"sha256-BSAMbv9HTIJqI1LF4dGmqaZSIg8iWoHjdi7Ol5pCib8=","./drawers/gallery.js":"sha256-+MxpCVs+Q3Qm9nSsqpevtXlwUXLqHuY3Dw60m25+DOQ=","./drawers/live.js":"sha256-ElhuFJTz1Q/fE15Wg58ymnD22If+zDW1uSIdj788p04=","./drawers/models.js":"sha256-MxIl8JX0r7IrihVyUrTG0W3KdmD/RtyhwtdCV7j2xKo=","./drawers/more.js":"sha256-7XVGei0ElzKhfMa8Txf/SSg7KLYZ0hYOENQ6ciDC2zg=","./drawers/origin.js":"sha256-oT2oZv5cnBJiGVezS41T34yYTPpSUex6UlLT+MGZ5Ik=","./drawers/plan.js":"sha256-WQuj+N2Z3bPuDKN4aCCeco4YudPnJI0F2RN/wJR5LrE=","./drawers/queue.js":"sha256-kUTAWHo8UMNMrODk57YYLiR3ffUYsY2TMzC01/Cs1p4=","./drawers/recipe.js":"sha256-R5Mtl7EzxwfQPBzlFEL0xr0yBkOB8LBwcGXC3WYwh6Q=","./drawers/settings.js":"sha256-2OMufJ3+Qm8rC6ZcAOUF7voOQHDpf+rmNH0yDuwE8OM=","./drawers/styles.js":"sha256-3cTmP12Z5/3xrzixWF/PjcX4hgtAGHCzL+e34mKJ+ew=","./drawers/viewer.js":"sha256-MCoioef5iIsKTFfDWVz7j+/x0sDnhrymHbGDGR4WANg=","./drawers/words.js":"sha256-Ljsi+/QURF+9DR88q45AfeeziPo6qjM8Rh9RWXXcHZQ="};

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
