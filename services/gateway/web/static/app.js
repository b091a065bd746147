// What every page loads.

import "./post-card.js";
import "./photo-carousel.js";
import "./endless-list.js";
import "./follow-button.js";
import "./forget.js";
import "./live.js";
import "./neighbours.js";
import "./shortcuts.js";
import { toast } from "./api.js";
import texts from "./texts.js";
import { enhance } from "./enhance.js";

enhance(document);

if (!navigator.onLine) toast(texts["offline_page"]);
navigator.serviceWorker?.register("/sw.js").catch(() => {}); // it is a help, not a need
