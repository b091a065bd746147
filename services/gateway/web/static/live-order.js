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
    if (this.querySelector("details[open]")) return; // somebody answers a question: the next look
    const isNews = newest.dataset.state !== this.dataset.state;
    this.#wait = FIRST;
    this.dataset.version = newest.dataset.version;
    this.dataset.state = newest.dataset.state;
    this.toggleAttribute("data-final", "final" in newest.dataset);
    this.#replace(document.importNode(newest, true).childNodes);
    if (isNews) toast(texts["order_state"].replace("{state}", this.dataset.state || ""));
  }

  /**
   * The focus goes to what has the same words, else to the order.
   * @param {Iterable<Node>} nodes
   */
  #replace(nodes) {
    const words = this.contains(document.activeElement) && document.activeElement?.textContent;
    this.replaceChildren(...nodes);
    if (typeof words !== "string") return;
    const controls = [...this.querySelectorAll("a, button, summary")];
    const same = controls.find((control) => control.textContent === words);
    if (!same) this.tabIndex = -1;
    /** @type {HTMLElement} */ (same || this).focus({ preventScroll: true });
  }
}

customElements.define("live-order", LiveOrder);
