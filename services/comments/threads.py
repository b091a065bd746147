"""Reading threads: from one list for the whole thread, whatever its shape."""

from __future__ import annotations

from datetime import timedelta

from services.chassis.ids import first_id_at, id_time
from services.chassis.storage.segmented_list import ListHead
from services.chassis.storage.window import Window
from services.comments.domain import Bounds, Comment, Row, above, below
from services.comments.store import Heads, Store
from services.contracts.limits import PATH

ROWS = 4_096
"""How many comments of a thread are looked at: the oldest below a post, the newest above it."""

_CLOCKS_DIFFER_BY = timedelta(seconds=5)


class Threads:
    """What is above and below posts, as ids."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def around(self, id: str, bounds: Bounds) -> dict[str, list[str]]:
        """A `contracts.comments.Thread`; an empty one of a post that is not known.

        Three state calls, or four in a thread that is deeper than `PATH`: the comment, the heads of
        the thread's lists, and the segments; as many more where very many comments were deleted. A
        list of thousands of rows needs one more for each level of its tree, and of it those rows
        are looked at that are nearest to the post in time.
        """
        comment, heads = await self._store.place(id)
        if comment is not None and comment.deleted:
            return {"ancestors": [], "descendants": []}
        return {
            "ancestors": await self._above(comment, heads, bounds) if comment else [],
            "descendants": await self._below(id, comment, heads, bounds),
        }

    async def _above(self, comment: Comment, heads: Heads, bounds: Bounds) -> list[str]:
        rows: list[Row] = []
        window = Window(ROWS, max_id=comment.id)
        if len(comment.path) >= PATH:
            rows = await self._store.threads.read(heads.thread, window)
        gone = await self._removed(heads.removed, window)
        return above(comment.path, rows, bounds.ancestors, gone)

    async def _below(
        self, id: str, comment: Comment | None, heads: Heads, bounds: Bounds
    ) -> list[str]:
        if not bounds.descendants:
            return []
        window = Window(ROWS, min_id=_shortly_before(id) if comment else "0")
        rows = await self._store.threads.read(heads.thread, window)
        gone = await self._removed(heads.removed, window)
        return below(id, rows, most=bounds.descendants, depth=bounds.depth, gone=gone)

    async def _removed(self, head: ListHead, window: Window) -> set[str]:
        return {row[0] for row in await self._store.removed.read(head, window)}


def _shortly_before(id: str) -> str:
    """A bound that all replies to a post are above, also if made by a clock that goes behind."""
    return first_id_at(id_time(id) - _CLOCKS_DIFFER_BY)
