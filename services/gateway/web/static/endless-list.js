// A list that loads its next pages while one scrolls, and that is as it was after Back and reload.
//
// The next page is the page that the link "older" leads to: the server renders all posts.

import { toast, viewer } from "./api.js";
import { enhance } from "./enhance.js";
import texts from "./texts.js";

const AHEAD = "1500px";
const MAX_KEPT = 2_000_000; // characters of a list in the session storage, which holds about 5 MB

export class EndlessList extends HTMLElement {
  /** Whether the list is an older one, as it was when the person left it. */
  isRestored = false;

  connectedCallback() {
    this.isRestored = this.#restore();
    this.#watch();
    if (this.isRestored) this.#refresh();
    addEventListener("pagehide", () => this.#keep());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.#refresh();
    });
  }

  get #key() {
    return `list ${viewer} ${location.pathname}${location.search}`;
  }

  /** The link to the next page. */
  get #older() {
    return /** @type {HTMLAnchorElement | null} */ (this.querySelector("a[rel=next]"));
  }

  #watch() {
    const link = this.#older;
    if (!link) return;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.#load(link);
    });
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        this.#load(link);
      },
      { rootMargin: AHEAD },
    );
    observer.observe(link);
  }

  #isLoading = false;

  /** @param {HTMLAnchorElement} link */
  async #load(link) {
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.setAttribute("aria-busy", "true");
    const label = link.textContent;
    link.textContent = texts["loading"];
    try {
      const next = await listAt(link.href);
      if (link.isConnected) this.#append(next); // else another list took the place of this one
    } catch {
      link.textContent = label;
      toast(texts["older_failed"]);
      return;
    } finally {
      this.#isLoading = false;
      this.removeAttribute("aria-busy");
    }
    this.#watch();
  }

  /** @param {Element | null} next */
  #append(next) {
    this.#older?.closest(".more")?.remove();
    if (!next) return;
    const known = new Set(itemsOf(this).map(cursorOf));
    for (const item of itemsOf(next)) {
      if (known.has(cursorOf(item))) item.remove();
    }
    const rows = this.querySelector(":scope > ul");
    const added = next.querySelector(":scope > ul");
    if (rows && added) rows.append(...added.children);
    else this.append(...next.querySelectorAll(":scope > post-card"));
    const more = next.querySelector(".more");
    if (more) this.append(more);
    enhance(this);
  }

  /**
   * Put items that are not in the list yet at its top. Where the list has none of them, there may
   * be more in between: they take its place.
   * @param {Element} newest the list as the server renders it now
   */
  insert(newest) {
    const known = new Set(itemsOf(this).map(cursorOf));
    const items = itemsOf(newest);
    const fresh = items.filter((item) => !known.has(cursorOf(item)));
    if (fresh.length === items.length) return this.#replace(newest);
    this.prepend(...fresh);
    enhance(this);
  }

  /** @param {Element} newest */
  #replace(newest) {
    this.replaceChildren(...newest.childNodes);
    enhance(this);
    this.#watch();
  }

  /** Bring an older list up to date, as far as the first page goes. Newer items are not added. */
  async #refresh() {
    const newest = await listAt(location.href).catch(() => null);
    if (!newest) return;
    const items = itemsOf(this);
    const fresh = new Map(itemsOf(newest).map((item) => [cursorOf(item), item]));
    if (!fresh.size) return this.#replace(newest);
    const hasMore = newest.querySelector("a[rel=next]");
    const end = hasMore ? items.findLastIndex((item) => fresh.has(cursorOf(item))) : items.length;
    for (const item of items.slice(0, end + 1)) {
      if (!item.contains(document.activeElement)) renew(item, fresh.get(cursorOf(item)));
    }
    enhance(this);
  }

  /** Keep the list, what is typed in it and the place in it for Back and reload. */
  #keep() {
    const kept = JSON.stringify({ html: this.innerHTML, typed: typedIn(this), at: scrollY });
    if (kept.length > MAX_KEPT) return sessionStorage.removeItem(this.#key);
    try {
      sessionStorage.setItem(this.#key, kept);
    } catch {
      sessionStorage.clear(); // it is full: older lists are not worth an error
    }
  }

  /** Gives whether there was a list to restore. */
  #restore() {
    const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (
      performance.getEntriesByType("navigation")
    );
    const kept = sessionStorage.getItem(this.#key);
    if (!kept) return false;
    const { html, typed = [], at } = JSON.parse(kept);
    const isDeep = navigation?.type === "reload" && at > innerHeight; // at the top one wants news
    if (navigation?.type !== "back_forward" && !isDeep) return false;
    history.scrollRestoration = "manual";
    this.innerHTML = html;
    for (const busy of this.querySelectorAll("button[disabled], textarea[readonly]")) {
      busy.removeAttribute("disabled"); // nothing is under way any more
      busy.removeAttribute("readonly");
    }
    type(this, typed);
    requestAnimationFrame(() => scrollTo({ top: at, behavior: "instant" }));
    return true;
  }
}

/** @param {Element} list */
const itemsOf = (list) => [
  .../** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll("[data-cursor]")),
];

/** @param {HTMLElement} item */
const cursorOf = (item) => item.dataset.cursor;

/**
 * Replace an item by what the server has now, or remove it.
 * @param {HTMLElement} item
 * @param {HTMLElement | undefined} fresh
 */
function renew(item, fresh) {
  if (!fresh) return item.remove();
  type(fresh, typedIn(item));
  const [form, newForm] = [item, fresh].map((each) => each.querySelector("form[data-reply-form]"));
  const key = form?.getAttribute("data-key"); // of a comment whose answer never came
  if (key) newForm?.setAttribute("data-key", key);
  const veil = fresh.querySelector("details.veil");
  veil?.toggleAttribute("open", Boolean(item.querySelector("details.veil[open]")));
  item.replaceWith(fresh);
}

/**
 * What is typed in fields, by the ids of the fields.
 * @param {Element} root
 * @returns {[string, string][]}
 */
function typedIn(root) {
  return [...root.querySelectorAll("textarea")]
    .filter((field) => field.value !== field.defaultValue)
    .map((field) => [field.id, field.value]);
}

/** @param {Element} root @param {[string, string][]} typed */
function type(root, typed) {
  for (const [id, value] of typed) {
    const field = root.querySelector(`#${CSS.escape(id)}`);
    if (field instanceof HTMLTextAreaElement) field.value = value;
  }
}

/**
 * The list on another page.
 * @param {string} address
 */
export async function listAt(address) {
  const response = await fetch(address, { headers: { accept: "text/html" } });
  if (!response.ok || response.redirected) throw new Error(String(response.status));
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const list = page.querySelector("endless-list");
  return list && document.importNode(list, true);
}

customElements.define("endless-list", EndlessList);
