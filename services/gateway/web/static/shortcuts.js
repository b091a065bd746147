// Keys. `?` shows them all.

import { PostCard } from "./post-card.js";
import texts from "./texts.js";

const GO = { h: "home", e: "explore", n: "notifications", m: "messages", s: "shop", p: "profile" };
const AFTER_G = 1500; // milliseconds

let wasG = -Infinity;

/** @param {string} place */
function go(place) {
  const link = document.querySelector(`.places a[data-place="${place}"]`);
  /** @type {HTMLAnchorElement | null} */ (link)?.click();
}

/** The card that has the focus, or the first one that is in view. */
function current() {
  const focused = document.activeElement?.closest("post-card");
  if (focused) return /** @type {PostCard} */ (focused);
  const cards = [...document.querySelectorAll("post-card")];
  const visible = cards.find((card) => card.getBoundingClientRect().bottom > 80);
  return /** @type {PostCard | undefined} */ (visible);
}

/** @param {number} step */
function move(step) {
  const cards = [...document.querySelectorAll("post-card")];
  const focused = document.activeElement?.closest("post-card");
  const from = focused ? cards.indexOf(focused) + step : cards.indexOf(/** @type {Element} */ (current()));
  const article = cards[from]?.querySelector("article");
  article?.focus({ preventScroll: true });
  article?.scrollIntoView({ block: "start" });
}

/** Show the list of keys: the texts `keys.…`. */
function showKeys() {
  const dialog = document.createElement("dialog");
  dialog.className = "keys";
  const title = document.createElement("h2");
  title.textContent = texts["keys.title"];
  const list = document.createElement("dl");
  for (const [name, meaning] of Object.entries(texts)) {
    if (!name.startsWith("keys.") || name === "keys.title") continue;
    const row = document.createElement("div");
    const keys = document.createElement("dt");
    const what = document.createElement("dd");
    for (const key of name.slice(5).split(" ")) {
      const shown = document.createElement("kbd");
      shown.textContent = key;
      keys.append(shown, " ");
    }
    what.textContent = meaning;
    row.append(keys, what);
    list.append(row);
  }
  const form = document.createElement("form");
  form.method = "dialog";
  const close = document.createElement("button");
  close.className = "button small";
  close.textContent = texts["close"];
  form.append(close);
  dialog.append(title, list, form);
  dialog.setAttribute("aria-label", texts["keys.title"]);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** @type {Record<string, () => void>} */
const KEYS = {
  "?": showKeys,
  j: () => move(1),
  k: () => move(-1),
  o: () => {
    const link = current()?.querySelector("a.moment");
    if (link instanceof HTMLAnchorElement) link.click();
  },
  l: () => void current()?.toggle("favourite"),
  b: () => void current()?.toggle("reblog"),
  c: () => void current()?.focusReply(),
  n: () => go("new"),
  "/": () => {
    const field = document.querySelector("form.search input");
    if (field instanceof HTMLElement) field.focus();
    else location.assign("/explore#search");
  },
};

addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const isTyping = target.closest("input, textarea, select, [contenteditable], dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.timeStamp - wasG < AFTER_G) {
    const place = GO[/** @type {keyof typeof GO} */ (event.key)];
    wasG = -Infinity;
    if (place) return go(place);
  }
  if (event.key === "g") wasG = event.timeStamp;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
