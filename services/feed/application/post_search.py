"""Posts that are found otherwise than by time: those that trend, and one's own by their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.storage.window import Window
from services.feed.application.timeline_queries import TimelineItem, TimelineQueries, account_view
from services.feed.application.trends import TrendTracker, can_trend
from services.feed.domain import REBLOG
from services.feed.repository import Repository
from services.shared.words import folded

MAX_OWN_POSTS = 300
"""Of one's own posts, how many of the newest are looked through."""


class PostSearch:
    """Finds posts."""

    def __init__(
        self, repository: Repository, timelines: TimelineQueries, trends: TrendTracker
    ) -> None:
        self._repository = repository
        self._queries = timelines
        self._trends = trends

    async def trending(self, viewer: str, limit: int, offset: int) -> dict[str, Any]:
        """Posts that trend, as far as the viewer may see them: a page may be short."""
        rows = [[post, author, 0] for post, author in await self._trends.posts()]
        shown = await self._queries.get_posts(rows[offset : offset + limit], viewer)
        return _page([one for one in shown if _is_discoverable(one)])

    async def own(self, user: str, words: str, limit: int, offset: int) -> dict[str, Any]:
        """Somebody's own posts whose text, or what is written over it, has all of some words."""
        wanted = folded(words).split()
        rows = await self._repository.authors.page(user, Window(MAX_OWN_POSTS))
        mine = [row for row in rows if not row[2] & REBLOG]
        found = [
            one for one in await self._queries.get_posts(mine, user) if _contains_words(one, wanted)
        ]
        return _page(found[offset : offset + limit])


def _is_discoverable(one: TimelineItem) -> bool:
    return can_trend(one.post["data"]["post"]) and one.account["data"]["profile"]["discoverable"]


def _contains_words(one: TimelineItem, words: Sequence[str]) -> bool:
    post = one.post["data"]["post"]
    text = folded(f"{post['text']} {post['spoiler_text']}")
    return bool(words) and all(word in text for word in words)


def _page(shown: Sequence[TimelineItem]) -> dict[str, Any]:
    """A `contracts.posts.Page` that leads nowhere."""
    authors = {one.post["data"]["post"]["author"]: one.account for one in shown}
    return {
        "views": [one.view() for one in shown],
        "accounts": {id: account_view(author["data"]) for id, author in authors.items()},
        "first": "",
        "last": "",
    }
