// A picture of a post that is written: preview, focus point, description, upload.
//
// It sends `picture-changed` when something of it has to be kept, and `picture-removed`.

import { api, ApiError, newKey } from "./api.js";
import texts from "./texts.js";
import { upload } from "./upload.js";

const RETRY_AFTER = 5000; // milliseconds; by itself, where the connection or the server failed
const MAX_RETRIES = 10;

export class DraftPicture extends HTMLElement {
  /** @type {Blob | null} */
  file = null;
  /** @type {string} */
  key = newKey();
  /** What the server has of the description and the focus. */
  #saved = "";
  /** @type {AbortController | null} */
  #upload = null;
  /** @type {Promise<void>} */
  #settled = Promise.resolve();
  #retries = 0;
  #isWired = false;

  connectedCallback() {
    if (this.#isWired) return; // it was moved
    this.#isWired = true;
    this.#saved = this.#words;
    this.querySelector(".preview")?.addEventListener("click", (event) =>
      this.#point(/** @type {MouseEvent} */ (event)),
    );
    this.addEventListener("click", (event) => this.#clicked(event));
    this.#select.addEventListener("change", () => this.#mark());
    this.#mark();
  }

  /** The id of the uploaded picture; empty before. */
  get pictureId() {
    return this.dataset.id || "";
  }

  get #select() {
    return /** @type {HTMLSelectElement} */ (this.querySelector(".focal select"));
  }

  get #text() {
    return /** @type {HTMLTextAreaElement} */ (this.querySelector(".described textarea"));
  }

  get description() {
    return this.#text.value.trim();
  }

  get focusPoint() {
    return this.#select.value;
  }

  get #words() {
    return JSON.stringify([this.description, this.focusPoint]);
  }

  /** What is wrong with it, or an empty string. */
  get fault() {
    return this.querySelector(".fault")?.textContent || "";
  }

  set fault(message) {
    const place = this.querySelector(".fault");
    if (place) place.textContent = message;
  }

  /** What a draft keeps of it. */
  get draft() {
    const { key, pictureId: id, description, focusPoint: focus } = this;
    return { key, id, description, focus };
  }

  /** @param {{ key: string, id: string, description: string, focus: string }} draft */
  set draft({ key, id, description, focus }) {
    this.key = key;
    this.dataset.id = id;
    this.#text.value = description;
    this.#setFocus(focus);
    this.#saved = ""; // whether the server has heard of it is not known
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("picture-changed", { bubbles: true }));
  }

  // ── preview and focus ─────────────────────────────────────────────────────────────────────

  /** @param {string} source @param {string} name what is shown where the browser cannot draw it */
  preview(source, name) {
    const place = /** @type {Element} */ (this.querySelector(".preview"));
    const image = document.createElement("img");
    image.alt = "";
    image.addEventListener("error", () => image.replaceWith(name));
    image.src = source;
    place.querySelector("img")?.remove();
    place.prepend(image);
  }

  /** @param {MouseEvent} event */
  #point(event) {
    const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 2 - 1;
    const y = 1 - ((event.clientY - box.top) / box.height) * 2;
    this.#setFocus(`${x.toFixed(2)},${y.toFixed(2)}`);
    this.#changed();
  }

  /** @param {string} point */
  #setFocus(point) {
    const select = this.#select;
    select.value = point;
    if (select.value !== point) {
      select.querySelector("[data-marked]")?.remove();
      const option = new Option(texts["focus_marked"], point, false, true);
      option.dataset.marked = "";
      select.add(option);
    }
    this.#mark();
  }

  #mark() {
    const mark = /** @type {HTMLElement} */ (this.querySelector(".mark"));
    const [x, y] = this.focusPoint.split(",").map(Number);
    mark.style.left = `${(x + 1) * 50}%`;
    mark.style.top = `${(1 - y) * 50}%`;
  }

  // ── upload ────────────────────────────────────────────────────────────────────────────────

  /** Upload the file; again, after a failure. */
  start() {
    if (!this.file || this.#upload) return;
    this.#settled = this.#send(this.file);
  }

  /** @param {Blob} file */
  async #send(file) {
    const { description, focusPoint: focus } = this;
    const sent = this.#words;
    this.#upload = new AbortController();
    this.fault = "";
    this.#show("uploading");
    try {
      const made = await upload(file, { description, focus }, (part) => this.#progress(part), this.#upload.signal);
      this.dataset.id = made.id;
      this.#saved = sent;
      this.#retries = 0;
      this.#show("done");
    } catch (error) {
      this.#failed(/** @type {Error} */ (error));
    } finally {
      this.#upload = null;
    }
    this.#changed();
  }

  /** @param {Error} error */
  #failed(error) {
    const isAborted = error.name === "AbortError";
    const status = error instanceof ApiError ? error.status : 0;
    const isRefused = status >= 400 && status < 500 && status !== 429;
    this.fault = isAborted
      ? texts["upload_canceled"]
      : status === 429
        ? texts["too_many_uploads"]
        : error.message;
    this.#show(isRefused ? "done" : "failed");
    if (isRefused) this.file = null;
    this.classList.toggle("refused", isRefused && !this.description);
    const isTrouble = !isAborted && (status === 0 || status >= 500);
    if (!isTrouble || this.#retries++ >= MAX_RETRIES) return;
    setTimeout(() => this.isConnected && this.fault && this.start(), RETRY_AFTER);
  }

  /** @param {"uploading" | "failed" | "done"} state */
  #show(state) {
    const box = /** @type {HTMLElement} */ (this.querySelector(".upload"));
    const [bar, cancel, retry] = /** @type {HTMLCollectionOf<HTMLElement>} */ (box.children);
    box.hidden = state === "done";
    bar.hidden = cancel.hidden = state === "failed";
    retry.hidden = state === "uploading";
    this.toggleAttribute("aria-busy", state === "uploading");
    if (state === "uploading") this.#progress(0);
  }

  /** @param {number} part */
  #progress(part) {
    /** @type {HTMLProgressElement} */ (this.querySelector("progress")).value = part;
  }

  /** Wait until the upload has ended. */
  get settled() {
    return this.#settled;
  }

  /** Tell the server the description and the focus, where it has others. */
  async save() {
    const words = this.#words;
    if (!this.pictureId || words === this.#saved) return;
    const body = { description: this.description, focus: this.focusPoint };
    await api("PUT", `/api/v1/media/${this.pictureId}`, body);
    this.#saved = words;
  }

  /** @param {Event} event */
  #clicked(event) {
    const button = /** @type {Element} */ (event.target).closest("[data-do]");
    const act = /** @type {HTMLElement | null} */ (button)?.dataset.do;
    if (act === "cancel") this.#upload?.abort();
    if (act === "retry") this.start();
    if (act === "remove") this.#remove();
  }

  #remove() {
    this.#upload?.abort();
    this.dispatchEvent(new CustomEvent("picture-removed", { bubbles: true }));
  }
}

customElements.define("draft-picture", DraftPicture);
