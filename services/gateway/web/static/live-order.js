// An order that shows how it goes on, until it is final. The server renders it.

import { toast } from "./api.js";
import texts from "./texts.js";

const FIRST = 500; // milliseconds until the first look
const LONGEST = 10_000;

export class LiveOrder extends HTMLElement {
  #wait = FIRST;
  #timer = 0;

  connectedCallback() {
    this.#next();
    addEventListener("online", () => this.#next(FIRST));
    document.addEventListener("visibilitychange", () => this.#next(FIRST));
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
  }

  get #isFinal() {
    return "final" in this.dataset;
  }

  /** Look again after a while, unless nobody looks or nothing more will happen. */
  #next(wait = this.#wait) {
    clearTimeout(this.#timer);
    if (this.#isFinal || document.hidden || !this.isConnected) return;
    this.#timer = Number(setTimeout(() => this.#look(), wait));
  }

  async #look() {
    try {
      const response = await fetch(location.pathname, { headers: { accept: "text/html" } });
      if (response.ok && !response.redirected) this.#show(await response.text());
    } catch {
      // There is no connection. The next look may succeed.
    }
    this.#wait = Math.min(this.#wait * 1.5, LONGEST);
    this.#next();
  }

  /** @param {string} html */
  #show(html) {
    const page = new DOMParser().parseFromString(html, "text/html");
    const newest = /** @type {HTMLElement | null} */ (page.querySelector("live-order"));
    if (!newest || newest.dataset.version === this.dataset.version) return;
    const isNews = newest.dataset.state !== this.dataset.state;
    this.#wait = FIRST;
    this.dataset.version = newest.dataset.version;
    this.dataset.state = newest.dataset.state;
    this.toggleAttribute("data-final", "final" in newest.dataset);
    this.replaceChildren(...document.importNode(newest, true).childNodes);
    if (isNews) toast(texts["order_state"].replace("{state}", this.dataset.state || ""));
  }
}

customElements.define("live-order", LiveOrder);
