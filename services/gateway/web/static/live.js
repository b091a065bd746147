// What happens meanwhile: new posts on the home page, deleted posts, unread notifications.

import { request, counted, toast, viewer } from "./api.js";
import { EndlessList, listAt } from "./endless-list.js";
import { removeCard } from "./post-card.js";
import texts from "./texts.js";

const MAX_COUNT = 40; // the largest page of the API

/**
 * Listens to the stream of the user while the page is seen: browsers have six connections for all
 * tabs of a site that speaks HTTP/1.1. They connect again by themselves after an error.
 */
class UserStream {
  /** @param {EndlessList | null} home the home page's list, where it is shown */
  constructor(home) {
    this.home = home;
    /** @type {Set<string>} */
    this.fresh = new Set();
    this.unread = 0;
    this.wasCut = Boolean(home?.isRestored); // the list is older than this page
    /** @type {EventSource | null} */
    this.stream = null;
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", () => this.#open());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#close();
      else this.#open();
    });
    this.#open();
  }

  #open() {
    if (document.hidden) this.wasCut = true;
    if (this.stream || document.hidden) return;
    const stream = new EventSource("/api/v1/streaming/user");
    stream.addEventListener("update", (event) => this.#posted(JSON.parse(event.data)));
    stream.addEventListener("delete", (event) => this.#deleted(event.data));
    stream.addEventListener("notification", () => this.showUnread(this.unread + 1));
    stream.addEventListener("error", () => (this.wasCut = true));
    stream.addEventListener("open", () => this.#opened());
    this.stream = stream;
  }

  #close() {
    if (!this.stream) return;
    this.stream.close();
    this.stream = null;
    this.wasCut = true;
  }

  #opened() {
    this.countUnread();
    if (this.wasCut && this.home) this.#catchUp(this.home);
  }

  /**
   * Count what was posted while there was no connection.
   * @param {EndlessList} home
   */
  async #catchUp(home) {
    this.wasCut = false;
    const newest = /** @type {HTMLElement | null} */ (home.querySelector("[data-cursor]"));
    const since = `since_id=${newest?.dataset.cursor || 0}&limit=${MAX_COUNT}`;
    const posts = await request("GET", `/api/v1/timelines/home?${since}`).catch(() => null);
    if (!posts) this.wasCut = true;
    for (const post of posts || []) this.#posted(post);
  }

  /** @param {{id: string, account: {id: string}}} post */
  #posted(post) {
    if (!this.home || this.home.querySelector(`[data-cursor="${CSS.escape(post.id)}"]`)) return;
    this.fresh.add(post.id);
    this.#showPill(this.home);
  }

  /** @param {EndlessList} home */
  #showPill(home) {
    if (!this.pill) {
      this.pill = document.createElement("button");
      this.pill.type = "button";
      this.pill.className = "button small newer";
      this.pill.addEventListener("click", () => this.#insert(home));
      home.before(this.pill);
    }
    this.pill.hidden = this.fresh.size === 0;
    this.pill.textContent = counted("new_posts", this.fresh.size);
  }

  /** @param {EndlessList} home */
  async #insert(home) {
    try {
      const newest = await listAt("/");
      if (newest) home.insert(newest);
    } catch {
      toast(texts["failed"]);
      return;
    }
    this.fresh.clear();
    this.#showPill(home);
    scrollTo({ top: 0 });
    home.querySelector("article")?.focus({ preventScroll: true });
  }

  /** @param {string} id of a post, or of a boost that is undone */
  #deleted(id) {
    const value = `"${CSS.escape(id)}"`;
    const cards = `post-card[data-id=${value}], post-card[data-cursor=${value}]`;
    for (const card of document.querySelectorAll(cards)) {
      if (card.contains(document.activeElement)) removeCard(card);
      else card.remove();
    }
    if (this.fresh.delete(id) && this.home) this.#showPill(this.home);
  }

  async countUnread() {
    const answer = await request("GET", "/api/v1/notifications/unread_count").catch(() => null);
    if (answer) this.showUnread(answer.count);
  }

  /** @param {number} count */
  showUnread(count) {
    this.unread = count;
    const link = document.querySelector('.places a[data-place="notifications"]');
    if (!link) return;
    let badge = link.querySelector(".badge");
    if (!badge) {
      badge = document.createElement("span");
      badge.className = "badge";
      link.append(badge);
    }
    badge.textContent = count > 99 ? "99+" : String(count || "");
    /** @type {HTMLElement} */ (badge).hidden = count === 0;
  }
}

/** Mark what this page shows as read, and take its form away. */
async function markRead() {
  const form = document.querySelector("form[data-mark-read=notifications]");
  if (form instanceof HTMLFormElement) {
    const newest = new FormData(form).get("newest");
    await request("POST", "/api/v1/markers", { notifications: { last_read_id: newest } });
    form.remove();
  }
  const talk = document.querySelector("[data-mark-read=conversation]");
  if (talk instanceof HTMLElement) {
    await request("POST", `/api/v1/conversations/${encodeURIComponent(talk.dataset.conversation || "")}/read`);
  }
}

if (viewer) {
  const home = document.querySelector("endless-list[data-live=user]");
  const stream = new UserStream(home instanceof EndlessList ? home : null);
  markRead()
    .then(() => stream.countUnread())
    .catch(() => {}); // it stays unread, as the page shows
}
