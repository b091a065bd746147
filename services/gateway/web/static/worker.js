// The service worker: the files of the app, the last home page and its pictures, without a connection.
//
// Pages always come from the server where there is a connection. Logging out empties the caches.

const FILES = "files";
const HOME = "home";
const PICTURES = "pictures";
const MAX_PICTURES = 60;
const OFFLINE = "/offline";
const VERSIONED = /^\/static\/[^/]+\/[^/]+$/; // the others may change at their address

/** @type {any} */
const worker = self; // the types of the DOM know no service worker

worker.addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(caches.open(FILES).then((cache) => cache.add(OFFLINE)));
  worker.skipWaiting();
});

worker.addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(worker.clients.claim());
});

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const request = /** @type {Request} */ (event.request);
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(request, url));
  else if (VERSIONED.test(url.pathname)) event.respondWith(file(request));
  else if (url.pathname.startsWith("/media/")) event.respondWith(picture(request));
});

/**
 * A page; without a connection the last home page, or the one that says so.
 * @param {Request} request
 * @param {URL} url
 */
async function page(request, url) {
  const isHome = url.pathname === "/" && !url.search;
  let response;
  try {
    response = await fetch(request);
  } catch (error) {
    const found = isHome ? await caches.match("/") : null;
    const shown = found || (await caches.match(OFFLINE));
    if (shown) return shown;
    throw error;
  }
  if (isHome && response.ok) await keep(HOME, "/", response.clone());
  return response;
}

/**
 * Keep an answer if there is room. It is a help: a full cache must not cost the page.
 * @param {string} name of the cache
 * @param {Request | string} request
 * @param {Response} response
 * @param {(cache: Cache) => Promise<void>} [tidy]
 */
async function keep(name, request, response, tidy) {
  try {
    const cache = await caches.open(name);
    await cache.put(request, response);
    await tidy?.(cache);
  } catch {}
}

/**
 * A file from the cache, else from the server. Files of older versions are dropped.
 * @param {Request} request
 */
async function file(request) {
  const found = await caches.match(request);
  if (found) return found;
  const response = await fetch(request);
  if (!response.ok) return response;
  const [, , version, name] = new URL(request.url).pathname.split("/");
  await keep(FILES, request, response.clone(), async (cache) => {
    await drop(cache, (path) => path[3] === name && path[2] !== version);
    if (name === "style.css") await cache.add(OFFLINE); // it names the style sheet
  });
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
  let response;
  try {
    response = await fetch(request);
  } catch (error) {
    const found = await caches.match(request);
    if (found) return found;
    throw error;
  }
  if (response.ok) await keep(PICTURES, request, response.clone(), dropOldPictures);
  return response;
}

/** @param {Cache} cache */
async function dropOldPictures(cache) {
  const keys = await cache.keys();
  for (const key of keys.slice(0, Math.max(0, keys.length - MAX_PICTURES))) await cache.delete(key);
}
