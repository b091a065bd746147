// The choice of the theme: the device's, light, dark. `theme.js` applies it.

const THEMES = ["device", "light", "dark"];

class ThemeButton extends HTMLElement {
  connectedCallback() {
    const button = this.querySelector("button");
    if (!button) return;
    this.hidden = false;
    this.#name(button);
    button.addEventListener("click", () => {
      const next = THEMES[(THEMES.indexOf(this.#chosen()) + 1) % THEMES.length];
      this.#choose(next);
      this.#name(button);
    });
  }

  #chosen() {
    return document.documentElement.dataset.theme || "device";
  }

  /** @param {HTMLButtonElement} button */
  #name(button) {
    button.textContent = `Theme: ${this.#chosen()}`;
  }

  /** @param {string} theme */
  #choose(theme) {
    if (theme === "device") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    try {
      if (theme === "device") localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch {} // storage is forbidden: the choice holds for this page
  }
}

customElements.define("theme-button", ThemeButton);
