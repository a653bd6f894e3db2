const BUILD = "8c669b92a406079e";
const FILES = {"./?lang=en":"sha256-+4po/6BLNFzJAD4skcl2FzIA9lw/ZF3O++vOuhQsBtU=","./?lang=ru":"sha256-7MVQG4YMwZmwDLvd92uBz+rZLa4QEdfwoDT+dWG0+2Q=","./drawers/builder.js":"sha256-4FUwCH60YqQI5dsHHuT1VR/+ab4Ns1jH+PRaVCH+ZTY=","./drawers/canvas.js":"sha256-a0eX/k5gJyO168PaYHV/93fzGZXECRYRBD4DfEf7Psk=","./drawers/compare.js":"sha256-ScUjK4AFy3vV6DqxqUKCPdhltgOT1r8+IYinUFNziQ0=","./drawers/devices.js":"sha256-TCQIcNSli8U/Mh0pC6+ugVrrZveMAbdMwNhiZp5WZdg=","./drawers/explore.js":"sha256-U0VAlYm/LjF3LfVllqksoK6NS3aXAhHrVIyhtcRltco=","./drawers/first.js":"sha256-UEEzMpBUpA/o7+JFsrDrUB7aY5LXsGZFetgoY9Tubfw=","./drawers/gallery.js":"sha256-/IR5yB0hLPrjz99REYGlrQDZqkdiGJ8YutQ+zq58l3Y=","./drawers/help.js":"sha256-z3FmfHwYxTP22Mqv8z668dgr/icLzc5ZMDwlBfxs/aQ=","./drawers/live.js":"sha256-UALybnhJaIxrPFC4YrEjGdiW1vCYgDYbAG2M1ZpeAC0=","./drawers/models.js":"sha256-kUaJH55tr1xZs5wG49m6J3vb4+NKJfLUfq3kblNF2gk=","./drawers/more.js":"sha256-hmPcUlTq/IZW4aJuZT/fuwKFiAh79pLADyGEQ306Ils=","./drawers/orders.js":"sha256-47wZyRqk/bwMjdRQwm2gDtmWkv8JEVhU1V+5UELFIg0=","./drawers/origin.js":"sha256-Lz2pe9xl3RhlrLHC9peQ1zxsKJX06Fr53Pi6G0QOw0k=","./drawers/plan.js":"sha256-1JOxkBGqTQBv3s5KqSuBx2Ac0qzBSRKVLB9z8++AgI4=","./drawers/queue.js":"sha256-Jhpk731PpS1Fx+XHGNDGHShoi4BoIQIPPuUdYA76eHc=","./drawers/recipe.js":"sha256-oOMWitfj7e5fMBvIJRKNfZMmBxdjAmTR6dmtZORfKd8=","./drawers/safety.js":"sha256-47k4k23plBraskagshFUCM0w2L5WuCVxDYpyxdBaPFc=","./drawers/settings.js":"sha256-zeFhGHa2sR7TBIeBA0zm9jZ1+/ptVG8pDMAC1k2ytrc=","./drawers/styles.js":"sha256-/9A/1eiJ2cxANMs+W7L89bbaLZTQVHb/1eA1yq/njBs=","./drawers/viewer.js":"sha256-sJrISmU2HERx8hHK55XWB4i23zHEPIyeqOURsT1gGuU=","./drawers/words.js":"sha256-AMJwvTIedIAO/5oQ5hndlr0DMQNLA4tcyWxlDyYXeTA="};

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
