// Uploads of pictures that tell their progress, which `fetch` does not.

import { ApiError, logIn } from "./api.js";
import texts from "./texts.js";

const AT_ONCE = 2; // the browser has six connections, and other requests need some too

let free = AT_ONCE;
/** @type {(() => void)[]} */
const waiting = [];

/** Wait until an upload may run. */
function enter() {
  if (free > 0) return void free--;
  return new Promise((resolve) => waiting.push(() => resolve(undefined)));
}

function leave() {
  const next = waiting.shift();
  if (next) next();
  else free++;
}

/**
 * Upload a picture. Gives its MediaAttachment.
 * Throws `ApiError`, whose status is 0 where there is no connection, or the reason of `signal`.
 *
 * @param {Blob} file
 * @param {Record<string, string>} fields
 * @param {(part: number) => void} onProgress gets what is sent, from 0 to 1
 * @param {AbortSignal} signal
 * @returns {Promise<any>}
 */
export async function upload(file, fields, onProgress, signal) {
  await enter();
  try {
    signal.throwIfAborted();
    return await send(file, fields, onProgress, signal);
  } finally {
    leave();
  }
}

/**
 * @param {Blob} file
 * @param {Record<string, string>} fields
 * @param {(part: number) => void} onProgress
 * @param {AbortSignal} signal
 */
function send(file, fields, onProgress, signal) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append("file", file);
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("error", () => reject(new ApiError(0, texts["offline"], null)));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("load", () => {
      const { status, response } = request;
      if (status === 200) return resolve(response);
      if (status === 401) logIn();
      reject(new ApiError(status, response?.error || texts["failed"], response));
    });
  });
  signal.addEventListener("abort", () => request.abort());
  request.open("POST", "/api/v2/media");
  request.setRequestHeader("accept", "application/json");
  request.responseType = "json";
  request.send(body);
  return done;
}
