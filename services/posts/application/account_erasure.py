"""Deletes the posts, favourites and bookmarks of a deleted account.

`gone:USER` is written before the user's lists are read here, and read after anything is inserted
into one of them (`list_projection.py`). So one of the two sees whatever is created concurrently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.chassis.jobs import JobQueue
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Row, Window
from services.posts.application.list_projection import PostListProjector
from services.posts.domain.changes import tombstone
from services.posts.domain.interactions import without_reactions
from services.posts.domain.pins import PinnedPosts
from services.posts.repository import DeletedAccount, Repository

ERASURE_JOB = "erasure"
BATCH_SIZE = 25
"""How many posts or interactions one step of the job deletes."""


class AuthorErasure:
    """Deletes everything that an account created, in bounded steps."""

    def __init__(
        self, repository: Repository, projector: PostListProjector, jobs: JobQueue
    ) -> None:
        self._repository = repository
        self._projector = projector
        self._jobs = jobs
        jobs.register(ERASURE_JOB, self.erase_batch)

    async def start(self, user: str) -> None:
        """Mark an account as deleted and enqueue the job."""
        await self._repository.deleted_accounts.update(
            user, lambda kept: kept or DeletedAccount(user)
        )
        await self._jobs.enqueue(ERASURE_JOB, user)

    async def erase_batch(self, user: str) -> bool:
        """Run one step and return whether nothing is left. About ten state calls per row."""
        lists: list[tuple[SegmentedLists, Callable[[str, Row], Awaitable[None]]]] = [
            (self._repository.authored, self._delete_post),
            (self._repository.directs, self._delete_post),
            (self._repository.favourites, self._clear_interaction),
            (self._repository.bookmarks, self._clear_interaction),
        ]
        for kind, remove in lists:
            rows = await kind.page(user, Window(BATCH_SIZE))
            if rows:
                await asyncio.gather(*(remove(user, row) for row in rows))
                await kind.remove(user, [row[0] for row in rows])
                return False
        await self._repository.pins.update(user, lambda pins: PinnedPosts(user) if pins else None)
        return True

    async def _delete_post(self, _: str, row: Row) -> None:
        await self._repository.posts.update(row[0], lambda post: tombstone(post) if post else None)
        await self._projector.project_post(row[0])

    async def _clear_interaction(self, user: str, row: Row) -> None:
        id = f"{user}:{row[1]}"
        await self._repository.interactions.update(
            id, lambda kept: without_reactions(kept) if kept else None
        )
        await self._projector.project_interaction(id)
