// What every page loads.

import "./post-card.js";
import "./photo-carousel.js";
import "./endless-list.js";
import "./live.js";
import "./shortcuts.js";
import { showRelativeTimes } from "./times.js";

showRelativeTimes(document);

// Lists are kept for Back and reload. The next person at this browser must not find them.
document.getElementById("logout")?.addEventListener("submit", () => sessionStorage.clear());
