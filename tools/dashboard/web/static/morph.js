// Makes a part of the page like a newer one of the server, and keeps the elements that stay: focus,
// selected text, scroll positions, and what a person opened or typed.

/**
 * What an element is known by among its neighbours.
 * @param {Node} node
 */
function keyOf(node) {
  return node instanceof Element ? node.id || node.getAttribute("data-key") : null;
}

/** @param {Node} old @param {Node} wanted */
function isSameKind(old, wanted) {
  return old.nodeName === wanted.nodeName && keyOf(old) === keyOf(wanted);
}

/**
 * Whether an attribute belongs to the browser: a person opened or closed these.
 * @param {string} name
 */
function isLocal(name) {
  return name === "open";
}

/** @param {Element} old @param {Element} wanted */
function syncAttributes(old, wanted) {
  for (const { name } of [...old.attributes]) {
    if (!wanted.hasAttribute(name) && !isLocal(name)) old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value && !isLocal(name)) old.setAttribute(name, value);
  }
}

/** @param {Element} old @param {Element} wanted */
function syncChildren(old, wanted) {
  /** @type {Map<string, ChildNode>} */
  const keyed = new Map();
  for (const child of old.childNodes) {
    const key = keyOf(child);
    if (key) keyed.set(key, child);
  }
  /** @type {ChildNode | null} */
  let at = old.firstChild;
  for (const child of [...wanted.childNodes]) {
    const key = keyOf(child);
    const kept = key ? keyed.get(key) : at && isSameKind(at, child) ? at : null;
    if (!kept || kept.nodeName !== child.nodeName) {
      old.insertBefore(document.importNode(child, true), at);
      continue;
    }
    if (kept === at) at = at.nextSibling;
    else old.insertBefore(kept, at);
    if (key) keyed.delete(key);
    morph(kept, child);
  }
  while (at) {
    const next = /** @type {ChildNode | null} */ (at.nextSibling);
    at.remove();
    at = next;
  }
}

/**
 * Make a node like another one of the same kind. What is busy, or is being typed into, stays.
 * @param {Node} old
 * @param {Node} wanted
 */
export function morph(old, wanted) {
  if (!(old instanceof Element) || !(wanted instanceof Element)) {
    if (old.nodeValue !== wanted.nodeValue) old.nodeValue = wanted.nodeValue;
    return;
  }
  if (old.getAttribute("aria-busy") === "true" || old.matches("input:focus, select:focus")) return;
  if (old.isEqualNode(wanted)) return;
  syncAttributes(old, wanted);
  syncChildren(old, wanted);
}
