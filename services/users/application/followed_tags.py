"""Following hashtags: one document for each person, so one state call to read it."""

from __future__ import annotations

from typing import Any

from services.chassis.ids import SnowflakeGenerator
from services.chassis.storage.window import Window
from services.users.domain.followed_tags import TagSubscriptions
from services.users.repository import Repository


class FollowedTagService:
    """What people do with hashtags."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._ids = SnowflakeGenerator()

    async def follow(self, user: str, name: str) -> dict[str, Any]:
        """Follow a hashtag. Raises `Invalid` for too many."""
        id = self._ids.next()
        await self._repository.tags.update(
            user, lambda kept: (kept or TagSubscriptions()).with_tag(name, id)
        )
        return {"name": name, "following": True}

    async def unfollow(self, user: str, name: str) -> dict[str, Any]:
        """Follow a hashtag no more."""
        await self._repository.tags.update(
            user, lambda kept: kept.without_tag(name) if kept else None
        )
        return {"name": name, "following": False}

    async def clear(self, user: str) -> None:
        """Follow none any more: somebody is gone."""
        await self._repository.tags.update(user, lambda kept: TagSubscriptions() if kept else None)

    async def names(self, user: str) -> list[str]:
        """All that somebody follows."""
        kept = await self._repository.tags.get(user)
        return list(kept.tags) if kept else []

    async def page(self, user: str, window: Window) -> dict[str, list[str]]:
        """A page of them, the newest first."""
        kept = await self._repository.tags.get(user) or TagSubscriptions()
        rows = window.select(kept.rows())
        return {"ids": [row[0] for row in rows], "tags": [row[1] for row in rows]}
