// Pages of the dashboard that scripts fetch, and messages.

/** A page was not given: the session has ended, or the request was refused. */
export class Refused extends Error {}

/**
 * The message of a page, or of a plain text, that says what went wrong.
 * @param {Document} page
 */
function faultOf(page) {
  return (page.querySelector("[data-fault]") || page.body).textContent?.trim().slice(0, 300) || "That did not work.";
}

/** @param {string} html */
function parse(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

/**
 * Fetch a page; null if it is the version that is known.
 *
 * Throws `Refused` where it is no use to ask again.
 * @param {string} address
 * @param {{signal?: AbortSignal, known?: string}} options
 */
export async function fetchPage(address, { signal, known } = {}) {
  /** @type {Record<string, string>} */
  const headers = { accept: "text/html" };
  if (known) headers["if-none-match"] = known;
  const answer = await fetch(address, { signal, headers, cache: "no-store" });
  if (answer.status === 304) return null;
  const page = parse(await answer.text());
  if (answer.status === 401 || answer.status === 403) {
    throw new Refused(faultOf(page));
  }
  if (!answer.ok) throw new Error(faultOf(page));
  return { page, version: answer.headers.get("etag") || "" };
}

/**
 * Send a form that changes something; gives the page that it leads to.
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} button
 */
export async function sendForm(form, button) {
  const body = new URLSearchParams();
  for (const [name, value] of new FormData(form, button)) body.append(name, String(value));
  const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "text/html" } });
  const page = parse(await answer.text());
  if (!answer.ok) throw new Error(faultOf(page));
  return page;
}

/**
 * What a person is told of an error.
 * @param {unknown} error
 */
export function messageOf(error) {
  if (error instanceof TypeError) return "The dashboard does not answer."; // of `fetch`
  return error instanceof Error ? error.message : String(error);
}

let hide = 0;

/**
 * Show a message for some seconds; screen readers say it.
 * @param {string} text
 */
export function say(text) {
  const toast = document.getElementById("toast");
  if (!toast) return;
  toast.textContent = text;
  toast.classList.add("shown");
  clearTimeout(hide);
  hide = setTimeout(() => toast.classList.remove("shown"), 8000);
}
