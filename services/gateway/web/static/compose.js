// The form of a new post: pictures are uploaded while one writes, and nothing that was typed is lost.

import { api, ApiError, counted, newKey, viewer } from "./api.js";
import { ask } from "./confirm.js";
import { discardDraft, loadDraft, saveDraft } from "./drafts.js";
import { PictureList } from "./picture-list.js";
import "./post-text.js";
import { ProductPicker } from "./product-picker.js";
import { takeFiles } from "./take-files.js";
import texts from "./texts.js";

const SAVE_AFTER = 400; // milliseconds without a key
const SEND_AGAIN_AFTER = 5000; // milliseconds; by itself, while the connection or the server fails
const MAX_SENDS = 24;

export class ComposeForm extends HTMLElement {
  /** The idempotency key: however often it is sent, it makes one post. @type {string} */
  #key = newKey();
  #isSending = false;
  #isEdited = false;
  /** Whether the draft is kept; not where an older one is kept that this would replace. */
  #isKept = true;
  #timer = 0;
  /** The next attempt to post, where one failed. */
  #again = 0;
  #sends = 0;
  /** Tells the other tabs of a user what was posted. */
  #tabs = new BroadcastChannel("drafts");

  connectedCallback() {
    this.form = /** @type {HTMLFormElement} */ (this.querySelector("form"));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.form.addEventListener("input", () => this.#edited());
    this.form.addEventListener("change", () => this.#edited());
    this.addEventListener("picture-changed", () => this.#edited());
    this.addEventListener("keydown", (event) => this.#keys(event));
    this.querySelector("[data-discard]")?.addEventListener("click", (event) => this.#discard(event));
    const picker = /** @type {HTMLInputElement} */ (this.querySelector("#picker"));
    takeFiles(this, picker, (files) => this.#pictures.add(files));
    addEventListener("visibilitychange", () => document.hidden && this.#save());
    this.#tabs.addEventListener("message", (event) => this.#postedElsewhere(event.data));
    this.#begin();
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.form?.elements.namedItem(name));
  }

  get #pictures() {
    return /** @type {PictureList} */ (this.querySelector("picture-list"));
  }

  get #products() {
    return /** @type {ProductPicker} */ (this.querySelector("product-picker"));
  }

  // ── the draft ─────────────────────────────────────────────────────────────────────────────

  async #begin() {
    try {
      const stored = await loadDraft(viewer);
      if (stored && this.#isEmpty) this.#restore(stored.draft, stored.files);
      else if (stored) this.#keep(false);
      else if (!this.#isEmpty) this.#keepRedraft();
    } catch {
      this.#keep(false); // a private window, perhaps
    }
    this.#update();
    this.dataset.ready = "";
  }

  get #isEmpty() {
    return !this.#pictures.pictures.length && !this.#field("text").value;
  }

  /** @param {boolean} isKept */
  #keep(isKept) {
    this.#isKept = this.#pictures.isKept = isKept;
  }

  /** A form that the server filled in is a draft at once, and no reload sends its request again. */
  #keepRedraft() {
    this.#edited();
    history.replaceState(null, "", "/new");
  }

  /** @returns {import("./drafts.js").Draft} */
  get #draft() {
    return {
      key: this.#key,
      text: this.#field("text").value,
      spoiler: this.#field("spoiler_text").value,
      sensitive: this.#field("sensitive").checked,
      visibility: this.#field("visibility").value,
      replyTo: this.#field("in_reply_to_id").value,
      products: this.#products.products,
      pictures: this.#pictures.drafts,
    };
  }

  /** @param {import("./drafts.js").Draft} draft @param {Map<string, Blob>} files */
  #restore(draft, files) {
    this.#key = draft.key;
    this.#field("text").value = draft.text;
    this.#field("spoiler_text").value = draft.spoiler;
    this.#field("sensitive").checked = draft.sensitive;
    this.#field("visibility").value = draft.visibility;
    this.#field("in_reply_to_id").value = draft.replyTo;
    for (const product of draft.products) this.#products.add(product);
    this.#pictures.restore(draft.pictures, files);
    this.#say("[data-restored]", texts["draft_restored"]);
    this.#field("text").dispatchEvent(new Event("input", { bubbles: true }));
    this.#isEdited = false;
  }

  #edited() {
    this.#isEdited = true;
    this.#sends = 0;
    clearTimeout(this.#again); // who goes on writing posts it when it is done
    this.#say("[data-state]", "");
    this.#update();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#save(), SAVE_AFTER);
  }

