"""Posts that are found otherwise than by time: those that trend, and one's own by their words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.storage.window import Window
from services.feed.domain import REBLOG
from services.feed.store import Store
from services.feed.timelines import Shown, Timelines, account_of
from services.feed.trends import Trends, may_trend
from services.shared.words import folded

MOST_OWN = 300
"""Of one's own posts, how many of the newest are looked through."""


class FoundPosts:
    """Finds posts."""

    def __init__(self, store: Store, timelines: Timelines, trends: Trends) -> None:
        self._store = store
        self._timelines = timelines
        self._trends = trends

    async def trending(self, viewer: str, limit: int, offset: int) -> dict[str, Any]:
        """Posts that trend, as far as the viewer may see them: a page may be short."""
        rows = [[post, author, 0] for post, author in await self._trends.posts()]
        shown = await self._timelines.some(rows[offset : offset + limit], viewer)
        return _page([one for one in shown if _may_be_shown(one)])

    async def own(self, user: str, words: str, limit: int, offset: int) -> dict[str, Any]:
        """Somebody's own posts whose text, or what is written over it, has all of some words."""
        wanted = folded(words).split()
        rows = await self._store.authors.page(user, Window(MOST_OWN))
        mine = [row for row in rows if not row[2] & REBLOG]
        found = [one for one in await self._timelines.some(mine, user) if _has(one, wanted)]
        return _page(found[offset : offset + limit])


def _may_be_shown(one: Shown) -> bool:
    return may_trend(one.card["data"]["post"]) and one.person["data"]["profile"]["discoverable"]


def _has(one: Shown, words: Sequence[str]) -> bool:
    post = one.card["data"]["post"]
    text = folded(f"{post['text']} {post['spoiler_text']}")
    return bool(words) and all(word in text for word in words)


def _page(shown: Sequence[Shown]) -> dict[str, Any]:
    """A `contracts.posts.Page` that leads nowhere."""
    authors = {one.card["data"]["post"]["author"]: one.person for one in shown}
    return {
        "views": [one.view() for one in shown],
        "accounts": {id: account_of(author["data"]) for id, author in authors.items()},
        "first": "",
        "last": "",
    }
