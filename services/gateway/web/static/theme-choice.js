// The choice of the theme. `theme.js` applies it.

class ThemeChoice extends HTMLElement {
  connectedCallback() {
    const fieldset = this.querySelector("fieldset");
    if (fieldset) fieldset.disabled = false;
    const theme = document.documentElement.dataset.theme || "system";
    for (const choice of this.querySelectorAll("input")) choice.checked = choice.value === theme;
    this.addEventListener("change", (event) => {
      this.#choose(/** @type {HTMLInputElement} */ (event.target).value);
    });
  }

  /** @param {string} theme */
  #choose(theme) {
    if (theme === "system") {
      localStorage.removeItem("theme");
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem("theme", theme);
      document.documentElement.dataset.theme = theme;
    }
  }
}

customElements.define("theme-choice", ThemeChoice);
