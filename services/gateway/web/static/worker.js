// The service worker: the files of the app, the last home page and its pictures, without a connection.
//
// Pages always come from the server where there is a connection. Logging out empties the caches.

const FILES = "files";
const HOME = "home";
const PICTURES = "pictures";
const MAX_PICTURES = 60;
const OFFLINE = "/offline";

/** @type {any} */
const worker = self; // the types of the DOM know no service worker

worker.addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(caches.open(FILES).then((cache) => cache.add(OFFLINE)));
  worker.skipWaiting();
});

worker.addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(worker.clients.claim());
});

worker.addEventListener("message", (/** @type {MessageEvent} */ event) => {
  if (event.data === "forget") Promise.all([caches.delete(HOME), caches.delete(PICTURES)]);
});

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const request = /** @type {Request} */ (event.request);
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request, url));
  else if (url.pathname.startsWith("/static/")) event.respondWith(kept(FILES, request));
  else if (url.pathname.startsWith("/media/")) event.respondWith(picture(request));
});

/**
 * A page; without a connection the last home page, or the one that says so.
 * @param {Request} request
 * @param {URL} url
 */
async function page(request, url) {
  const isHome = url.pathname === "/" && !url.search;
  try {
    const response = await fetch(request);
    if (isHome && response.ok) await (await caches.open(HOME)).put("/", response.clone());
    return response;
  } catch (error) {
    const found = isHome ? await caches.match("/") : null;
    const shown = found || (await caches.match(OFFLINE));
    if (shown) return shown;
    throw error;
  }
}

/**
 * A file from the cache, else from the server. Files of older versions are dropped.
 * @param {string} name
 * @param {Request} request
 */
async function kept(name, request) {
  const found = await caches.match(request);
  if (found) return found;
  const response = await fetch(request);
  if (!response.ok) return response;
  const cache = await caches.open(name);
  await cache.put(request, response.clone());
  const [, , version, file] = new URL(request.url).pathname.split("/");
  if (file) await drop(cache, (path) => path[3] === file && path[2] !== version);
  if (file === "style.css") await cache.add(OFFLINE); // it names the style sheet
  return response;
}

/**
 * @param {Cache} cache
 * @param {(path: string[]) => boolean} isOutdated
 */
async function drop(cache, isOutdated) {
  for (const key of await cache.keys()) {
    if (isOutdated(new URL(key.url).pathname.split("/"))) await cache.delete(key);
  }
}

/**
 * A picture from the server; without a connection one of the last that were seen.
 * @param {Request} request
 */
async function picture(request) {
  try {
    const response = await fetch(request);
    if (response.ok) await keepPicture(request, response.clone());
    return response;
  } catch (error) {
    const found = await caches.match(request);
    if (found) return found;
    throw error;
  }
}

/** @param {Request} request @param {Response} response */
async function keepPicture(request, response) {
  const cache = await caches.open(PICTURES);
  await cache.put(request, response);
  const keys = await cache.keys();
  for (const key of keys.slice(0, Math.max(0, keys.length - MAX_PICTURES))) await cache.delete(key);
}
