// The map: the lines of the node that is pointed at, or has the focus, stand out.

class ServiceMap extends HTMLElement {
  connectedCallback() {
    for (const name of ["pointerover", "focusin"]) {
      this.addEventListener(name, (event) => this.#show(/** @type {Element} */ (event.target)));
    }
    for (const name of ["pointerleave", "focusout"]) {
      this.addEventListener(name, () => this.#show(null));
    }
  }

  /** @param {Element | null} target */
  #show(target) {
    const node = target?.closest("[data-node]")?.getAttribute("data-node");
    this.querySelector("svg")?.classList.toggle("focused", Boolean(node));
    for (const line of this.querySelectorAll("path[data-source]")) {
      const ends = [line.getAttribute("data-source"), line.getAttribute("data-target")];
      line.classList.toggle("near", Boolean(node) && ends.includes(node || ""));
    }
  }
}

customElements.define("service-map", ServiceMap);
