// Files that are chosen, dropped anywhere on the page, or pasted.

/**
 * @param {HTMLElement} place gets the class `dropping` while files are over the page
 * @param {HTMLInputElement} picker
 * @param {(files: File[]) => void} take
 */
export function takeFiles(place, picker, take) {
  const given = (/** @type {FileList | null | undefined} */ files) => {
    if (files?.length) take([...files]);
  };
  picker.addEventListener("change", () => {
    given(picker.files);
    picker.value = ""; // the same file can be chosen again
  });
  addEventListener("paste", (event) => {
    given(/** @type {ClipboardEvent} */ (event).clipboardData?.files);
  });
  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    place.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) place.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    place.classList.remove("dropping");
    if (!hasFiles(event)) return;
    event.preventDefault();
    given(event.dataTransfer?.files);
  });
}
