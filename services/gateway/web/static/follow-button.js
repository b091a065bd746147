// A button that follows an account, or no more. It shows at once, and is undone if it fails.

import { api, logIn, toast, viewer } from "./api.js";
import texts from "./texts.js";

/** @typedef {"follow" | "unfollow" | "requested"} Label what the button does next */

class FollowButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#toggle();
    });
  }

  #isBusy = false;

  get #form() {
    return /** @type {HTMLFormElement} */ (this.querySelector("form"));
  }

  async #toggle() {
    if (!viewer) return logIn();
    if (this.#isBusy) return;
    this.#isBusy = true;
    const action = this.#form.action.endsWith("/unfollow") ? "unfollow" : "follow";
    const before = this.#form.querySelector("[data-label]")?.textContent || "";
    this.#show(action === "follow" ? "unfollow" : "follow");
    try {
      const now = await api("POST", `/api/v1/accounts/${this.dataset.id}/${action}`);
      this.#show(now.requested ? "requested" : now.following ? "unfollow" : "follow");
    } catch (error) {
      this.#show(action === "follow" ? "follow" : "unfollow", before);
      toast(/** @type {Error} */ (error).message);
    } finally {
      this.#isBusy = false;
    }
  }

  /** @param {Label} label @param {string} [text] */
  #show(label, text = texts[label]) {
    const form = this.#form;
    form.action = `/people/${this.dataset.id}/${label === "follow" ? "follow" : "unfollow"}`;
    form.querySelector("button")?.classList.toggle("quiet", label !== "follow");
    const shown = form.querySelector("[data-label]");
    if (shown) shown.textContent = text;
  }
}

customElements.define("follow-button", FollowButton);
