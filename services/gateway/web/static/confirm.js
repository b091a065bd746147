// A question in a dialog.

/**
 * Ask. Gives the value of the button that was pressed; an empty string for the last one, which
 * cancels, and for Escape.
 * @param {string} title
 * @param {string} text
 * @param {[value: string, label: string][]} choices
 * @returns {Promise<string>}
 */
export function ask(title, text, choices) {
  const dialog = document.createElement("dialog");
  const heading = document.createElement("h2");
  heading.id = "dialog-title";
  heading.textContent = title;
  const words = document.createElement("p");
  words.textContent = text;
  const form = document.createElement("form");
  form.method = "dialog";
  form.className = "actions";
  form.append(...choices.map(([value, label], index) => button(value, label, index === 0)));
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.append(heading, words, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}

/** @param {string} value @param {string} label @param {boolean} isDanger */
function button(value, label, isDanger) {
  const made = document.createElement("button");
  made.value = value;
  made.textContent = label;
  made.className = isDanger ? "button danger" : "button quiet";
  if (!value) made.autofocus = true;
  return made;
}
