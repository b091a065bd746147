// Suggestions below a field: a list box that the arrow keys move in (WAI-ARIA, combobox pattern).
//
// No suggestion is active until an arrow key is pressed, so no other key takes one that nobody chose.

import { counted } from "./api.js";
import texts from "./texts.js";

const PAUSE = 150; // milliseconds without a key before it asks

/**
 * What one can choose.
 * @typedef {object} Choice
 * @property {string} label
 * @property {string} [detail]
 * @property {string} [image]
 * @property {boolean} [isPerson] whether the image is an avatar
 * @property {any} value
 */

let lists = 0;

export class Completion {
  /** @type {Choice[]} */
  #choices = [];
  #active = -1; // none
  #asked = 0;
  #timer = 0;

  /**
   * @param {HTMLInputElement | HTMLTextAreaElement} field
   * @param {() => Promise<Choice[]> | null} find null where there is nothing to complete
   * @param {(choice: Choice) => void} choose
   */
  constructor(field, find, choose) {
    this.field = field;
    this.find = find;
    this.choose = choose;
    this.list = document.createElement("ul");
    this.list.id = `completions-${++lists}`;
    this.list.className = "completions";
    this.list.hidden = true;
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", texts["suggestions_label"]);
    this.said = document.createElement("span");
    this.said.className = "sr";
    this.said.setAttribute("role", "status");
    field.after(this.list, this.said);
    this.#describe();
    field.addEventListener("input", () => this.ask());
    field.addEventListener("keydown", (event) => this.#key(/** @type {KeyboardEvent} */ (event)));
    field.addEventListener("blur", () => this.close());
    this.list.addEventListener("pointerdown", (event) => this.#pointed(event));
  }

  #describe() {
    const { field } = this;
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", this.list.id);
    if (field instanceof HTMLInputElement) {
      field.setAttribute("role", "combobox");
      field.setAttribute("aria-expanded", "false");
    }
  }

  /** Look for suggestions once the typing pauses. */
  ask() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), PAUSE);
  }

  async #ask() {
    const number = ++this.#asked;
    const found = this.find();
    const choices = found ? await found.catch(() => []) : [];
    if (number === this.#asked && document.activeElement === this.field) this.#open(choices);
  }

  /** @param {Choice[]} choices */
  #open(choices) {
    if (!choices.length) return this.close();
    this.#choices = choices;
    this.list.replaceChildren(...choices.map((choice, index) => this.#option(choice, index)));
    this.list.hidden = false;
    this.said.textContent = counted("suggestions", choices.length);
    if (this.field.getAttribute("role")) this.field.setAttribute("aria-expanded", "true");
    this.#active = -1;
    this.field.removeAttribute("aria-activedescendant");
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked++;
    this.list.hidden = true;
    this.said.textContent = "";
    if (this.field.getAttribute("role")) this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  /** @param {Choice} choice @param {number} index */
  #option(choice, index) {
    const option = document.createElement("li");
    option.id = `${this.list.id}-${index}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    if (choice.image) {
      const image = document.createElement("img");
      image.src = choice.image;
      image.alt = "";
      image.className = choice.isPerson ? "face" : "";
      option.append(image);
    }
    const label = document.createElement("span");
    label.textContent = choice.label;
    label.dir = "auto";
    option.append(label);
    if (choice.detail) {
      const detail = document.createElement("span");
      detail.textContent = choice.detail;
      detail.className = "hint";
      option.append(detail);
    }
    return option;
  }

  /** @param {number} index */
  #activate(index) {
    this.#active = (index + this.#choices.length) % this.#choices.length;
    [...this.list.children].forEach((option, at) => {
      option.setAttribute("aria-selected", String(at === this.#active));
      if (at !== this.#active) return;
      this.field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (this.list.hidden || event.isComposing) return;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => this.#activate(this.#active + 1),
      ArrowUp: () => this.#activate(Math.max(this.#active, 0) - 1),
      Escape: () => this.close(),
    };
    if (this.#active >= 0) keys.Enter = () => this.#take(this.#active);
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }

  /** @param {PointerEvent} event */
  #pointed(event) {
    event.preventDefault(); // the field keeps the focus
    const option = /** @type {Element} */ (event.target).closest("[role=option]");
    if (option) this.#take([...this.list.children].indexOf(option));
  }

  /** @param {number} index */
  #take(index) {
    const choice = this.#choices[index];
    this.close();
    this.choose(choice);
  }
}
