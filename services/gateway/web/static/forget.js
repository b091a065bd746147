// What is kept in the browser must not be found by the next person at it.

import { toast, viewer } from "./api.js";
import texts from "./texts.js";

const VIEWER = "viewer";

/** Empty the lists and the pages that are kept. */
async function forgetPages() {
  // A list keeps itself when its page is left. This listener comes after that of the list.
  addEventListener("pagehide", () => sessionStorage.clear());
  sessionStorage.clear();
  const kept = ["home", "pictures"];
  if ("caches" in window) await Promise.all(kept.map((name) => caches.delete(name)));
}

async function forgetDrafts() {
  const { clearDrafts } = await import("./drafts.js");
  await clearDrafts();
}

/** Log out. Nothing is deleted here before the server has ended the session. */
async function logOut(/** @type {HTMLFormElement} */ form) {
  try {
    const response = await fetch(form.action, { method: "POST" });
    if (!response.ok) throw new Error(String(response.status));
  } catch {
    toast(texts["failed"]);
    return;
  }
  await forgetPages().catch(() => {});
  await forgetDrafts().catch(() => {});
  location.assign("/");
}

const form = document.getElementById("logout");
if (form instanceof HTMLFormElement) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    logOut(form);
  });
}

// A session that ended elsewhere, or another user. Drafts stay: they are kept for each user.
if ((localStorage.getItem(VIEWER) || viewer) !== viewer) forgetPages().catch(() => {});
if (viewer) localStorage.setItem(VIEWER, viewer);
else localStorage.removeItem(VIEWER);

if (document.querySelector("[data-forget-drafts]")) forgetDrafts().catch(() => {});
