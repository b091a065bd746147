// A list that loads its next pages while one scrolls, and that is as it was after Back and reload.
//
// The next page is the page that the link "older" leads to: the server renders all posts.

import { toast, viewer } from "./api.js";
import { enhance } from "./enhance.js";
import texts from "./texts.js";

const AHEAD = "1500px";
const MAX_KEPT = 2_000_000; // characters of a list in the session storage, which holds about 5 MB

export class EndlessList extends HTMLElement {
  connectedCallback() {
    this.#restore();
    this.#watch();
    addEventListener("pagehide", () => this.#keep());
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
      this.#append(next);
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
    const known = new Set(this.#cursors());
    for (const item of next.querySelectorAll("[data-cursor]")) {
      if (known.has(/** @type {HTMLElement} */ (item).dataset.cursor)) item.remove();
    }
    const rows = this.querySelector(":scope > ul");
    const added = next.querySelector(":scope > ul");
    if (rows && added) rows.append(...added.children);
    else this.append(...next.querySelectorAll(":scope > post-card"));
    const more = next.querySelector(".more");
    if (more) this.append(more);
    enhance(this);
  }

  #cursors() {
    return [...this.querySelectorAll("[data-cursor]")].map(
      (item) => /** @type {HTMLElement} */ (item).dataset.cursor,
    );
  }

  /**
   * Put items that are not in the list yet at its top.
   * @param {Element | null} newest the list as the server renders it now
   */
  insert(newest) {
    const known = new Set(this.#cursors());
    const fresh = [...(newest?.querySelectorAll(":scope > [data-cursor]") || [])].filter(
      (item) => !known.has(/** @type {HTMLElement} */ (item).dataset.cursor),
    );
    super.prepend(...fresh);
    enhance(this);
  }

  /** Keep the list and the place in it for Back and reload. */
  #keep() {
    const html = this.innerHTML;
    if (html.length > MAX_KEPT) return;
    const kept = JSON.stringify({ html, at: scrollY });
    try {
      sessionStorage.setItem(this.#key, kept);
    } catch {
      sessionStorage.clear(); // it is full: older lists are not worth an error
    }
  }

  #restore() {
    const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (
      performance.getEntriesByType("navigation")
    );
    const kept = sessionStorage.getItem(this.#key);
    if (!kept) return;
    const { html, at } = JSON.parse(kept);
    const isDeep = navigation?.type === "reload" && at > innerHeight; // at the top one wants news
    if (navigation?.type !== "back_forward" && !isDeep) return;
    history.scrollRestoration = "manual";
    this.innerHTML = html;
    requestAnimationFrame(() => scrollTo({ top: at, behavior: "instant" }));
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
