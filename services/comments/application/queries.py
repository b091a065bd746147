"""Queries of threads. One list holds a whole thread, whatever its shape."""

from __future__ import annotations

from datetime import timedelta

from services.chassis.ids import first_id_at, id_time
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.window import Window
from services.comments.domain.comments import CommentRecord
from services.comments.domain.threads import ThreadLimits, ThreadRow, ancestors, descendants
from services.comments.repository import Repository, ThreadHeads
from services.contracts.limits import MAX_PATH

MAX_ROWS = 4_096
"""How many comments of a thread are read: the oldest below a post, the newest above it."""

_CLOCK_LEEWAY = timedelta(seconds=5)


class ThreadQueries:
    """Returns the ids above and below a post."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    async def thread(self, id: str, limits: ThreadLimits) -> dict[str, list[str]]:
        """Return a `contracts.comments.Thread`, an empty one for an unknown post.

        Three state calls: the comment, the heads of the thread's lists, and the segments; four in a
        thread deeper than `PATH`, and as many more for very many deleted comments. A list of
        thousands of rows takes one more call for each level of its tree; only the rows nearest to
        the post in time are read.
        """
        comment, heads = await self._repository.find_thread(id)
        if comment is not None and comment.deleted:
            return {"ancestors": [], "descendants": []}
        return {
            "ancestors": await self._ancestors(comment, heads, limits) if comment else [],
            "descendants": await self._descendants(id, comment, heads, limits),
        }

    async def _ancestors(
        self, comment: CommentRecord, heads: ThreadHeads, limits: ThreadLimits
    ) -> list[str]:
        rows: list[ThreadRow] = []
        window = Window(MAX_ROWS, max_id=comment.id)
        if len(comment.path) >= MAX_PATH:
            rows = await self._repository.threads.read(heads.thread, window)
        removed = await self._removed_ids(heads.removed, window)
        return ancestors(comment.path, rows, limits.ancestors, removed)

    async def _descendants(
        self, id: str, comment: CommentRecord | None, heads: ThreadHeads, limits: ThreadLimits
    ) -> list[str]:
        if not limits.descendants:
            return []
        window = Window(MAX_ROWS, min_id=_lower_bound(id) if comment else "0")
        rows = await self._repository.threads.read(heads.thread, window)
        removed = await self._removed_ids(heads.removed, window)
        return descendants(id, rows, most=limits.descendants, depth=limits.depth, removed=removed)

    async def _removed_ids(self, head: ListHead, window: Window) -> set[str]:
        return {row[0] for row in await self._repository.removed.read(head, window)}


def _lower_bound(id: str) -> str:
    """Return an id below all replies to a post, also those of a replica whose clock is behind."""
    return first_id_at(id_time(id) - _CLOCK_LEEWAY)
