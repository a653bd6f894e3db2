const BUILD = "93e4dc47d1436e70";
const FILES = {"./?lang=en":"sha256-2uHFBIkowl+h+j2ugIpk2wOyaOtrruBiPTqZYP8NrfM=","./?lang=ru":"sha256-fXgONm5QjLbY4iUQUz1nuDfPecjYh/dCas+8rBO+8Cw=","./drawers/builder.js":"sha256-gtQb1GwTMqyT4ke00HxrdlSj+ureqdn1vZNlxz60rP4=","./drawers/canvas.js":"sha256-2prUkFi+xxL3S0uVPj1Q3eX8yeliJm0AFg3q2U9yuug=","./drawers/compare.js":"sha256-GEw+RZtOgLide56V45JwrLq0fLtbtF0o9it9tlfz0gk=","./drawers/devices.js":"sha256-EKzyT3S8H79othgW0YY8yt5ou5jB1t0mKx1qtWm8b/s=","./drawers/explore.js":"sha256-CcQtdlGom88a8uSgDPd7kaG26z1fSUob91yrDcX4Gl8=","./drawers/first.js":"sha256-hE43OFMQu1nDkCocfoa+wbl8FkP0qQqu38nknS+mqlo=","./drawers/gallery.js":"sha256-tlBJo0AiExBDq4kt2GK3a7BzaiBNBsK1CC4qaVt8klc=","./drawers/help.js":"sha256-iqOd+AgexCjrdM1W2ZPDokGsFO36SHMfv54O/nckGyo=","./drawers/live.js":"sha256-9xoNuXIiPpPQZQ9CmG3JEZiOEJYw+gkYdRoCHJvVkm4=","./drawers/models.js":"sha256-AyMz8YwwLozxlbe3XvJ5VMugkaWyVeCjVJtqpJYsfpA=","./drawers/more.js":"sha256-msPIJF0d/Ynn6n5vRjoCTzXPp5V6a4vbPG/W+G9lWyg=","./drawers/orders.js":"sha256-yWVzQl7jk+Yqu8H1uv+X3vZ9K+ptck7xpQ+r/qWHw0g=","./drawers/origin.js":"sha256-6pVAG2qutStZtjclBr1GOuC4iVMgeHixak4fOcRq5Ko=","./drawers/plan.js":"sha256-QgfpqI2Ok2P/+GoszL0Q+03SkIVauOkZmd5ty130PrY=","./drawers/queue.js":"sha256-+1YKISuYCNetoSy0Wqols/0tXygP17/RQMRaRE72aWU=","./drawers/recipe.js":"sha256-E0VEnDEwK+86dFTTzP2UsgcLT4IknaX1QdzKCDutPdo=","./drawers/safety.js":"sha256-6J05ecjtbWqckHrt+aMV9Pto/79pA3kq8pPIHRvOtc8=","./drawers/settings.js":"sha256-XADoO5ImPy/2E3ce+5txEX1ql/EikSzPZX1Nsy2LW+c=","./drawers/styles.js":"sha256-pOhxUME4qMlEUQXH+itbyEQMzNM0zWDr7VxQCxD11v4=","./drawers/viewer.js":"sha256-4xXfZg3giLrJ3n0gRK0n3F9x66QpfqQQgop3MDUzAwM=","./drawers/words.js":"sha256-JzoX2Fb/SS0ilye4sNgwqHGir+AifwMiHb03C9gJbhA="};

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
