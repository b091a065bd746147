// The form of a new post: pictures are uploaded while one writes, and nothing that was typed is lost.

import { api, ApiError, counted, toast, viewer } from "./api.js";
import { ask } from "./confirm.js";
import { DraftPicture } from "./draft-picture.js";
import { discardDraft, loadDraft, removeFile, saveDraft, saveFile } from "./drafts.js";
import "./post-text.js";
import { ProductPicker } from "./product-picker.js";
import { reorderable } from "./reorder.js";
import { takeFiles } from "./take-files.js";
import texts from "./texts.js";

const SAVE_AFTER = 400; // milliseconds without a key
const SEND_AGAIN_AFTER = 5000; // milliseconds; by itself, while the connection or the server fails
const MAX_SENDS = 24;

export class ComposeForm extends HTMLElement {
  /** The idempotency key: however often it is sent, it makes one post. @type {string} */
  #key = crypto.randomUUID();
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
    this.list = /** @type {HTMLElement} */ (this.querySelector("[data-list]"));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.form.addEventListener("input", () => this.#edited());
    this.form.addEventListener("change", () => this.#edited());
    this.addEventListener("picture-changed", () => this.#edited());
    this.addEventListener("picture-removed", (event) => this.#removed(event));
    this.addEventListener("keydown", (event) => this.#keys(event));
    this.querySelector("[data-discard]")?.addEventListener("click", (event) => this.#discard(event));
    reorderable(this.list, (row, place) => this.#moved(place));
    const picker = /** @type {HTMLInputElement} */ (this.querySelector("#picker"));
    takeFiles(this, picker, (files) => this.#add(files));
    addEventListener("online", () => this.#resume());
    addEventListener("visibilitychange", () => document.hidden && this.#save());
    this.#tabs.addEventListener("message", (event) => this.#postedElsewhere(event.data));
    this.#begin();
  }

  /** @param {string} name */
  #field(name) {
    return /** @type {HTMLInputElement} */ (this.form?.elements.namedItem(name));
  }

  get pictures() {
    return /** @type {DraftPicture[]} */ ([...(this.list?.children || [])]);
  }

  get #products() {
    return /** @type {ProductPicker} */ (this.querySelector("product-picker"));
  }

  // ── the draft ─────────────────────────────────────────────────────────────────────────────

  async #begin() {
    try {
      const stored = await loadDraft(viewer);
      const isFilled = this.pictures.length > 0 || this.#field("text").value !== "";
      if (stored && !isFilled) this.#restore(stored.draft, stored.files);
      else if (stored) this.#isKept = false;
      else if (isFilled) this.#keepRedraft();
    } catch {
      this.#isKept = false; // a private window, perhaps
    }
    this.#update();
    this.dataset.ready = "";
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
      pictures: this.pictures.filter(isKept).map((picture) => picture.draft),
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
    for (const one of draft.pictures) {
      const picture = this.#row();
      picture.draft = one;
      picture.file = files.get(one.key) || null;
      this.#resumePicture(picture);
    }
    this.#say("[data-restored]", texts["draft_restored"]);
    this.#field("text").dispatchEvent(new Event("input", { bubbles: true }));
    this.#isEdited = false;
  }

  /** Show a picture of a kept draft; upload it again if the server has forgotten it. */
  async #resumePicture(/** @type {DraftPicture} */ picture) {
    if (picture.file) picture.preview(URL.createObjectURL(picture.file), "");
    if (!picture.pictureId) return picture.start();
    try {
      const known = await api("GET", `/api/v1/media/${picture.pictureId}`);
      if (!picture.file) picture.preview(known.preview_url, "");
    } catch (error) {
      if (/** @type {ApiError} */ (error).status !== 404) return;
      picture.dataset.id = "";
      if (picture.file) picture.start();
      else picture.fault = texts["picture_lost"];
    }
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
    const isEmpty = !this.pictures.length && !this.#field("text").value;
    const choices = /** @type {[string, string][]} */ ([
      ["discard", texts["discard"]],
      ["", texts["cancel"]],
    ]);
    if (!isEmpty && !(await ask(texts["discard_title"], texts["discard_text"], choices))) return;
    await this.#forget();
    location.replace("/new");
  }

  async #forget() {
    clearTimeout(this.#timer);
    clearTimeout(this.#again);
    if (this.#isKept) await discardDraft(viewer).catch(() => undefined);
    this.#isKept = false;
  }

  /** @param {string} key of a draft that was posted in another tab */
  #postedElsewhere(key) {
    if (key !== this.#key) return;
    if (!this.#isEdited) location.replace("/new");
    else this.#key = crypto.randomUUID();
  }

  // ── pictures ──────────────────────────────────────────────────────────────────────────────

  /** @param {File[]} chosen */
  #add(chosen) {
    const room = Number(this.dataset.pictures) - this.pictures.length;
    if (chosen.length > room) toast(counted("too_many_pictures", Number(this.dataset.pictures)));
    for (const file of chosen.slice(0, Math.max(0, room))) this.#addFile(file);
    this.#edited();
  }

  /** @param {File} file */
  #addFile(file) {
    const picture = this.#row();
    picture.preview(URL.createObjectURL(file), file.name);
    picture.fault = this.#faultOf(file);
    picture.classList.toggle("refused", picture.fault !== "");
    if (picture.fault) return;
    picture.file = file;
    if (this.#isKept) saveFile(viewer, picture.key, file).catch(() => this.#say("[data-state]", texts["draft_not_kept"]));
    picture.start();
  }

  /** @param {File} file */
  #faultOf(file) {
    const most = Number(this.dataset.bytes);
    if (file.type && !file.type.startsWith("image/")) return `${file.name}: ${texts["no_picture"]}`;
    const mib = String(most >> 20);
    if (file.size > most) return `${file.name}: ${texts["too_large"].replace("{mib}", mib)}`;
    return "";
  }

  #row() {
    const template = /** @type {HTMLTemplateElement} */ (this.querySelector("template[data-picture]"));
    const copy = /** @type {DocumentFragment} */ (document.importNode(template.content, true));
    const picture = /** @type {DraftPicture} */ (copy.querySelector("draft-picture"));
    this.list?.append(picture);
    return picture;
  }

  /** @param {Event} event */
  #removed(event) {
    const picture = /** @type {DraftPicture} */ (event.target);
    const next = picture.nextElementSibling || picture.previousElementSibling;
    const focus = next?.querySelector("[data-do=remove]") || this.querySelector("#picker");
    picture.remove();
    /** @type {HTMLElement} */ (focus).focus();
    removeFile(viewer, picture.key).catch(() => undefined);
    this.#edited();
  }

  /** @param {number} place */
  #moved(place) {
    const said = texts["picture_moved"].replace("{place}", String(place));
    this.#say("[data-spoken]", said.replace("{count}", String(this.pictures.length)));
    this.#edited();
  }

  #resume() {
    for (const picture of this.pictures) if (picture.fault) picture.start();
  }

  /** Show what follows from the pictures: whether there is room, and what has no description. */
  #update() {
    this.classList.toggle("full", this.pictures.length >= Number(this.dataset.pictures));
    const bare = this.pictures.filter((picture) => !picture.description).length;
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
      if (!status) return;
      await this.#forget();
      this.#tabs.postMessage(this.#key);
      location.assign(new URL(status.url).pathname);
    } catch (error) {
      this.#notPosted(/** @type {Error} */ (error));
    } finally {
      this.#setSending(false);
    }
  }

  /** The entity Status; null where a picture needs the person first. */
  async #post() {
    await Promise.all(this.pictures.map((picture) => picture.settled));
    const failed = this.pictures.find((picture) => picture.fault || !picture.pictureId);
    if (failed) {
      this.#say("[data-error]", texts["pictures_failed"]);
      failed.querySelector("textarea")?.focus();
      return null;
    }
    await Promise.all(this.pictures.map((picture) => picture.save()));
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
    if (isPostedBefore) this.#key = crypto.randomUUID();
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
    const button = /** @type {HTMLElement} */ (this.querySelector("[data-send]"));
    button.setAttribute("aria-disabled", String(isSending)); // it keeps the focus
    if (isSending && !this.#sends) this.#say("[data-error]", "");
    this.#say("[data-state]", isSending ? texts["sending"] : "");
  }

  /** @param {string} place @param {string} message */
  #say(place, message) {
    const shown = this.querySelector(place);
    if (shown && shown.textContent !== message) shown.textContent = message;
  }
}

/** Whether a draft can keep a picture: not a file that is refused. @param {DraftPicture} picture */
function isKept(picture) {
  return Boolean(picture.file || picture.pictureId);
}

customElements.define("compose-form", ComposeForm);
