// The pictures of a new post: added, put in order, removed, uploaded.
//
// It sends `picture-changed` when something of them has to be kept, as its pictures do.

import { api, ApiError, counted, toast, viewer } from "./api.js";
import { DraftPicture } from "./draft-picture.js";
import { removeFile, saveFile } from "./drafts.js";
import { reorderable } from "./reorder.js";
import texts from "./texts.js";

export class PictureList extends HTMLElement {
  /** Whether files are kept in the browser. */
  isKept = true;

  connectedCallback() {
    reorderable(this, (_, place) => this.#moved(place));
    this.addEventListener("picture-removed", (event) => this.#removed(event));
    addEventListener("online", () => this.#resume());
  }

  get pictures() {
    return /** @type {DraftPicture[]} */ ([...this.children]);
  }

  /** The most pictures that a post can have. */
  get most() {
    return Number(this.dataset.pictures);
  }

  /** How many pictures have no description. */
  get bare() {
    return this.pictures.filter((picture) => !picture.description).length;
  }

  /** What a draft keeps of the pictures, without files that are refused. */
  get drafts() {
    return this.pictures
      .filter((picture) => picture.file || picture.pictureId)
      .map((picture) => picture.draft);
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("picture-changed", { bubbles: true }));
  }

  /**
   * Add files, and upload them. What is wrong with one is said beside it.
   * @param {File[]} files
   */
  add(files) {
    const room = Math.max(0, this.most - this.pictures.length);
    if (files.length > room) toast(counted("too_many_pictures", this.most));
    for (const file of files.slice(0, room)) this.#addFile(file);
    this.#changed();
  }

  /** @param {File} file */
  #addFile(file) {
    const picture = this.#row();
    picture.preview(URL.createObjectURL(file), file.name);
    picture.fault = this.#faultOf(file);
    picture.classList.toggle("refused", picture.fault !== "");
    if (picture.fault) return;
    picture.file = file;
    if (this.isKept) saveFile(viewer, picture.key, file).catch(() => toast(texts["draft_not_kept"]));
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
    const template = /** @type {HTMLTemplateElement} */ (document.getElementById("picture"));
    const copy = document.importNode(template.content, true);
    const picture = /** @type {DraftPicture} */ (copy.querySelector("draft-picture"));
    this.append(picture);
    return picture;
  }

  /**
   * Show the pictures of a kept draft.
   * @param {DraftPicture["draft"][]} drafts
   * @param {Map<string, Blob>} files
   */
  restore(drafts, files) {
    for (const draft of drafts) {
      const picture = this.#row();
      picture.draft = draft;
      picture.file = files.get(draft.key) || null;
      restorePicture(picture);
    }
  }

  /** @param {Event} event */
  #removed(event) {
    const picture = /** @type {DraftPicture} */ (event.target);
    const next = picture.nextElementSibling || picture.previousElementSibling;
    const focus = next?.querySelector("[data-do=remove]") || document.getElementById("picker");
    picture.remove();
    /** @type {HTMLElement} */ (focus).focus();
    removeFile(viewer, picture.key).catch(() => undefined);
    this.#changed();
  }

  /** @param {number} place */
  #moved(place) {
    const said = texts["picture_moved"].replace("{place}", String(place));
    const spoken = /** @type {Element} */ (document.getElementById("spoken"));
    spoken.textContent = said.replace("{count}", String(this.pictures.length));
    this.#changed();
  }

  #resume() {
    for (const picture of this.pictures) if (picture.fault) picture.start();
  }

  /** Wait until all uploads have ended. Gives the first picture that is not uploaded. */
  async settled() {
    await Promise.all(this.pictures.map((picture) => picture.settled));
    return this.pictures.find((picture) => picture.fault || !picture.pictureId);
  }

  /** Tell the server the descriptions and focus points that it does not have. */
  async save() {
    await Promise.all(this.pictures.map((picture) => picture.save()));
  }
}

/**
 * Show a picture of a kept draft; upload it again if the server has forgotten it.
 * @param {DraftPicture} picture
 */
async function restorePicture(picture) {
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

customElements.define("picture-list", PictureList);
