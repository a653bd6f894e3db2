const BUILD = "4839781b1cea36c7";
const FILES = {"./?lang=en":"sha256-ejosLGmBx/dPcq57i/1AvAwuQSW4wqCppBXaK8nf/7o=","./?lang=ru":"sha256-z15SvZ0n+IvQZqhz47i+lYSycizLAZofdSXWPALyFzE=","./drawers/builder.js":"sha256-3DoD/jGxqgEe6qi8SxpXdJmvPSi1gIEDH4uy/AYlc8s=","./drawers/canvas.js":"sha256-gTy2wOvIrHrNd/4qeNo+TMsv/15Y6KJZzNwOw45p7R4=","./drawers/compare.js":"sha256-SbzJYgaBjrBEfdQ29aiL44Jqp+fK7gkBvZt1WVGo2gM=","./drawers/gallery.js":"sha256-SmeJHBJQEkUg1mPxlhwCbkxIxxq4lyamA6j0jjNoiSM=","./drawers/live.js":"sha256-EhrZ64inT34xAikHuPRoKOA2DSPcpnlVet5fmeLB6hw=","./drawers/models.js":"sha256-oUCELJvUAsIVgz78SToJE5IwRVRzMfVtCQ8wn8IqwmM=","./drawers/more.js":"sha256-eCpj0bmg6Gb8ao8eWeHDHXynTT4+oXxaVNavhFI7Vds=","./drawers/origin.js":"sha256-ElECiEfL6QNRlXHr90pJr6855CbCikTU7VvRVpXCyc8=","./drawers/plan.js":"sha256-pEEKNv7n3jbzuncaGgxdyVm7p+EQSqfg/AaL63rVrgw=","./drawers/queue.js":"sha256-CW0PFOxtUKhi8OL4jHy3nF06xkCJVq6VhVSBUB4DTpQ=","./drawers/recipe.js":"sha256-tLttwDgpfK8SNuhq6zPcoCVtGiYQCZKyUJX4HZ9n3ws=","./drawers/settings.js":"sha256-Gomb8mn2u3jsMoegb02dj8r89HMsvoPI/6JsYqkRtAE=","./drawers/styles.js":"sha256-sBdWL3x/mP8PPKUc2avudemAcX009YzFmMGzllR2TTM=","./drawers/viewer.js":"sha256-7oX3Rf1nAFacgkin+o9/KagQKxX2x7F7vtNwd4d2pVU=","./drawers/words.js":"sha256-PaPXlqIUChj0MqKYd4J7Na13Dpa3gj2Mhr+VTXzrW3E="};

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
