// A post: likes, boosts and bookmarks that show at once, and comments without leaving the page.

import { api, ApiError, logIn, newKey, toast, viewer } from "./api.js";
import texts from "./texts.js";

const DOUBLE_TAP = 300; // milliseconds

export class PostCard extends HTMLElement {
  connectedCallback() {
    this.addEventListener("submit", (event) => this.#submitted(/** @type {SubmitEvent} */ (event)));
    this.addEventListener("click", (event) => this.#clicked(event));
    this.querySelector("photo-carousel")?.addEventListener("pointerup", (event) => {
      if (/** @type {PointerEvent} */ (event).pointerType) this.#tapped(event);
    });
  }

  #lastTap = 0;

  /** @param {Event} event */
  #tapped(event) {
    if (/** @type {Element} */ (event.target).closest("details, button, a")) return;
    if (event.timeStamp - this.#lastTap < DOUBLE_TAP) {
      if (!this.isActive("favourite")) this.toggle("favourite");
      this.classList.remove("liked");
      requestAnimationFrame(() => this.classList.add("liked"));
    }
    this.#lastTap = event.timeStamp;
  }

  /** @param {string} action */
  #form(action) {
    return /** @type {HTMLFormElement | null} */ (
      this.querySelector(`form[data-toggle^="${action} "]`)
    );
  }

  /** @param {string} action */
  isActive(action) {
    return this.#form(action)?.querySelector("button")?.getAttribute("aria-pressed") === "true";
  }

  /**
   * Like, boost or bookmark, or take that back. It shows at once, and is undone if it fails.
   * @param {string} action
   */
  async toggle(action) {
    const form = this.#form(action);
    if (!form) return;
    if (!viewer) return logIn();
    const saved = this.isActive(action);
    this.#show(form, !saved);
    if (this.#sending.has(action)) return; // it sees at its end that the button has changed
    this.#sending.add(action);
    await this.#send(form, action, saved);
    this.#sending.delete(action);
  }

  /** @type {Set<string>} the actions that have a request under way */
  #sending = new Set();

  /**
   * One request at a time, until the server has what the button shows.
   * @param {HTMLFormElement} form
   * @param {string} action
   * @param {boolean} saved what the server has
   */
  async #send(form, action, saved) {
    const [add, remove] = (form.dataset.toggle || "").split(" ");
    while (this.isActive(action) !== saved) {
      try {
        await api("POST", `/api/v1/statuses/${this.dataset.id}/${saved ? remove : add}`);
        saved = !saved;
      } catch (error) {
        if (this.isActive(action) === saved) return; // it is taken back already
        this.#show(form, saved);
        toast(/** @type {Error} */ (error).message);
      }
    }
  }

  /**
   * Turn a button over.
   * @param {HTMLFormElement} form
   * @param {boolean} active
   */
  #show(form, active) {
    const [add, remove] = (form.dataset.toggle || "").split(" ");
    form.action = `/posts/${this.dataset.id}/${active ? remove : add}`;
    form.querySelector("button")?.setAttribute("aria-pressed", String(active));
    const count = form.querySelector("[data-count]");
    if (count) count.textContent = String(Math.max(0, Number(count.textContent) + (active ? 1 : -1)));
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (form.dataset.toggle) {
      event.preventDefault();
      this.toggle(form.dataset.toggle.split(" ")[0]);
    } else if ("replyForm" in form.dataset) {
      event.preventDefault();
      this.#comment(form);
    }
  }

  /** @param {HTMLFormElement} form */
  async #comment(form) {
    const field = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("status"));
    const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
    const visibility = new FormData(form).get("visibility");
    const key = (form.dataset.key ||= newKey());
    button.disabled = true;
    field.readOnly = true; // what is typed now would be lost
    try {
      await api(
        "POST",
        "/api/v1/statuses",
        { status: field.value, in_reply_to_id: this.dataset.id, visibility },
        { "idempotency-key": key },
      );
      field.value = field.defaultValue;
      delete form.dataset.key;
      const count = this.querySelector("a[data-reply] .count");
      if (count) count.textContent = String(Number(count.textContent) + 1);
      toast(texts["commented"]);
      if (form.id === "reply") location.reload();
    } catch (error) {
      if (/** @type {ApiError} */ (error).status === 422) delete form.dataset.key;
      toast(/** @type {Error} */ (error).message);
    } finally {
      button.disabled = false;
      field.readOnly = false;
    }
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const link = /** @type {Element} */ (event.target).closest("a[data-share], a[data-reply], a[data-delete]");
    if (!(link instanceof HTMLAnchorElement)) return;
    if ("share" in link.dataset) {
      event.preventDefault();
      this.share();
    } else if ("delete" in link.dataset) {
      event.preventDefault();
      import("./delete-post.js").then(({ deletePost }) => deletePost(this));
    } else if (this.focusReply()) {
      event.preventDefault();
    }
  }

  /** Move to the comment field. Gives whether there is one. */
  focusReply() {
    const field = this.querySelector("form.reply textarea");
    /** @type {HTMLElement | null} */ (field)?.focus();
    return Boolean(field);
  }

  async share() {
    const url = this.dataset.url || location.href;
    try {
      if (navigator.share) await navigator.share({ url });
      else {
        await navigator.clipboard.writeText(url);
        toast(texts["copied"]);
      }
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "AbortError") location.assign(url);
    }
  }
}

/**
 * Take a card from its page. The focus goes to its neighbour, else to the page.
 * @param {Element} card
 */
export function removeCard(card) {
  const next = card.nextElementSibling || card.previousElementSibling;
  card.remove();
  /** @type {HTMLElement | null | undefined} */ (
    next?.querySelector("article") || document.getElementById("main")
  )?.focus();
}

customElements.define("post-card", PostCard);
