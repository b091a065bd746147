// Whether keys do something. `shortcuts.js` reads the choice.

class ShortcutsChoice extends HTMLElement {
  connectedCallback() {
    const fieldset = /** @type {HTMLFieldSetElement} */ (this.querySelector("fieldset"));
    const box = /** @type {HTMLInputElement} */ (this.querySelector("input"));
    fieldset.disabled = false;
    box.checked = localStorage.getItem("shortcuts") !== "off";
    box.addEventListener("change", () => {
      if (box.checked) localStorage.removeItem("shortcuts");
      else localStorage.setItem("shortcuts", "off");
    });
  }
}

customElements.define("shortcuts-choice", ShortcutsChoice);
