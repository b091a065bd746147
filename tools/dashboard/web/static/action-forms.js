// Forms that change something: sent without leaving the page; what changed shows at once.

import { LiveRegion } from "./live-region.js";
import { messageOf, say, sendForm } from "./pages.js";

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} button
 */
async function send(form, button) {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  button?.setAttribute("aria-busy", "true");
  const working = button?.dataset.working || form.dataset.working;
  if (working) say(working);
  const done = button?.dataset.done || form.dataset.done || "Done.";
  try {
    const page = await sendForm(form, button);
    finish(form, button);
    const region = document.querySelector("live-region");
    if (region instanceof LiveRegion) region.take(page);
    say(page.querySelector("[data-result]")?.textContent?.trim() || done);
  } catch (error) {
    say(messageOf(error));
  } finally {
    finish(form, button);
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} button
 */
function finish(form, button) {
  form.removeAttribute("aria-busy");
  button?.removeAttribute("aria-busy");
}

addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post") return;
  event.preventDefault();
  void send(form, event.submitter);
});
