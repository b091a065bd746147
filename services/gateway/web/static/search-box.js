// Search as one types: the results of the page for what is typed so far take the place of these.

import { counted, toast } from "./api.js";
import { enhance } from "./enhance.js";
import texts from "./texts.js";

const PAUSE = 250; // milliseconds after the last key

class SearchBox extends HTMLElement {
  connectedCallback() {
    this.form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    this.field = /** @type {HTMLInputElement} */ (this.form.elements.namedItem("q"));
    this.field.addEventListener("input", () => this.#typed());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.search(true);
    });
    if (location.hash === "#search") this.field.focus();
  }

  #timer = 0;
  #asked = 0;

  #typed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.search(), PAUSE);
  }

  /**
   * Show the results. Of two searches the later one counts, also if it is answered first.
   * If it fails, the results stay, and a form that was sent leads to its page.
   */
  async search(isSent = false) {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    const q = /** @type {HTMLInputElement} */ (this.field).value.trim();
    const address = q ? `/explore?q=${encodeURIComponent(q)}` : "/explore";
    const results = /** @type {Element} */ (document.getElementById("results"));
    results.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(address, { headers: { accept: "text/html" } });
      if (!response.ok) throw new Error(String(response.status));
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (asked !== this.#asked) return;
      const found = page.getElementById("results");
      if (found) results.replaceChildren(...document.importNode(found, true).childNodes);
      enhance(results);
      history.replaceState(null, "", address);
      this.#announce(results, q);
    } catch {
      if (asked !== this.#asked) return;
      if (isSent) location.assign(address); // the browser shows what is wrong
      else toast(texts["failed"]);
    } finally {
      if (asked === this.#asked) results.removeAttribute("aria-busy");
    }
  }

  /** @param {Element} results @param {string} q */
  #announce(results, q) {
    const found = /** @type {Element} */ (document.getElementById("found"));
    found.textContent = q ? counted("found", results.querySelectorAll("li").length) : "";
  }
}

customElements.define("search-box", SearchBox);
