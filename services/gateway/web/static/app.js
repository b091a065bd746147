// What every page loads.

import "./post-card.js";
import "./photo-carousel.js";
import "./endless-list.js";
import "./follow-button.js";
import "./live.js";
import "./neighbours.js";
import "./shortcuts.js";
import { toast } from "./api.js";
import texts from "./texts.js";
import { enhance } from "./enhance.js";

enhance(document);

if (!navigator.onLine) toast(texts["offline_page"]);
navigator.serviceWorker?.register("/sw.js").catch(() => {}); // it is a help, not a need

// What is kept in the browser must not be found by the next person at it.
const logout = /** @type {HTMLFormElement | null} */ (document.getElementById("logout"));
logout?.addEventListener("submit", async (event) => {
  event.preventDefault();
  sessionStorage.clear();
  navigator.serviceWorker?.controller?.postMessage("forget");
  await import("./drafts.js").then(({ clearDrafts }) => clearDrafts()).catch(() => undefined);
  logout.submit();
});
