// Keys. `?` shows them all. `shortcuts-choice.js` switches them off.

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

const ITEMS = "[data-cursor]"; // of lists: posts, tiles, notifications

/** The item that has the focus, or the first one that is in view. */
function current() {
  const items = [...document.querySelectorAll(ITEMS)];
  const focused = document.activeElement?.closest(ITEMS);
  return focused || items.find((item) => item.getBoundingClientRect().bottom > 80);
}

/** The current item if it is a post. */
function card() {
  const item = current();
  return item instanceof PostCard ? item : null;
}

/**
 * The link to what an item is about.
 * @param {Element | undefined} item
 */
function linkOf(item) {
  const selectors = ["a.moment", "a.about", "a[href]"];
  const links = selectors.map((selector) => item?.querySelector(selector));
  return /** @type {HTMLAnchorElement | undefined} */ (links.find(Boolean));
}

/** @param {number} step */
function move(step) {
  const items = [...document.querySelectorAll(ITEMS)];
  const focused = document.activeElement?.closest(ITEMS);
  const from = items.indexOf(/** @type {Element} */ (current()));
  const item = items[focused ? from + step : from];
  const place = item?.querySelector("article") || linkOf(item);
  place?.focus({ preventScroll: true });
  item?.scrollIntoView({ block: item instanceof PostCard ? "start" : "nearest" });
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
  o: () => linkOf(current())?.click(),
  l: () => void card()?.toggle("favourite"),
  b: () => void card()?.toggle("reblog"),
  c: () => void card()?.focusReply(),
  n: () => go("new"),
  "/": () => {
    const field = document.querySelector("form.search input");
    if (field instanceof HTMLElement) field.focus();
    else location.assign("/explore#search");
  },
};

/** Whether the person switched the keys off, such as for speech input (WCAG 2.1.4). */
function areOff() {
  try {
    return localStorage.getItem("shortcuts") === "off";
  } catch {
    return false; // storage is forbidden
  }
}

addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const isTyping = target.closest("input, textarea, select, [contenteditable], dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || areOff()) return;
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
