"""Commands on conversations.

The document of each participant's conversation is written first, and the participant's list
follows it: a row `[last post, conversation]`. Both may contain too much, for example a post whose
deletion was handled out of order. What a page shows is decided on reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.chassis.converge import converge
from services.chassis.errors import NotFound
from services.feed.domain.conversations import (
    ConversationRecord,
    clear,
    set_read,
    with_post,
    without_post,
)
from services.feed.repository import Repository

_CONCURRENCY = 8


class ConversationService:
    """Updates the conversations of their participants."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def add(self, post: Mapping[str, Any], places: Iterable[tuple[str, str]]) -> None:
        """Add a post to conversations, given as owners and ids. May be repeated.

        About ten state calls for each of them.
        """
        slots = asyncio.Semaphore(_CONCURRENCY)

        async def add(owner: str, id: str) -> None:
            async with slots:
                await self._repository.conversations.update(
                    f"{owner}:{id}", lambda known: with_post(known, owner, post)
                )
                await self._reconcile_list(owner, id)

        await asyncio.gather(*(add(owner, id) for owner, id in places))
        for owner in await self._repository.find_deleted([owner for owner, _ in places]):
            await self._repository.delete_conversations(owner)

    async def remove(self, post: str, places: Iterable[tuple[str, str]]) -> None:
        """Remove a post from conversations."""
        for owner, id in places:
            await self._repository.conversations.update(
                f"{owner}:{id}", lambda known: without_post(known, post) if known else None
            )
            await self._reconcile_list(owner, id, [post])

    async def set_read(self, owner: str, id: str, *, read: bool) -> None:
        """Mark a conversation as read or unread."""
        await self._repository.conversations.update(
            f"{owner}:{id}", lambda known: set_read(known, read=read) if known else None
        )

    async def clear(self, owner: str, id: str) -> None:
        """Remove a conversation until its next post. Raises `NotFound`."""
        known = await self._repository.conversations.get(f"{owner}:{id}")
        if known is None or not known.last_post:
            raise conversation_not_found()
        await self._repository.conversations.update(
            f"{owner}:{id}", lambda known: clear(known) if known else None
        )
        await self._reconcile_list(owner, id)

    async def _reconcile_list(self, owner: str, id: str, removed: Sequence[str] = ()) -> None:
        """Make the owner's list agree with a conversation's document, also if there is none."""
        lists, key = self._repository.conversation_lists, f"{owner}:{id}"

        async def read() -> tuple[ConversationRecord | None]:
            return (await self._repository.conversations.get(key),)

        async def apply(state: tuple[ConversationRecord | None]) -> None:
            (conversation,) = state
            last = conversation.last_post if conversation else ""
            head = await (lists.insert(owner, [[last, id]]) if last else lists.head(owner))
            wrong = {*removed, *(conversation.posts if conversation else ())} - {last}
            wrong |= {post for post, other in head.recent if other == id and post != last}
            if held := [post for post in wrong if head.may_hold(post)]:
                await lists.remove(owner, held)

        await converge(read, apply, what=f"The conversation {key}")


def conversation_not_found() -> NotFound:
    """Return the error for a conversation that does not exist or belongs to others."""
    return NotFound("There is no such conversation.")
