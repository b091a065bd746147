"""What follows when somebody deletes their account: their posts, favourites and bookmarks go.

`gone:USER` is written before their lists are read, and read after anything comes into one of them
(`events.py`): so whatever is made at that moment is seen by one of the two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.chassis.consuming.inbox import Event, PoisonMessage
from services.chassis.errors import Invalid
from services.chassis.jobs import JobQueue
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Row, Window, normalize_id
from services.contracts.events import ACCOUNT_CHANGED
from services.posts.domain import marks as mark_rules
from services.posts.domain.pins import Pins
from services.posts.domain.posts import tombstone
from services.posts.events import Projections
from services.posts.store import Gone, Store

ERASURE = "erasure"
ROUND = 25
"""How many posts or marks go in one round."""


class Erasure:
    """Removes all that somebody made, a bounded part in each round."""

    def __init__(self, store: Store, projections: Projections, errands: JobQueue) -> None:
        self._store = store
        self._projections = projections
        self._errands = errands
        errands.register(ERASURE, self.erase)

    async def account_changed(self, event: Event) -> None:
        """Somebody may be gone."""
        if event.type == ACCOUNT_CHANGED.name and event.data.get("deleted") is True:
            id = _id(event.subject)
            await self._store.gone.update(id, lambda kept: kept or Gone(id))
            await self._errands.enqueue(ERASURE, id)

    async def erase(self, user: str) -> bool:
        """One round; says whether nothing was left. Some ten state calls for each."""
        store = self._store
        lists: list[tuple[SegmentedLists, Callable[[str, Row], Awaitable[None]]]] = [
            (store.authored, self._delete),
            (store.directs, self._delete),
            (store.favourites, self._unmark),
            (store.bookmarks, self._unmark),
        ]
        for kind, remove in lists:
            rows = await kind.page(user, Window(ROUND))
            if rows:
                await asyncio.gather(*(remove(user, row) for row in rows))
                await kind.remove(user, [row[0] for row in rows])
                return False
        await self._store.pins.update(user, lambda pins: Pins(user) if pins else None)
        return True

    async def _delete(self, _: str, row: Row) -> None:
        await self._store.posts.update(row[0], lambda post: tombstone(post) if post else None)
        await self._projections.follow_post(row[0])

    async def _unmark(self, user: str, row: Row) -> None:
        id = f"{user}:{row[1]}"
        await self._store.marks.update(id, lambda mark: mark_rules.cleared(mark) if mark else None)
        await self._projections.follow_mark(id)


def _id(subject: str) -> str:
    try:
        return normalize_id(subject)
    except Invalid as invalid:
        raise PoisonMessage(f"«{subject[:40]}» is not an id.") from invalid
