"""What follows when somebody deletes their account: their posts, favourites and bookmarks go.

`gone:USER` is written before their lists are read, and read after anything comes into one of them
(`events.py`): so whatever is made at that moment is seen by one of the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.chassis.consuming.events import CloudEvent, PoisonMessage
from services.chassis.errors import Invalid
from services.chassis.jobs import JobQueue
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Row, Window, normalize_id
from services.contracts.events import ACCOUNT_CHANGED
from services.posts.consumers import PostProjector
from services.posts.domain import interactions as mark_rules
from services.posts.domain.pins import PinnedPosts
from services.posts.domain.posts import tombstone
from services.posts.repository import DeletedAccount, Repository

ERASURE_JOB = "erasure"
BATCH_SIZE = 25
"""How many posts or marks go in one round."""


class AuthorErasure:
    """Removes all that somebody made, a bounded part in each round."""

    def __init__(
        self, repository: Repository, projections: PostProjector, errands: JobQueue
    ) -> None:
        self._repository = repository
        self._projector = projections
        self._jobs = errands
        errands.register(ERASURE_JOB, self.erase_batch)

    async def on_account_changed(self, event: CloudEvent) -> None:
        """Somebody may be gone."""
        if event.type == ACCOUNT_CHANGED.name and event.data.get("deleted") is True:
            id = _user_id(event.subject)
            await self._repository.deleted_accounts.update(
                id, lambda kept: kept or DeletedAccount(id)
            )
            await self._jobs.enqueue(ERASURE_JOB, id)

    async def erase_batch(self, user: str) -> bool:
        """One round; says whether nothing was left. Some ten state calls for each."""
        repository = self._repository
        lists: list[tuple[SegmentedLists, Callable[[str, Row], Awaitable[None]]]] = [
            (repository.authored, self._delete_post),
            (repository.directs, self._delete_post),
            (repository.favourites, self._clear_interaction),
            (repository.bookmarks, self._clear_interaction),
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
            id, lambda mark: mark_rules.without_reactions(mark) if mark else None
        )
        await self._projector.project_interaction(id)


def _user_id(subject: str) -> str:
    try:
        return normalize_id(subject)
    except Invalid as invalid:
        raise PoisonMessage(f"«{subject[:40]}» is not an id.") from invalid
