"""Reading notifications.

State calls: two for a newest page (the list with the owner's stance; what was deleted), three for
any other; one more for somebody whom more people block than their stance has room for. A page on
which much is left out may take more, until all that is kept has been looked at: so a page is never
empty while there is more to show.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from services.chassis.errors import NotFound
from services.chassis.storage.window import Window
from services.notifications.domain.groups import (
    GROUPED_TYPES,
    RowGroup,
    group_key,
    group_rows,
    parse_group_key,
)
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
from services.notifications.repository import MAX_KEPT, OwnerState, Repository

_SCAN_LIMIT = 1_000
"""Rows that are read at once where the first page of them was not enough."""

_MAX_PAGES_SCANNED = 6
_BATCH_SIZE = 100


@dataclass(frozen=True, slots=True)
class NotificationPage:
    """Rows that are shown, newest first, and the ids of the newest and oldest looked at."""

    rows: list[Row]
    first: str = ""
    last: str = ""


class NotificationQueries:
    """The pages that somebody reads."""

    def __init__(self, repository: Repository, *, now: Callable[[], str]) -> None:
        self._repository = repository
        self._now = now

    async def page(
        self, owner: str, window: Window, wanted: NotificationCriteria
    ) -> NotificationPage:
        """A page of notifications."""
        desk = await self._repository.owner_state(owner)
        return await self._read_page(
            desk, window, wanted, lambda rows: len(rows) - window.limit, _row_id
        )

    async def group_page(
        self,
        owner: str,
        window: Window,
        wanted: NotificationCriteria,
        types: frozenset[str] = GROUPED_TYPES,
    ) -> tuple[list[RowGroup], NotificationPage]:
        """A page of groups; of each, those members that lie within the page."""
        desk = await self._repository.owner_state(owner)

        def key(row: Row) -> str:
            return group_key(row[ID], row[TYPE], row[POST], types)

        def over(rows: list[Row]) -> int:
            return len({key(row) for row in rows}) - window.limit

        found = await self._read_page(desk, window, wanted, over, key)
        return group_rows(found.rows, types), found

    async def count_unread(
        self,
        owner: str,
        wanted: NotificationCriteria,
        limit: int,
        types: frozenset[str] = frozenset(),
    ) -> int:
        """How many (groups of `types`) are newer than the marker, `limit` at most."""
        desk = await self._repository.owner_state(owner)
        window = Window(limit, since_id=desk.markers.last_read("notifications"))
        counted: set[str] = set()
        async for _, shown in self._scan(desk, window, wanted):
            counted |= {group_key(row[ID], row[TYPE], row[POST], types) for row in shown}
            if len(counted) >= limit:
                break
        return min(limit, len(counted))

    async def get(self, owner: str, id: str) -> Row:
        """One notification. Raises `NotFound`."""
        group = await self.get_group(owner, f"ungrouped-{id}")
        return group.rows[0]

    async def get_group(self, owner: str, key: str) -> RowGroup:
        """All that there is of a group. Raises `NotFound`."""
        where = parse_group_key(key)
        if where is None:
            raise notification_not_found()
        desk = await self._repository.owner_state(owner)
        window = Window(MAX_KEPT, max_id=where.below, since_id=where.above)
        found = [
            row
            async for _, rows in self._scan(desk, window, NotificationCriteria())
            for row in rows
        ]
        members = [row for row in found if where.contains(row)]
        if not members:
            raise notification_not_found()
        return RowGroup(key, members)

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    async def _read_page(
        self,
        desk: OwnerState,
        window: Window,
        wanted: NotificationCriteria,
        over: Callable[[list[Row]], int],
        key: Callable[[Row], str],
    ) -> NotificationPage:
        """Read until a page is full, and leave what is over to the next one."""
        rows: list[Row] = []
        reached: list[str] = []
        async for looked_at, shown in self._scan(desk, window, wanted):
            reached += [looked_at[0][ID], looked_at[-1][ID]]
            rows += shown
            if over(rows) >= 0:
                break
        rows.sort(key=lambda row: row[ID], reverse=not window.ascending)
        kept = _first_groups(rows, window.limit, key)
        first, last = max(reached, default=""), min(reached, default="")
        if len(kept) < len(rows):
            first, last = (kept[-1][ID], last) if window.ascending else (first, kept[-1][ID])
        return NotificationPage(sorted(kept, reverse=True), first, last)

    async def _scan(
        self, desk: OwnerState, window: Window, wanted: NotificationCriteria
    ) -> AsyncIterator[tuple[list[Row], list[Row]]]:
        """What was looked at, and what of it is shown, in the direction of the window."""
        now = self._now()

        def keeps(row: Row) -> bool:
            return row[ID] > desk.cleared and wanted.matches(row)

        def admits(stance: OwnerRelations, row: Row) -> bool:
            return row[TYPE] in SHOP_TYPES or stance.admits(row[ACCOUNT], now)

        for _ in range(_MAX_PAGES_SCANNED):
            rows = await self._repository.lists.read(desk.head, window)
            for part in _batches(rows, upwards=window.ascending):
                kept = [row for row in part if keeps(row)]
                stance = await self._repository.relations_with(desk, kept)
                kept = [row for row in kept if admits(stance, row)]
                yield part, await self._repository.not_deleted(kept) if kept else []
            if len(rows) < window.limit:
                return
            window = _next_window(window, rows)


def notification_not_found() -> NotFound:
    """Not there, and somebody else's, are told apart by nobody."""
    return NotFound("There is no such notification.")


def _row_id(row: Row) -> str:
    return row[ID]


def _first_groups(rows: list[Row], limit: int, key: Callable[[Row], str]) -> list[Row]:
    """Rows up to the one that would begin the key after the last that is wanted."""
    keys: set[str] = set()
    for count, row in enumerate(rows):
        keys.add(key(row))
        if len(keys) > limit:
            return rows[:count]
    return rows


def _batches(rows: list[Row], *, upwards: bool) -> list[list[Row]]:
    """Rows in parts that are looked up together; the lowest first, where the window goes up."""
    parts = [rows[start : start + _BATCH_SIZE] for start in range(0, len(rows), _BATCH_SIZE)]
    return parts[::-1] if upwards else parts


def _next_window(window: Window, rows: list[Row]) -> Window:
    if window.ascending:
        return replace(window, limit=_SCAN_LIMIT, min_id=rows[0][ID])
    return replace(window, limit=_SCAN_LIMIT, max_id=rows[-1][ID])
