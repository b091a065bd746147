// The order of a list's rows, changed by dragging a handle, or by buttons.

/**
 * Let the rows of a list be moved. `moved` gets the row, and its place from 1.
 * @param {HTMLElement} list
 * @param {(row: HTMLElement, place: number) => void} moved
 */
export function reorderable(list, moved) {
  const tell = (/** @type {HTMLElement} */ row) => moved(row, [...list.children].indexOf(row) + 1);

  list.addEventListener("click", (event) => {
    const button = /** @type {Element} */ (event.target).closest("[data-do=earlier], [data-do=later]");
    const row = button && rowOf(list, button);
    if (!button || !row) return;
    const isEarlier = /** @type {HTMLElement} */ (button).dataset.do === "earlier";
    const other = isEarlier ? row.previousElementSibling : row.nextElementSibling;
    if (isEarlier) other?.before(row);
    else other?.after(row);
    /** @type {HTMLElement} */ (button).focus(); // moving a row takes the focus from it
    row.scrollIntoView({ block: "nearest" });
    if (other) tell(row);
  });

  list.addEventListener("pointerdown", (event) => {
    const handle = /** @type {Element} */ (event.target).closest("[data-handle]");
    const row = handle && rowOf(list, handle);
    if (!handle || !row || event.button) return;
    event.preventDefault();
    drag(list, row, event.pointerId, tell);
  });
}

/** @param {HTMLElement} list @param {Element} inside */
function rowOf(list, inside) {
  const rows = /** @type {HTMLElement[]} */ ([...list.children]);
  return rows.find((row) => row.contains(inside));
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement} row
 * @param {number} pointer
 * @param {(row: HTMLElement) => void} tell
 */
function drag(list, row, pointer, tell) {
  const end = new AbortController();
  const { signal } = end;
  const before = row.nextElementSibling;
  row.classList.add("lifted");
  list.setPointerCapture(pointer); // not the handle, which leaves the page while its row moves
  list.addEventListener("pointermove", (event) => place(list, row, event.clientY), { signal });
  const drop = () => {
    end.abort();
    row.classList.remove("lifted");
    if (row.nextElementSibling !== before) tell(row);
  };
  list.addEventListener("pointerup", drop, { signal });
  list.addEventListener("pointercancel", drop, { signal });
}

/**
 * Put a row where the pointer is: before the first row whose middle is below it.
 * @param {HTMLElement} list
 * @param {HTMLElement} row
 * @param {number} y
 */
function place(list, row, y) {
  const others = [...list.children].filter((one) => one !== row);
  const next = others.find((one) => {
    const box = one.getBoundingClientRect();
    return y < box.top + box.height / 2;
  });
  if ((next || null) !== row.nextElementSibling) list.insertBefore(row, next || null);
}
