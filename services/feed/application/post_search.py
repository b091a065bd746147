"""Posts that are found by trend or by words instead of by time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.storage.window import Window
from services.feed.application.post_loader import PostLoader
from services.feed.application.timeline_page import TimelineItem, page_of
from services.feed.application.trends import TrendTracker
from services.feed.domain.rows import FLAGS, REBLOG
from services.feed.domain.trending import can_trend
from services.feed.repository import Repository
from services.shared.words import folded

MAX_OWN_POSTS = 300
"""How many of a user's newest posts are searched."""


class PostSearch:
    """Finds trending posts, and a user's own posts by their words."""

    def __init__(self, repository: Repository, loader: PostLoader, trends: TrendTracker) -> None:
        self._repository = repository
        self._loader = loader
        self._trends = trends

    async def trending(self, viewer: str, limit: int, offset: int) -> dict[str, Any]:
        """Return trending posts that the viewer may see. A page may be shorter than `limit`."""
        rows = [[post, author, 0] for post, author in await self._trends.posts()]
        items = await self._loader.get_posts(rows[offset : offset + limit], viewer)
        return page_of([item for item in items if _is_discoverable(item)])

    async def own(self, user: str, words: str, limit: int, offset: int) -> dict[str, Any]:
        """Return a user's own posts whose text or content warning contains all words."""
        wanted = folded(words).split()
        rows = await self._repository.authors.page(user, Window(MAX_OWN_POSTS))
        own = [row for row in rows if not row[FLAGS] & REBLOG]
        items = await self._loader.get_posts(own, user)
        found = [item for item in items if _contains_words(item, wanted)]
        return page_of(found[offset : offset + limit])


def _is_discoverable(item: TimelineItem) -> bool:
    return can_trend(item.post["data"]["post"]) and item.account["data"]["profile"]["discoverable"]


def _contains_words(item: TimelineItem, words: Sequence[str]) -> bool:
    post = item.post["data"]["post"]
    text = folded(f"{post['text']} {post['spoiler_text']}")
    return bool(words) and all(word in text for word in words)
