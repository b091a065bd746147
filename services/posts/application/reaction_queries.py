"""Queries of the lists of reactions: by whom, and on which posts."""

from __future__ import annotations

from typing import Any

from services.chassis.security.caller import Caller
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.window import Row, Window
from services.posts.application.queries import PostQueries
from services.posts.domain.posts import PostRecord
from services.posts.repository import Repository

MAX_PAGES_SCANNED = 5
"""How many pages of a list are read to find one that has a visible row."""


class ReactionQueries:
    """Reads lists of reactions."""

    def __init__(self, repository: Repository, queries: PostQueries) -> None:
        self._repository = repository
        self._queries = queries

    async def favourited_by(self, id: str, window: Window, caller: Caller | None) -> dict[str, Any]:
        """Return who favourites a post, except suspended users.

        One state call, two beyond the newest hundred.
        """
        seen = await self._queries.get_original(id, caller)
        lists = self._repository.favouriters
        doc = lists.heads.decode(seen.details.favouriters)
        kept: list[Row] = []
        for _ in range(MAX_PAGES_SCANNED):
            rows = await lists.read(doc.value if doc else ListHead(), window)
            kept = await self._shown(rows)
            if kept or len(rows) < window.limit:
                break
            window = window.beyond(rows)
        return _reactor_page(kept, window.next_cursor(rows))

    async def _shown(self, rows: list[Row]) -> list[Row]:
        """Return the rows of accounts that are not suspended."""
        suspended = await self._queries.suspended_accounts.ids()
        return [row for row in rows if row[1] not in suspended]

    async def reblogged_by(self, id: str, window: Window, caller: Caller | None) -> dict[str, Any]:
        """Return who boosts a post, except suspended users, and who boosts for followers only.

        One state call, two beyond the newest hundred.
        """
        seen = await self._queries.get_original(id, caller)
        viewer = caller.user_id if caller else ""
        lists = self._repository.rebloggers
        doc = lists.heads.decode(seen.details.rebloggers)
        kept: list[Row] = []
        for _ in range(MAX_PAGES_SCANNED):
            rows = await lists.read(doc.value if doc else ListHead(), window)
            listed = [row for row in rows if _is_listed_boost(row, seen.post, viewer)]
            kept = await self._shown(listed)
            if kept or len(rows) < window.limit:
                break
            window = window.beyond(rows)
        return _reactor_page(kept, window.next_cursor(rows))

    async def reacted_posts(self, kind: str, window: Window, caller: Caller) -> dict[str, Any]:
        """Return the caller's favourites or bookmarks, newest first.

        Two state calls, three further down. A page without a visible post is skipped, because an
        empty page ends the list for clients.
        """
        is_favourite = kind == "favourite"
        lists = self._repository.favourites if is_favourite else self._repository.bookmarks
        for _ in range(MAX_PAGES_SCANNED):
            rows = await lists.page(caller.user_id, window)
            page = await self._reacted_page(kind, rows, caller)
            if page["ids"] or len(rows) < window.limit:
                break
            window = window.beyond(rows)
        return page | {"more": window.next_cursor(rows)}

    async def _reacted_page(self, kind: str, rows: list[Row], caller: Caller) -> dict[str, Any]:
        seen = await self._queries.get_many([row[1] for row in rows], caller) if rows else {}
        kept = [
            row for row in rows if row[1] in seen and seen[row[1]].is_current_reaction(kind, row[0])
        ]
        return {
            "ids": [row[0] for row in kept],
            "views": [seen[row[1]].view() for row in kept],
        }


def _is_listed_boost(row: Row, original: PostRecord, viewer: str) -> bool:
    _, user, visibility = row
    return visibility != "private" or original.visibility == "private" or user == viewer


def _reactor_page(rows: list[Row], more: str) -> dict[str, Any]:
    return {"ids": [row[0] for row in rows], "accounts": [row[1] for row in rows], "more": more}
