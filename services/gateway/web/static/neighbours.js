// The page of a post: the next and the previous post of the list from which one came.

import texts from "./texts.js";

const LAST_LIST = "last list of posts"; // the key in the session storage
const MAX_LINKS = 500;

/** @param {string} address */
const pathOf = (address) => new URL(address, location.href).pathname;

/** The paths of the posts in the lists of this page. */
function postsOfPage() {
  const items = [...document.querySelectorAll("post-card[data-url], .tile a")];
  const paths = items.map((item) =>
    pathOf(item instanceof HTMLAnchorElement ? item.href : item.getAttribute("data-url") || ""),
  );
  return [...new Set(paths)].filter((path) => path.startsWith("/@")).slice(0, MAX_LINKS);
}

/** Remember the list that a link to a post stands in. */
document.addEventListener("click", (event) => {
  const link = /** @type {Element} */ (event.target).closest("a[href]");
  if (!(link instanceof HTMLAnchorElement) || !link.closest("[data-cursor]")) return;
  const posts = postsOfPage();
  if (posts.length > 1 && posts.includes(pathOf(link.href))) {
    sessionStorage.setItem(LAST_LIST, JSON.stringify(posts));
  }
});

/**
 * @param {"previous" | "next"} name
 * @param {string} label
 * @param {string | undefined} path
 */
function neighbour(name, label, path) {
  const link = document.createElement("a");
  link.className = `button small quiet ${name}`;
  link.textContent = label;
  link.href = path || "";
  link.hidden = !path;
  return link;
}

/** Show where the arrow keys lead. */
function showNeighbours() {
  const place = document.querySelector("[data-neighbours]");
  const posts = /** @type {string[]} */ (JSON.parse(sessionStorage.getItem(LAST_LIST) || "[]"));
  const at = posts.indexOf(location.pathname);
  if (!place || at < 0) return;
  const previous = neighbour("previous", texts["previous_post"], posts[at - 1]);
  const next = neighbour("next", texts["next_post"], posts[at + 1]);
  place.append(previous, next);
  const isMirrored = getComputedStyle(place).direction === "rtl";
  const [left, right] = isMirrored ? [next, previous] : [previous, next];
  addEventListener("keydown", (event) => {
    const target = /** @type {Element} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest("input, textarea, select, photo-carousel, dialog")) return;
    const link = { ArrowLeft: left, ArrowRight: right }[event.key];
    if (link && !link.hidden) link.click();
  });
}

showNeighbours();
