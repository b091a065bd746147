// Several pictures beside each other. Swiping is the browser's own; this adds arrows and "2/5".

import texts from "./texts.js";

export class PhotoCarousel extends HTMLElement {
  #isWired = false;

  connectedCallback() {
    const slides = this.querySelector(".slides");
    if (this.#isWired || !slides || slides.children.length < 2) return;
    this.#isWired = true;
    // The HTML of a list that was kept has arrows, to which nobody listens.
    for (const old of this.querySelectorAll(":scope > .arrow, :scope > .position")) old.remove();
    this.slides = slides;
    this.position = document.createElement("span");
    this.position.className = "position";
    this.position.setAttribute("aria-live", "polite");
    this.append(this.#arrow("previous", -1), this.#arrow("next", 1), this.position);
    slides.addEventListener("scroll", () => this.#show(), { passive: true });
    this.addEventListener("keydown", (event) => this.#key(event));
    this.#show();
  }

  /** @param {"previous" | "next"} name @param {number} step */
  #arrow(name, step) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `arrow ${name}`;
    button.setAttribute("aria-label", texts[name]);
    button.addEventListener("click", () => this.move(step));
    return button;
  }

  /** The number of the picture that is shown, from 0. */
  get index() {
    const slides = /** @type {Element} */ (this.slides);
    return Math.round(Math.abs(slides.scrollLeft) / Math.max(1, slides.clientWidth));
  }

  /** @param {number} step */
  move(step) {
    const slides = /** @type {Element} */ (this.slides);
    const to = Math.min(slides.children.length - 1, Math.max(0, this.index + step));
    const sign = getComputedStyle(this).direction === "rtl" ? -1 : 1;
    slides.scrollTo({ left: sign * to * slides.clientWidth });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1 };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (!step || event.target instanceof HTMLTextAreaElement) return;
    event.preventDefault();
    event.stopPropagation();
    this.move(getComputedStyle(this).direction === "rtl" ? -step : step);
  }

  #show() {
    const slides = /** @type {Element} */ (this.slides);
    const index = this.index;
    const position = /** @type {Element} */ (this.position);
    const shown = `${index + 1}/${slides.children.length}`;
    if (position.textContent !== shown) position.textContent = shown;
    this.toggleAttribute("at-start", index === 0);
    this.toggleAttribute("at-end", index === slides.children.length - 1);
  }
}

customElements.define("photo-carousel", PhotoCarousel);