  async #save() {
    if (!this.#isEdited || this.#isSending) return;
    clearTimeout(this.#timer);
    if (!this.#isKept) return this.#say("[data-state]", texts["draft_not_kept"]);
    try {
      await saveDraft(viewer, this.#draft);
      this.#say("[data-state]", texts["draft_kept"]);
    } catch {
      this.#say("[data-state]", texts["draft_not_kept"]);
    }
  }

  /** @param {Event} event */
  async #discard(event) {
    event.preventDefault();
    const choices = /** @type {[string, string][]} */ ([
      ["discard", texts["discard"]],
      ["", texts["cancel"]],
    ]);
    if (!this.#isEmpty && !(await ask(texts["discard_title"], texts["discard_text"], choices))) return;
    await this.#forget();
    location.replace("/new");
  }

  async #forget() {
    clearTimeout(this.#timer);
    clearTimeout(this.#again);
    if (this.#isKept) await discardDraft(viewer).catch(() => undefined);
    this.#keep(false);
  }

  /** @param {string} key of a draft that was posted in another tab */
  #postedElsewhere(key) {
    if (key !== this.#key) return;
    if (!this.#isEdited) location.replace("/new");
    else this.#key = newKey();
  }

  /** Show what follows from the pictures: whether there is room, and what has no description. */
  #update() {
    const { pictures, most, bare } = this.#pictures;
    this.classList.toggle("full", pictures.length >= most);
    this.#say("[data-nudge]", bare ? counted("no_descriptions", bare) : "");
  }

  // ── sending ───────────────────────────────────────────────────────────────────────────────

  /** @param {KeyboardEvent} event */
  #keys(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.send();
    else if (event.key === "Enter" && event.target instanceof HTMLInputElement) event.preventDefault();
  }

  /** Post, once all pictures are uploaded. */
  async send() {
    if (this.#isSending) return;
    clearTimeout(this.#again);
    this.#setSending(true);
    try {
      const status = await this.#post();
      if (!status) return this.#setSending(false);
      await this.#forget();
      this.#tabs.postMessage(this.#key);
      location.assign(new URL(status.url).pathname);
    } catch (error) {
      this.#setSending(false);
      this.#notPosted(/** @type {Error} */ (error));
      this.#save(); // what was typed meanwhile
    }
  }

  /** The entity Status; null where a picture needs the person first. */
  async #post() {
    const failed = await this.#pictures.settled();
    if (failed) {
      this.#say("[data-error]", texts["pictures_failed"]);
      failed.querySelector("textarea")?.focus();
      return null;
    }
    await this.#pictures.save();
    const draft = this.#draft;
    const body = {
      status: draft.text,
      spoiler_text: draft.spoiler,
      sensitive: draft.sensitive,
      visibility: draft.visibility,
      in_reply_to_id: draft.replyTo || null,
      media_ids: draft.pictures.map((picture) => picture.id),
      product_ids: draft.products.map((product) => product.id),
    };
    return api("POST", "/api/v1/statuses", body, { "idempotency-key": this.#key });
  }

  /** @param {Error} error */
  #notPosted(error) {
    const { status, body } = error instanceof ApiError ? error : { status: 400, body: null };
    const isPostedBefore = Boolean(body?.details?.post);
    if (isPostedBefore) this.#key = newKey();
    let message = isPostedBefore ? texts["posted_before"] : error.message;
    if ((status === 0 || status >= 500) && this.#sends++ < MAX_SENDS) {
      message += ` ${texts["sending_again"]}`;
      this.#again = setTimeout(() => this.send(), SEND_AGAIN_AFTER);
    }
    this.#say("[data-error]", message);
    this.querySelector("[data-error]")?.scrollIntoView({ block: "center" });
  }

  /** @param {boolean} isSending */
  #setSending(isSending) {
    this.#isSending = isSending;
    const button = this.querySelector("[data-send]");
    button?.setAttribute("aria-disabled", String(isSending)); // it keeps the focus
    if (isSending && !this.#sends) this.#say("[data-error]", "");
    this.#say("[data-state]", isSending ? texts["sending"] : "");
  }

  /** @param {string} place @param {string} message */
  #say(place, message) {
    const shown = this.querySelector(place);
    if (shown && shown.textContent !== message) shown.textContent = message;
  }
}

customElements.define("compose-form", ComposeForm);
