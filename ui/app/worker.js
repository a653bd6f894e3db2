const BUILD = "ecfb3c7847fa6149";
const FILES = {"./?lang=en":"sha256-/zBmuE79JA1896HYXZuOVf7X36T8iWuwZKaf72x/naM=","./?lang=ru":"sha256-4lbyijppb5/L+JtEE5E5LfyFXU8Q6pIl4km5T/g2o2o=","./drawers/builder.js":"sha256-hd6MxNJRA8edTC2P7SYwIBR5e3Ne7BNdPJp+adMO6Os=","./drawers/canvas.js":"sha256-2KPKDhv8Nmw1tS65PqMOeHy/dSWEZPlt3vl7AEs2kXg=","./drawers/compare.js":"sha256-z3aW793mcsC9YvJ8ZP6VXBVF1NCD/oPBzitqdQw1esM=","./drawers/devices.js":"sha256-1mU60E2R0uxaDnAresK/kZJnmxxZSWYQHpNvIEPeh+U=","./drawers/explore.js":"sha256-9rsy3E/EnO63DmX2yYeoosX0Ss8egmPvgACphU66sNA=","./drawers/first.js":"sha256-RA6B2Z8sT4oTHUdRaJp4k2TVcdsMyBqRurW+4Vqx5TI=","./drawers/gallery.js":"sha256-gPr8OZ/Uri0d/cP2g67RbLUQiDBGFPkXnuFlYKWUpSM=","./drawers/help.js":"sha256-f3HifWIedpdDqRkaClq/XiRFSIiqckpt5/XO55BEbQg=","./drawers/live.js":"sha256-APKAtwd2GuNj55hw84si+ZRT/SafOMyQljkTCgSbfIc=","./drawers/models.js":"sha256-Epj532iEjnVxmAzdAlC/Qtn3g8tf/1HYfUkRsxuiTrM=","./drawers/more.js":"sha256-aOhwLZYMBjjxJ/AbA5+kpjh+uUHzYinC+NbHA+/nomM=","./drawers/orders.js":"sha256-GsS3I3nFc3xFePd8ilFsz0YbcbuJNxGafDlVvtI00Vk=","./drawers/origin.js":"sha256-EBcevTLu07cg+cmdRxH45fWWcbrSfMGYcGp1FgF2pvc=","./drawers/plan.js":"sha256-2kOTx1PXfCPAojAH7UA1optd3pOdNKrs51Xj0jr2FDo=","./drawers/queue.js":"sha256-C6TMM4UkvYcEaLjNPfecbC1mQdJ4Bh6/WZvB0ha3Yr8=","./drawers/recipe.js":"sha256-52ylimT9gP8cuVCYNq4PfFiuLr+4aFxELPVFNdr8EQA=","./drawers/safety.js":"sha256-0qVAS6m5fuxyddNWSXjSpEH/z0Yuc/QZgBhJQMUbJUM=","./drawers/settings.js":"sha256-KK5ZKQyoZAkGPkeybIjIE2RuAcd2wv4A/Q/Uu1qGpfI=","./drawers/styles.js":"sha256-6A5uymU5zKF0njC4bp7iTToaE7iTjdRRBQW3+gZnty8=","./drawers/viewer.js":"sha256-zkn0Glu1eQpXXYHYDwlvRkmKRwDpe9ZpVp1VXUSJmbM=","./drawers/words.js":"sha256-R82BPdeNix12mffnIHGxrI2+DuDYDCMvJxP6ViSi6UY="};

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
