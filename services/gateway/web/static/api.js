// Calls of the public API with the session's cookie, and messages to the person.

import texts from "./texts.js";

/** An answer of the API that is no success. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message @param {any} body */
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/**
 * Call the API for something that the person did. Gives the parsed body.
 * Throws `ApiError`; its status is 0 where there is no connection.
 * Where the session has ended, the browser goes to the login page and comes back.
 *
 * @param {string} method
 * @param {string} path
 * @param {object | FormData} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 */
export async function api(method, path, body, headers = {}) {
  try {
    return await request(method, path, body, headers);
  } catch (error) {
    if (/** @type {ApiError} */ (error).status === 401) logIn();
    throw error;
  }
}

/**
 * The same for what the page does by itself: it never leaves the page.
 *
 * @param {string} method
 * @param {string} path
 * @param {object | FormData} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 */
export async function request(method, path, body, headers = {}) {
  /** @type {RequestInit} */
  const options = { method, headers: { accept: "application/json", ...headers } };
  if (body instanceof FormData) options.body = body;
  else if (body) {
    options.body = JSON.stringify(body);
    options.headers = { ...options.headers, "content-type": "application/json" };
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new ApiError(0, texts["offline"], null);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  throw new ApiError(response.status, answer?.error || answer?.detail || texts["failed"], answer);
}

/** Go to the login page, which leads back to this page. */
export function logIn() {
  const here = location.pathname + location.search;
  location.assign(`/login?next=${encodeURIComponent(here)}`);
}

/**
 * Show a message for some seconds. Screen readers announce it.
 * @param {string} message
 */
export function toast(message) {
  const place = document.getElementById("toast");
  if (!place) return;
  place.textContent = message;
  place.classList.add("shown");
  clearTimeout(Number(place.dataset.timer));
  place.dataset.timer = String(setTimeout(() => place.classList.remove("shown"), 6000));
}

/**
 * A text with its form for a count, and with what is filled in.
 * @param {string} key
 * @param {number} count
 */
export function counted(key, count) {
  const form = count === 1 ? "one" : "other";
  return texts[`${key}.${form}`].replace("{count}", String(count));
}

/** A new idempotency key. `crypto.randomUUID` is missing where the address is no secure one. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The user of this page's session, or an empty string. */
export const viewer = document.body.dataset.viewer || "";
