"""Commands and queries on pinned posts."""

from __future__ import annotations

from typing import Any

from services.chassis.errors import Invalid
from services.chassis.security.caller import Caller
from services.posts.application.queries import PostQueries
from services.posts.domain.pins import PinnedPosts, check_pinnable
from services.posts.repository import Repository


class PinService:
    """Pins and unpins posts. One document for each user bounds the number of pins."""

    def __init__(self, repository: Repository, queries: PostQueries) -> None:
        self._repository = repository
        self._queries = queries

    async def pin(self, id: str, caller: Caller) -> dict[str, Any]:
        """Pin an own post and return its `PostView`. Four state calls."""
        seen = await self._queries.get(id, caller)
        check_pinnable(seen.post, caller.user_id)
        try:
            await self._add(caller, seen.post.id)
        except Invalid:
            await self._remove_deleted(caller)
            await self._add(caller, seen.post.id)
        return seen.view() | {"pinned": True}

    async def unpin(self, id: str, caller: Caller) -> dict[str, Any]:
        """Unpin a post and return its `PostView`. A repetition has no effect. Four state calls."""
        seen = await self._queries.get(id, caller)
        check_pinnable(seen.post, caller.user_id)
        await self._remove(caller, {seen.post.id})
        return seen.view() | {"pinned": False}

    async def pins_of(self, account: str, caller: Caller | None) -> list[dict[str, Any]]:
        """Return the visible pinned posts of an account. Two state calls."""
        pins = await self._repository.pins.get(account)
        seen = await self._queries.get_many(pins.posts, caller) if pins else {}
        return [post.view() for post in seen.values()]

    async def _add(self, caller: Caller, post: str) -> None:
        user = caller.user_id
        await self._repository.pins.update(
            user, lambda pins: (pins or PinnedPosts(user)).with_post(post)
        )

    async def _remove(self, caller: Caller, posts: set[str]) -> None:
        await self._repository.pins.update(
            caller.user_id, lambda pins: pins.without_posts(posts) if pins else None
        )

    async def _remove_deleted(self, caller: Caller) -> None:
        """Make room. A pin outlives its post until another post needs its place."""
        pins = await self._repository.pins.get(caller.user_id)
        if pins is not None:
            existing = await self._queries.get_many(pins.posts, caller)
            await self._remove(caller, set(pins.posts) - existing.keys())
