"""Queries of notifications.

State calls: two for a newest page (the list with the owner's relations; the deletions), each saved
if all of it is cached, three for any other; one more for an owner whom very many users block. A
page of which much is filtered out may take more, up to the end of the list, so a page is empty
only at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from services.chassis.errors import NotFound
from services.chassis.storage.window import Window
from services.contracts.invalidations import notifications_document
from services.notifications.domain.groups import (
    GROUPED_TYPES,
    RowGroup,
    group_key,
    group_rows,
    parse_group_key,
)
from services.notifications.domain.markers import ReadMarkers
from services.notifications.domain.notifications import (
    ACCOUNT,
    ID,
    POST,
    SHOP_TYPES,
    TYPE,
    NotificationCriteria,
    Row,
)
from services.notifications.domain.owner_relations import OwnerRelations
from services.notifications.repository import MAX_KEPT, OwnerState, Repository, cached_documents

_SCAN_LIMIT = 1_000
"""Rows that are read at once if the first page of them was not sufficient."""

_MAX_PAGES_SCANNED = 6
_BATCH_SIZE = 100


@dataclass(frozen=True, slots=True)
class NotificationPage:
    """Visible rows, newest first, and the ids of the newest and oldest scanned rows.

    `documents` are those on which the page depends, as caches know them.
    """

    rows: list[Row]
    first: str = ""
    last: str = ""
    documents: frozenset[str] = frozenset()


class NotificationQueries:
    """Reads the notifications of one owner."""

    def __init__(self, repository: Repository, *, now: Callable[[], str]) -> None:
        self._repository = repository
        self._now = now

    async def page(
        self, owner: str, window: Window, wanted: NotificationCriteria, max_age: float = 0.0
    ) -> NotificationPage:
        """Return a page of notifications."""
        state = await self._repository.owner_state(owner, max_age)
        return await self._read_page(
            state, window, wanted, lambda rows: len(rows) - window.limit, _row_id
        )

    async def group_page(
        self,
        owner: str,
        window: Window,
        wanted: NotificationCriteria,
        types: frozenset[str] = GROUPED_TYPES,
    ) -> tuple[list[RowGroup], NotificationPage]:
        """Return a page of groups with those of their members that are within the page."""
        state = await self._repository.owner_state(owner)

        def key(row: Row) -> str:
            return group_key(row[ID], row[TYPE], row[POST], types)

        def over(rows: list[Row]) -> int:
            return len({key(row) for row in rows}) - window.limit

        found = await self._read_page(state, window, wanted, over, key)
        return group_rows(found.rows, types), found

    async def count_unread(
        self,
        owner: str,
        wanted: NotificationCriteria,
        limit: int,
        types: frozenset[str] = frozenset(),
    ) -> int:
        """Count the notifications, or groups, newer than the marker, up to `limit`."""
        state, markers = await asyncio.gather(
            self._repository.owner_state(owner), self._repository.markers.get(owner)
        )
        read_up_to = (markers or ReadMarkers()).last_read("notifications")
        window = Window(limit, since_id=read_up_to)
        counted: set[str] = set()
        async for _, shown in self._scan(state, window, wanted):
            counted |= {group_key(row[ID], row[TYPE], row[POST], types) for row in shown}
            if len(counted) >= limit:
                break
        return min(limit, len(counted))

    async def get(self, owner: str, id: str) -> Row:
        """Return one notification. Raises `NotFound`."""
        group = await self.get_group(owner, f"ungrouped-{id}")
        return group.rows[0]

    async def get_group(self, owner: str, key: str) -> RowGroup:
        """Return a complete group. Raises `NotFound`."""
        where = parse_group_key(key)
        if where is None:
            raise notification_not_found()
        state = await self._repository.owner_state(owner)
        window = Window(MAX_KEPT, max_id=where.below, since_id=where.above)
        found = [
            row
            async for _, rows in self._scan(state, window, NotificationCriteria())
            for row in rows
        ]
        members = [row for row in found if where.contains(row)]
        if not members:
            raise notification_not_found()
        return RowGroup(key, members)

    async def _read_page(
        self,
        state: OwnerState,
        window: Window,
        wanted: NotificationCriteria,
        over: Callable[[list[Row]], int],
        key: Callable[[Row], str],
    ) -> NotificationPage:
        """Read until a page is full, and leave the rest to the next page."""
        rows: list[Row] = []
        reached: list[str] = []
        documents = {notifications_document(state.owner)}
        async for looked_at, shown in self._scan(state, window, wanted):
            documents |= cached_documents(looked_at)
            reached += [looked_at[0][ID], looked_at[-1][ID]]
            rows += shown
            if over(rows) >= 0:
                break
        rows.sort(key=lambda row: row[ID], reverse=not window.ascending)
        kept = _first_groups(rows, window.limit, key)
        first, last = max(reached, default=""), min(reached, default="")
        if len(kept) < len(rows):
            first, last = (kept[-1][ID], last) if window.ascending else (first, kept[-1][ID])
        return NotificationPage(sorted(kept, reverse=True), first, last, frozenset(documents))

    async def _scan(
        self, state: OwnerState, window: Window, wanted: NotificationCriteria
    ) -> AsyncIterator[tuple[list[Row], list[Row]]]:
        """Yield scanned rows with the visible ones of them, in the direction of the window."""
        now = self._now()

        def keeps(row: Row) -> bool:
            return row[ID] > state.cleared and wanted.matches(row)

        def admits(relations: OwnerRelations, row: Row) -> bool:
            return row[TYPE] in SHOP_TYPES or relations.admits(row[ACCOUNT], now)

        for _ in range(_MAX_PAGES_SCANNED):
            rows = await self._repository.lists.read(state.head, window)
            for part in _batches(rows, upwards=window.ascending):
                kept = [row for row in part if keeps(row)]
                relations = await self._repository.relations_with(state, kept)
                kept = [row for row in kept if admits(relations, row)]
                yield part, await self._repository.not_deleted(kept) if kept else []
            if len(rows) < window.limit:
                return
            window = _next_window(window, rows)


def notification_not_found() -> NotFound:
    """Return the error for a notification that does not exist or belongs to another user."""
    return NotFound("There is no such notification.")


def _row_id(row: Row) -> str:
    return row[ID]


def _first_groups(rows: list[Row], limit: int, key: Callable[[Row], str]) -> list[Row]:
    """Return the rows of the first `limit` keys."""
    keys: set[str] = set()
    for count, row in enumerate(rows):
        keys.add(key(row))
        if len(keys) > limit:
            return rows[:count]
    return rows


def _batches(rows: list[Row], *, upwards: bool) -> list[list[Row]]:
    """Split rows into batches, the lowest first if the window is ascending."""
    parts = [rows[start : start + _BATCH_SIZE] for start in range(0, len(rows), _BATCH_SIZE)]
    return parts[::-1] if upwards else parts


def _next_window(window: Window, rows: list[Row]) -> Window:
    if window.ascending:
        return replace(window, limit=_SCAN_LIMIT, min_id=rows[0][ID])
    return replace(window, limit=_SCAN_LIMIT, max_id=rows[-1][ID])
