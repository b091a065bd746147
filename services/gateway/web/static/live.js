// What happens meanwhile: new posts on the home page, deleted posts, unread notifications.

import { request, counted, toast, viewer } from "./api.js";
import { EndlessList, listAt } from "./endless-list.js";
import texts from "./texts.js";

const MAX_COUNT = 40; // the largest page of the API

/** Listens to the stream of the user. The browser connects again by itself. */
class Live {
  /** @param {EndlessList | null} home the home page's list, where it is shown */
  constructor(home) {
    this.home = home;
    /** @type {Set<string>} */
    this.fresh = new Set();
    this.unread = 0;
    this.wasCut = false;
    const stream = new EventSource("/api/v1/streaming/user");
    stream.addEventListener("update", (event) => this.#posted(JSON.parse(event.data)));
    stream.addEventListener("delete", (event) => this.#deleted(event.data));
    stream.addEventListener("notification", () => this.showUnread(this.unread + 1));
    stream.addEventListener("error", () => (this.wasCut = true));
    stream.addEventListener("open", () => this.#opened());
    addEventListener("pagehide", () => stream.close());
  }

  async #opened() {
    this.countUnread();
    if (this.wasCut && this.home) await this.#catchUp(this.home);
    this.wasCut = false;
  }

  /**
   * Count what was posted while there was no connection.
   * @param {EndlessList} home
   */
  async #catchUp(home) {
    const newest = /** @type {HTMLElement | null} */ (home.querySelector("[data-cursor]"));
    if (!newest) return;
    const since = `since_id=${newest.dataset.cursor}&limit=${MAX_COUNT}`;
    const posts = await request("GET", `/api/v1/timelines/home?${since}`).catch(() => []);
    for (const post of posts) this.#posted(post);
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
      home.insert(await listAt("/"));
    } catch {
      toast(texts["failed"]);
      return;
    }
    this.fresh.clear();
    this.#showPill(home);
    scrollTo({ top: 0 });
    home.querySelector("article")?.focus({ preventScroll: true });
  }

  /** @param {string} id */
  #deleted(id) {
    for (const card of document.querySelectorAll(`post-card[data-id="${CSS.escape(id)}"]`)) {
      card.remove();
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
  const live = new Live(home instanceof EndlessList ? home : null);
  markRead()
    .then(() => live.countUnread())
    .catch(() => {}); // it stays unread, as the page shows
}
