// Deleting a post without leaving the page. Loaded when somebody asks for it.

import { api, newKey, toast, viewer } from "./api.js";
import { ask } from "./confirm.js";
import { discardDraft, loadDraft, saveDraft, saveFile } from "./drafts.js";
import { removeCard } from "./post-card.js";
import texts from "./texts.js";

/** @param {HTMLElement} card of a post of one's own */
export async function deletePost(card) {
  const answer = await ask(texts["delete_title"], texts["delete_text"], [
    ["delete", texts["delete"]],
    ["redraft", texts["delete_redraft"]],
    ["", texts["cancel"]],
  ]);
  try {
    if (answer === "delete") await remove(card);
    if (answer === "redraft") await redraft(card);
  } catch (error) {
    toast(/** @type {Error} */ (error).message);
  }
}

/** @param {HTMLElement} card */
async function remove(card) {
  await api("DELETE", `/api/v1/statuses/${card.dataset.id}`);
  const isPage = new URL(card.dataset.url || "", location.href).pathname === location.pathname;
  if (isPage) return location.assign(`/@${document.body.dataset.username}`);
  removeCard(card);
  toast(texts["deleted"]);
}

/**
 * Keep the post as a draft, then delete it, and open the draft. The draft is first, so that nothing
 * is lost in between.
 * @param {HTMLElement} card
 */
async function redraft(card) {
  if (await loadDraft(viewer)) {
    const choices = /** @type {[string, string][]} */ ([
      ["replace", texts["draft_replace"]],
      ["", texts["cancel"]],
    ]);
    if (!(await ask(texts["discard_title"], texts["draft_replace_text"], choices))) return;
    await discardDraft(viewer);
  }
  const path = `/api/v1/statuses/${card.dataset.id}`;
  const [status, source] = await Promise.all([api("GET", path), api("GET", `${path}/source`)]);
  await saveDraft(viewer, { ...draftOf(status), text: source.text });
  await Promise.all(status.media_attachments.map(keepFile));
  try {
    await api("DELETE", path);
  } catch (error) {
    await discardDraft(viewer);
    throw error;
  }
  location.assign("/new");
}

/** @param {any} status */
function draftOf(status) {
  return {
    key: newKey(),
    text: "",
    spoiler: status.spoiler_text,
    sensitive: status.sensitive,
    visibility: status.visibility,
    replyTo: status.in_reply_to_id || "",
    products: (status.products || []).map((/** @type {any} */ one) => ({
      id: one.id,
      title: one.title,
      price: `${one.price.decimal} ${one.price.currency}`,
      image: one.picture?.preview_url || "",
    })),
    pictures: status.media_attachments.map((/** @type {any} */ one) => ({
      key: one.id,
      id: one.id,
      description: one.description || "",
      focus: `${one.meta.focus.x},${one.meta.focus.y}`,
    })),
  };
}

/** The files of a deleted post are shown to nobody: keep one for its preview. @param {any} picture */
async function keepFile(picture) {
  const answer = await fetch(new URL(picture.url).pathname);
  if (answer.ok) await saveFile(viewer, picture.id, await answer.blob());
}
