// Crops the picture that a file field holds: by dragging, or by sliders that the keyboard moves.
//
// The form is sent as without scripts, with the cropped picture in place of the chosen one. A
// picture that the browser cannot read is sent as it is: the server crops it to the centre.

import texts from "./texts.js";

const QUALITY = 0.9;
const MAX_ZOOM = 4;

class CropPicture extends HTMLElement {
  /** @type {ImageBitmap | null} */
  #picture = null;
  #name = "";
  #canvas = document.createElement("canvas");
  #zoom = this.#slider("crop.zoom", 1, MAX_ZOOM, 1);
  #across = this.#slider("crop.across", 0, 1, 0.5);
  #down = this.#slider("crop.down", 0, 1, 0.5);
  #panel = document.createElement("div");

  connectedCallback() {
    const field = this.#field;
    field.addEventListener("change", () => this.#choose(field));
    field.form?.addEventListener("submit", () => this.#put(field));
    this.#build();
  }

  get #field() {
    return /** @type {HTMLInputElement} */ (this.querySelector("input[type=file]"));
  }

  #build() {
    this.#canvas.width = Number(this.dataset.width);
    this.#canvas.height = Number(this.dataset.height);
    this.#canvas.setAttribute("role", "img");
    this.#canvas.setAttribute("aria-label", texts["crop.label"]);
    this.#canvas.addEventListener("pointerdown", (event) => this.#drag(event));
    const hint = document.createElement("p");
    hint.className = "hint";
    hint.textContent = texts["crop.hint"];
    this.#panel.className = "crop";
    this.#panel.hidden = true;
    const sliders = [this.#zoom, this.#across, this.#down];
    this.#panel.append(this.#canvas, hint, ...sliders.map((slider) => slider.label));
    for (const slider of sliders) slider.input.addEventListener("input", () => this.#draw());
    this.#field.closest("p")?.after(this.#panel);
  }

  /** @param {string} text @param {number} min @param {number} max @param {number} value */
  #slider(text, min, max, value) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.type = "range";
    Object.assign(input, { min: String(min), max: String(max), step: "0.01" });
    input.value = String(value);
    label.append(texts[text], " ", input);
    return { label, input, value };
  }

  /** @param {HTMLInputElement} field */
  async #choose(field) {
    const file = field.files?.[0];
    this.#picture?.close();
    this.#picture = null;
    this.#panel.hidden = true;
    if (!file) return;
    try {
      const picture = await createImageBitmap(file);
      if (field.files?.[0] !== file) return picture.close(); // another one was chosen meanwhile
      this.#picture = picture;
    } catch {
      return;
    }
    this.#name = file.name;
    for (const { input, value } of [this.#zoom, this.#across, this.#down]) input.value = String(value);
    this.#panel.hidden = false;
    this.#draw();
  }

  /** The part of the picture that is shown: its corner and size, in pixels of the picture. */
  #part() {
    const picture = /** @type {ImageBitmap} */ (this.#picture);
    const { width, height } = this.#canvas;
    const scale = Math.min(picture.width / width, picture.height / height) / Number(this.#zoom.input.value);
    const part = { width: width * scale, height: height * scale };
    const left = (picture.width - part.width) * Number(this.#across.input.value);
    const top = (picture.height - part.height) * Number(this.#down.input.value);
    return { left, top, ...part };
  }

  #draw() {
    if (!this.#picture) return;
    const context = this.#canvas.getContext("2d");
    if (!context) return;
    const { left, top, width, height } = this.#part();
    const { width: wide, height: high } = this.#canvas;
    context.fillStyle = "#fff"; // behind transparent pictures
    context.fillRect(0, 0, wide, high);
    context.drawImage(this.#picture, left, top, width, height, 0, 0, wide, high);
  }

  /** @param {PointerEvent} start */
  #drag(start) {
    if (!this.#picture) return;
    const picture = this.#picture;
    const part = this.#part();
    const scale = part.width / this.#canvas.clientWidth;
    const controller = new AbortController();
    this.#canvas.setPointerCapture(start.pointerId);
    /** @param {PointerEvent} event */
    const move = (event) => {
      const left = part.left - (event.clientX - start.clientX) * scale;
      const top = part.top - (event.clientY - start.clientY) * scale;
      this.#across.input.value = String(left / (picture.width - part.width || 1));
      this.#down.input.value = String(top / (picture.height - part.height || 1));
      this.#draw();
    };
    const stop = () => controller.abort();
    this.#canvas.addEventListener("pointermove", move, { signal: controller.signal });
    this.#canvas.addEventListener("pointerup", stop, { signal: controller.signal });
    this.#canvas.addEventListener("pointercancel", stop, { signal: controller.signal });
  }

  /**
   * Put the cropped picture into the field. It is done at once, before the form is sent.
   * @param {HTMLInputElement} field
   */
  #put(field) {
    if (!this.#picture) return;
    const code = this.#canvas.toDataURL("image/jpeg", QUALITY).split(",")[1];
    const bytes = Uint8Array.from(atob(code), (character) => character.charCodeAt(0));
    const files = new DataTransfer();
    const name = this.#name.replace(/(\.\w+)?$/, ".jpg");
    files.items.add(new File([bytes], name, { type: "image/jpeg" }));
    field.files = files.files;
  }
}

customElements.define("crop-picture", CropPicture);
