// What every page loads.

import "./post-card.js";
import "./photo-carousel.js";
import "./endless-list.js";
import "./follow-button.js";
import "./live.js";
import "./shortcuts.js";
import { showRelativeTimes } from "./times.js";

showRelativeTimes(document);

// Lists and drafts are kept in the browser. The next person at it must not find them.
const logout = /** @type {HTMLFormElement | null} */ (document.getElementById("logout"));
logout?.addEventListener("submit", async (event) => {
  event.preventDefault();
  sessionStorage.clear();
  await import("./drafts.js").then(({ clearDrafts }) => clearDrafts()).catch(() => undefined);
  logout.submit();
});
