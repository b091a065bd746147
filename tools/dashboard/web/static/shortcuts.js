// Keys. `?` shows them all.

/** @type {Record<string, string>} */
const PAGES = { r: "resources", l: "logs", t: "traces", d: "dapr", m: "map", c: "metrics" };
const AFTER_G = 1500; // milliseconds

let wasG = -Infinity;

/** @param {string} place */
function go(place) {
  const link = document.querySelector(`.places a[data-place="${place}"]`);
  if (link instanceof HTMLAnchorElement) link.click();
}

function focusFilter() {
  const field = document.querySelector(".filter [data-filter]");
  if (!(field instanceof HTMLInputElement)) return;
  field.focus();
  field.select();
}

function showKeys() {
  const dialog = document.getElementById("keys");
  if (dialog instanceof HTMLDialogElement) dialog.showModal();
}

/** @type {Record<string, () => void>} */
const KEYS = { "?": showKeys, "/": focusFilter };

addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("dialog")) return;
  if (target.closest("input, textarea, select, [contenteditable]")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (event.timeStamp - wasG < AFTER_G) {
    const place = PAGES[event.key];
    wasG = -Infinity;
    if (place) return go(place);
  }
  if (event.key === "g") wasG = event.timeStamp;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

document.querySelector("[data-show-keys]")?.addEventListener("click", showKeys);
