"""Follows of hashtags: one document for each account, read in one state call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.chassis.storage.window import Window
from services.users.domain.followed_tags import TagSubscriptions
from services.users.repository import Repository


class FollowedTagService:
    """Changes and lists the hashtags that accounts follow."""

    def __init__(self, repository: Repository, new_id: Callable[[], str]) -> None:
        self._repository = repository
        self._new_id = new_id

    async def follow(self, user: str, name: str) -> dict[str, Any]:
        """Follow a hashtag. Raises `Invalid` if there are too many."""
        id = self._new_id()
        await self._repository.tags.update(
            user, lambda kept: (kept or TagSubscriptions()).with_tag(name, id)
        )
        return {"name": name, "following": True}

    async def unfollow(self, user: str, name: str) -> dict[str, Any]:
        """End the follow of a hashtag."""
        await self._repository.tags.update(
            user, lambda kept: kept.without_tag(name) if kept else None
        )
        return {"name": name, "following": False}

    async def clear(self, user: str) -> None:
        """End all follows of a deleted account."""
        await self._repository.tags.update(user, lambda kept: TagSubscriptions() if kept else None)

    async def page(self, user: str, window: Window) -> dict[str, list[str]]:
        """List the followed hashtags, the newest first."""
        kept = await self._repository.tags.get(user) or TagSubscriptions()
        rows = window.select(kept.rows())
        return {"ids": [row[0] for row in rows], "tags": [row[1] for row in rows]}
