// The text of a post: how long it is, and completion of @names and #hashtags.

import { request } from "./api.js";
import { Completion } from "./completion.js";
import texts from "./texts.js";

const TYPED = /(?:^|[^\p{L}\p{N}_/&#@])([@#])([\p{L}\p{N}_]{1,40})$/u;
const LINK = /https?:\/\/[^\s"<>\\^`]+/giu;
const HANDLE = /(@\w+)@[\w.-]+/gu; // its server does not count
const SUGGESTIONS = 5;

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const number = new Intl.NumberFormat(document.documentElement.lang);

/** @param {string} text */
const graphemes = (text) => [...segmenter.segment(text)].length;

export class PostText extends HTMLElement {
  connectedCallback() {
    this.field = /** @type {HTMLTextAreaElement} */ (this.querySelector("textarea"));
    new Completion(
      this.field,
      () => this.#find(),
      (choice) => this.#insert(choice.value),
    );
    this.field.form?.addEventListener("input", () => this.count());
    this.count();
  }

  /** The characters of the text and its content warning, as the server counts them. */
  get length() {
    const field = /** @type {HTMLTextAreaElement} */ (this.field);
    const spoiler = field.form?.elements.namedItem("spoiler_text");
    const short = field.value
      .replace(LINK, "x".repeat(Number(this.dataset.link)))
      .replace(HANDLE, "$1");
    return graphemes(short) + graphemes(/** @type {HTMLInputElement | null} */ (spoiler)?.value || "");
  }

  /** Show how many characters there are. */
  count() {
    const most = Number(this.dataset.characters);
    const { length } = this;
    const tally = /** @type {Element} */ (this.querySelector("[data-tally]"));
    const isOver = length > most;
    tally.textContent = `${number.format(length)} / ${number.format(most)}`;
    tally.classList.toggle("over", isOver);
    if (isOver) tally.textContent += ` ${texts["too_long"]}`;
    tally.setAttribute("aria-live", isOver ? "polite" : "off");
    this.field?.toggleAttribute("aria-invalid", isOver);
  }

  /** The start of the name or tag before the cursor, with what begins there. */
  #typed() {
    const field = /** @type {HTMLTextAreaElement} */ (this.field);
    const before = field.value.slice(0, field.selectionEnd);
    const match = TYPED.exec(before);
    return match && { sign: match[1], word: match[2], start: before.length - match[2].length - 1 };
  }

  #find() {
    const typed = this.#typed();
    if (!typed) return null;
    return typed.sign === "@" ? people(typed.word) : hashtags(typed.word);
  }

  /** @param {string} word with its sign */
  #insert(word) {
    const typed = this.#typed();
    const field = /** @type {HTMLTextAreaElement} */ (this.field);
    if (!typed) return;
    field.setRangeText(`${word} `, typed.start, field.selectionEnd, "end");
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
}

/** @param {string} word @returns {Promise<import("./completion.js").Choice[]>} */
async function people(word) {
  const query = new URLSearchParams({ q: word, limit: String(SUGGESTIONS) });
  const found = await request("GET", `/api/v1/accounts/search?${query}`);
  return found.map((/** @type {any} */ account) => ({
    label: account.display_name || account.username,
    detail: `@${account.acct}`,
    image: account.avatar,
    isPerson: true,
    value: `@${account.acct}`,
  }));
}

/** @param {string} word @returns {Promise<import("./completion.js").Choice[]>} */
async function hashtags(word) {
  const query = new URLSearchParams({ q: `#${word}`, type: "hashtags", limit: String(SUGGESTIONS) });
  const found = await request("GET", `/api/v2/search?${query}`);
  return found.hashtags.map((/** @type {any} */ tag) => ({
    label: `#${tag.name}`,
    value: `#${tag.name}`,
  }));
}

customElements.define("post-text", PostText);
