// A file field that shows the picture, and that refuses what the server would refuse: what is no
// picture, and files of more than `data-bytes`.

import texts from "./texts.js";

export class PictureField extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    input?.addEventListener("change", () => this.#chosen(input));
  }

  /** @param {HTMLInputElement} input */
  #chosen(input) {
    const file = input.files?.[0];
    this.querySelector("img")?.remove();
    const fault = file ? this.#fault(file) : "";
    input.setCustomValidity(fault);
    if (fault) input.reportValidity();
    else if (file) this.#preview(file);
  }

  /** @param {File} file */
  #fault(file) {
    if (!file.type.startsWith("image/")) return texts["not_a_picture"];
    const most = Number(this.dataset.bytes);
    return file.size > most ? texts["picture_too_large"].replace("{mib}", String(most >> 20)) : "";
  }

  /** @param {File} file */
  #preview(file) {
    const image = new Image();
    const url = URL.createObjectURL(file);
    image.className = "uploaded";
    image.alt = "";
    image.onload = image.onerror = () => URL.revokeObjectURL(url);
    image.src = url;
    this.append(image);
  }
}

customElements.define("picture-field", PictureField);
