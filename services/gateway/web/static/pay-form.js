// The form of a payment. It shows that it was sent. Two clicks make one order without it, too.

import texts from "./texts.js";

export class PayForm extends HTMLElement {
  connectedCallback() {
    this.addEventListener("submit", () => this.#sent());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  #sent() {
    const button = this.querySelector("button");
    if (!button) return;
    // Only after the form was sent: a disabled button would keep the browser from sending it.
    setTimeout(() => {
      button.disabled = true;
      button.textContent = texts["paying"];
    });
  }
}

customElements.define("pay-form", PayForm);
