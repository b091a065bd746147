// A filter whose results follow what is typed. Without scripts it is a form with a button.

import { LiveRegion } from "./live-region.js";

const PAUSE = 300; // milliseconds without a key before the filter is applied

class FilterForm extends HTMLElement {
  #timer = 0;

  connectedCallback() {
    const form = this.querySelector("form");
    if (!form) return;
    form.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#apply(form), PAUSE);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(this.#timer);
      this.#apply(form);
    });
  }

  /** @param {HTMLFormElement} form */
  #apply(form) {
    if (!form.checkValidity()) return;
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string" && value.trim()) query.append(name, value.trim());
    }
    const address = new URL(form.action);
    address.search = query.toString();
    history.replaceState(null, "", address);
    const region = document.querySelector("live-region");
    if (region instanceof LiveRegion) void region.refresh("Loading");
  }
}

customElements.define("filter-form", FilterForm);
