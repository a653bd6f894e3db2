const BUILD = "d335abcceb8f8c90";
const FILES = {"./?lang=en":"sha256-XufLKHC3VcLhWOWRRcHUvz0Us4+z7X5E8oElk4HJaZ0=","./?lang=ru":"sha256-vKpYmKN6TXX2uaoIOBsKiYBqInwxAWa5rnqTPuZRKQY=","./drawers/builder.js":"sha256-AFlRoYFCTUEQ7n5Igb+aRCYaPTBoJwqDe893ECjGBHc=","./drawers/canvas.js":"sha256-X6Vv9w55M7+Gk3zxr0q3of5q0i55oIA5wjJ5/KMWCUY=","./drawers/compare.js":"sha256-MZ53PBNeiogbnufSJa18J8OaLJIT1aQ1mRtt5ySJ5eo=","./drawers/devices.js":"sha256-uXzIdsFJ7ttcrlbPltH2SjXbathsVdul9gGF23BpCGI=","./drawers/explore.js":"sha256-7DpjHfijbo+ozxOUIELvo8Gv4oVEGh6KOb5vObXnH1k=","./drawers/first.js":"sha256-QSsKM0QXNg1J02VcS51uz8rLaJNk45XQVytb55mgYtI=","./drawers/gallery.js":"sha256-oYFZ/Gi15pKuMml2akkBExh69Xd6R9DwJ9pUxW0IMQE=","./drawers/help.js":"sha256-7EmOgI5KE/b/3gLE/2doEDsU7LoAPxjcfsjbEC0CkL4=","./drawers/live.js":"sha256-rfVJX+4dvfrjU4oJP0excUH34VmFGws6deJVzcsAMrk=","./drawers/models.js":"sha256-cTJRyGHw3nGGD8IwC6KXKksJ4lb0MC0jG4xRvm62rCs=","./drawers/more.js":"sha256-cchqPQUaHPKuHcnb2zKL/qaLtOIxr9MZHJIvmffaknw=","./drawers/orders.js":"sha256-6fOiBIhoWKkUzAYNiiH28ZvtWmB/IwOelBORGRJ1Dms=","./drawers/origin.js":"sha256-paW6LawbqkJCyIVFYFbJHE6ndcAyZ11wR2varHtcc0Q=","./drawers/plan.js":"sha256-8sdtLd1DiEbZ8E+AWNt6Hp9uIFDXWrvyLb82+S3W9yg=","./drawers/queue.js":"sha256-qcGp4l33+vj4Yk2Z7+pkQFM2WzyJLMIqGeFTrpemjJc=","./drawers/recipe.js":"sha256-GaIAQhHYUS4wiSwCNYIYOKy0v2PyVEfO8sraQjgE/Sc=","./drawers/safety.js":"sha256-CXBoKhmg1+pKmBxbqkdo6W5ssPEG9zgY8PbQ+MOW4Kg=","./drawers/settings.js":"sha256-RvwkN5C0GIkg5QxlvpNxfrvRqQLKAuRjk6mBCzYMmZI=","./drawers/styles.js":"sha256-UMKBls0FOk3sScpd73sHRprhokkhlncTU4h4WwxRcEI=","./drawers/viewer.js":"sha256-n00nuWSTojQa7Iq0mJzvuWP0tV6On67ArUkSeEmU6Uk=","./drawers/words.js":"sha256-R4dRn+wo3u7jfzgosggfojZOky6S+OpuPNvCvE8tJiM="};

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
