"""Reading threads: from one list for the whole thread, whatever its shape."""

from __future__ import annotations

from datetime import timedelta

from services.chassis.ids import first_id_at, id_time
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.window import Window
from services.comments.domain import CommentRecord, ThreadLimits, ThreadRow, ancestors, descendants
from services.comments.repository import Repository, ThreadHeads
from services.contracts.limits import PATH

MAX_ROWS = 4_096
"""How many comments of a thread are looked at: the oldest below a post, the newest above it."""

_CLOCK_LEEWAY = timedelta(seconds=5)


class ThreadQueries:
    """What is above and below posts, as ids."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def thread(self, id: str, bounds: ThreadLimits) -> dict[str, list[str]]:
        """A `contracts.comments.Thread`; an empty one of a post that is not known.

        Three state calls, or four in a thread that is deeper than `PATH`: the comment, the heads of
        the thread's lists, and the segments; as many more where very many comments were deleted. A
        list of thousands of rows needs one more for each level of its tree, and of it those rows
        are looked at that are nearest to the post in time.
        """
        comment, heads = await self._repository.find_thread(id)
        if comment is not None and comment.deleted:
            return {"ancestors": [], "descendants": []}
        return {
            "ancestors": await self._ancestors(comment, heads, bounds) if comment else [],
            "descendants": await self._descendants(id, comment, heads, bounds),
        }

    async def _ancestors(
        self, comment: CommentRecord, heads: ThreadHeads, bounds: ThreadLimits
    ) -> list[str]:
        rows: list[ThreadRow] = []
        window = Window(MAX_ROWS, max_id=comment.id)
        if len(comment.path) >= PATH:
            rows = await self._repository.threads.read(heads.thread, window)
        gone = await self._removed_ids(heads.removed, window)
        return ancestors(comment.path, rows, bounds.ancestors, gone)

    async def _descendants(
        self, id: str, comment: CommentRecord | None, heads: ThreadHeads, bounds: ThreadLimits
    ) -> list[str]:
        if not bounds.descendants:
            return []
        window = Window(MAX_ROWS, min_id=_lower_bound(id) if comment else "0")
        rows = await self._repository.threads.read(heads.thread, window)
        gone = await self._removed_ids(heads.removed, window)
        return descendants(id, rows, most=bounds.descendants, depth=bounds.depth, gone=gone)

    async def _removed_ids(self, head: ListHead, window: Window) -> set[str]:
        return {row[0] for row in await self._repository.removed.read(head, window)}


def _lower_bound(id: str) -> str:
    """A bound that all replies to a post are above, also if made by a clock that goes behind."""
    return first_id_at(id_time(id) - _CLOCK_LEEWAY)
