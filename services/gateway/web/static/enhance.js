// What scripts add to the HTML of the server, when a page opens and when parts of one arrive.

import { showPlaceholders } from "./blurhash.js";
import { showRelativeTimes } from "./times.js";

/** @param {ParentNode} root */
export function enhance(root) {
  showRelativeTimes(root);
  showPlaceholders(root);
}
