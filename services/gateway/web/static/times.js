// Times as people say them. Without scripts the date is shown.

import texts from "./texts.js";

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const WEEK = 7 * 86400;
const language = document.documentElement.lang;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "narrow" });
const date = new Intl.DateTimeFormat(language, { dateStyle: "medium" });
const exact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" });

/** @param {Date} at @param {number} now */
function words(at, now) {
  const seconds = (now - at.getTime()) / 1000;
  if (seconds >= WEEK) return date.format(at);
  for (const [unit, size] of UNITS) {
    if (seconds >= size) return relative.format(-Math.floor(seconds / size), unit);
  }
  return texts["just_now"];
}

/** @param {ParentNode} root */
export function showRelativeTimes(root) {
  for (const time of root.querySelectorAll("time[is-relative]")) {
    const at = new Date(/** @type {HTMLTimeElement} */ (time).dateTime);
    time.textContent = words(at, Date.now());
    time.setAttribute("title", exact.format(at));
  }
}

setInterval(() => showRelativeTimes(document), 60_000);
