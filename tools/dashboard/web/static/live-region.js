// A part of the page that is fetched again while it is seen: each thing has one template.

import { morph } from "./morph.js";
import { fetchPage, messageOf, Refused, say } from "./pages.js";

const SLOWEST = 15_000; // milliseconds between two attempts while the dashboard does not answer
const REST = 4; // times as long as an answer took is the pause after it, at least: some are searches

export class LiveRegion extends HTMLElement {
  #paused = false;
  #failures = 0;
  #timer = 0;
  #took = 0; // milliseconds
  #trouble = "";
  /** @type {AbortController | null} */
  #request = null;
  #shown = ""; // the version of the page that is shown

  connectedCallback() {
    const button = this.#button;
    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => this.#pause(!this.#paused));
    }
    document.addEventListener("visibilitychange", this.#seen);
    this.#show();
    this.#schedule();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#seen);
    this.#stop();
  }

  #seen = () => {
    if (document.hidden) this.#stop();
    else void this.refresh();
  };

  get #button() {
    const found = document.querySelector("button[data-live]");
    return found instanceof HTMLButtonElement ? found : null;
  }

  /**
   * Fetch the page of the address, and show what changed.
   * @param {string} working what the page says meanwhile, to a person who asked for it
   */
  async refresh(working = "") {
    this.#stop();
    const request = (this.#request = new AbortController());
    const began = performance.now();
    if (working) this.#show(working);
    try {
      const found = await fetchPage(location.href, { signal: request.signal, known: this.#shown });
      if (request.signal.aborted) return;
      if (found) this.take(found.page, found.version);
      this.#failures = 0;
    } catch (error) {
      if (request.signal.aborted) return;
      this.#failures += 1;
      this.#trouble = error instanceof TypeError ? "No answer" : "Failed";
      if (working) say(messageOf(error));
      if (error instanceof Refused) this.#paused = true;
    }
    this.#took = performance.now() - began;
    this.#show();
    this.#schedule();
  }

  /**
   * Show what a newer page has in this place.
   * @param {Document} page
   * @param {string} version
   */
  take(page, version = "") {
    const newer = page.querySelector("live-region");
    if (newer) morph(this, newer);
    this.#shown = version;
  }

  /** @param {boolean} paused */
  #pause(paused) {
    this.#paused = paused;
    this.#failures = 0;
    this.#show();
    if (paused) this.#stop();
    else void this.refresh();
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#request?.abort();
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (this.#paused || document.hidden || !this.#button) return;
    const period = 1000 * Number(this.dataset.every || 2);
    const pause = Math.max(period, REST * this.#took);
    const wait = Math.min(pause * 2 ** this.#failures, Math.max(pause, SLOWEST));
    this.#timer = setTimeout(() => void this.refresh(), wait);
  }

  /**
   * Show the state beside the button.
   * @param {string} working
   */
  #show(working = "") {
    const button = this.#button;
    const state = document.querySelector("[data-live-state]");
    const isOff = this.#failures > 0;
    if (button) button.textContent = this.#paused ? "Continue" : "Pause";
    if (!state) return;
    state.className = `live ${isOff ? "off" : this.#paused ? "" : "on"}`;
    const text = working ? working : isOff ? this.#trouble : this.#paused ? "Paused" : "Live";
    if (state.textContent !== text) state.textContent = text;
  }
}

customElements.define("live-region", LiveRegion);
