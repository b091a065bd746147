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
    GROUPED,
    Group,
    bounds,
    group_key,
    grouped,
)
from services.notifications.domain.notifications import ACCOUNT, ID, POST, SHOP, TYPE, Filter, Row
from services.notifications.domain.stances import Stance
from services.notifications.store import MOST, Desk, Store

_MANY = 1_000
"""Rows that are read at once where the first page of them was not enough."""

_TRIES = 6
_LOOKED_UP = 100


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that are shown, newest first, and the ids of the newest and oldest looked at."""

    rows: list[Row]
    first: str = ""
    last: str = ""


class Reading:
    """The pages that somebody reads."""

    def __init__(self, store: Store, *, now: Callable[[], str]) -> None:
        self._store = store
        self._now = now

    async def page(self, owner: str, window: Window, wanted: Filter) -> Found:
        """A page of notifications."""
        desk = await self._store.desk(owner)
        return await self._take(
            desk, window, wanted, lambda rows: len(rows) - window.limit, _single
        )

    async def groups(
        self, owner: str, window: Window, wanted: Filter, types: frozenset[str] = GROUPED
    ) -> tuple[list[Group], Found]:
        """A page of groups; of each, those members that lie within the page."""
        desk = await self._store.desk(owner)

        def key(row: Row) -> str:
            return group_key(row[ID], row[TYPE], row[POST], types)

        def over(rows: list[Row]) -> int:
            return len({key(row) for row in rows}) - window.limit

        found = await self._take(desk, window, wanted, over, key)
        return grouped(found.rows, types), found

    async def unread(
        self, owner: str, wanted: Filter, limit: int, types: frozenset[str] = frozenset()
    ) -> int:
        """How many (groups of `types`) are newer than the marker, `limit` at most."""
        desk = await self._store.desk(owner)
        window = Window(limit, since_id=desk.markers.last_read("notifications"))
        counted: set[str] = set()
        async for _, shown in self._scan(desk, window, wanted):
            counted |= {group_key(row[ID], row[TYPE], row[POST], types) for row in shown}
            if len(counted) >= limit:
                break
        return min(limit, len(counted))

    async def one(self, owner: str, id: str) -> Row:
        """One notification. Raises `NotFound`."""
        group = await self.group(owner, f"ungrouped-{id}")
        return group.rows[0]

    async def group(self, owner: str, key: str) -> Group:
        """All that there is of a group. Raises `NotFound`."""
        where = bounds(key)
        if where is None:
            raise no_such_notification()
        desk = await self._store.desk(owner)
        window = Window(MOST, max_id=where.below, since_id=where.above)
        found = [row async for _, rows in self._scan(desk, window, Filter()) for row in rows]
        members = [row for row in found if where.holds(row)]
        if not members:
            raise no_such_notification()
        return Group(key, members)

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    async def _take(
        self,
        desk: Desk,
        window: Window,
        wanted: Filter,
        over: Callable[[list[Row]], int],
        key: Callable[[Row], str],
    ) -> Found:
        """Read until a page is full, and leave what is over to the next one."""
        rows: list[Row] = []
        reached: list[str] = []
        async for looked_at, shown in self._scan(desk, window, wanted):
            reached += [looked_at[0][ID], looked_at[-1][ID]]
            rows += shown
            if over(rows) >= 0:
                break
        rows.sort(key=lambda row: row[ID], reverse=not window.ascending)
        kept = _first(rows, window.limit, key)
        first, last = max(reached, default=""), min(reached, default="")
        if len(kept) < len(rows):
            first, last = (kept[-1][ID], last) if window.ascending else (first, kept[-1][ID])
        return Found(sorted(kept, reverse=True), first, last)

    async def _scan(
        self, desk: Desk, window: Window, wanted: Filter
    ) -> AsyncIterator[tuple[list[Row], list[Row]]]:
        """What was looked at, and what of it is shown, in the direction of the window."""
        now = self._now()

        def keeps(row: Row) -> bool:
            return row[ID] > desk.cleared and wanted.keeps(row)

        def admits(stance: Stance, row: Row) -> bool:
            return row[TYPE] in SHOP or stance.admits(row[ACCOUNT], now)

        for _ in range(_TRIES):
            rows = await self._store.lists.read(desk.head, window)
            for part in _parts(rows, upwards=window.ascending):
                kept = [row for row in part if keeps(row)]
                stance = await self._store.towards(desk, kept)
                kept = [row for row in kept if admits(stance, row)]
                yield part, await self._store.remaining(kept) if kept else []
            if len(rows) < window.limit:
                return
            window = _beyond(window, rows)


def no_such_notification() -> NotFound:
    """Not there, and somebody else's, are told apart by nobody."""
    return NotFound("There is no such notification.")


def _single(row: Row) -> str:
    return row[ID]


def _first(rows: list[Row], limit: int, key: Callable[[Row], str]) -> list[Row]:
    """Rows up to the one that would begin the key after the last that is wanted."""
    keys: set[str] = set()
    for count, row in enumerate(rows):
        keys.add(key(row))
        if len(keys) > limit:
            return rows[:count]
    return rows


def _parts(rows: list[Row], *, upwards: bool) -> list[list[Row]]:
    """Rows in parts that are looked up together; the lowest first, where the window goes up."""
    parts = [rows[start : start + _LOOKED_UP] for start in range(0, len(rows), _LOOKED_UP)]
    return parts[::-1] if upwards else parts


def _beyond(window: Window, rows: list[Row]) -> Window:
    if window.ascending:
        return replace(window, limit=_MANY, min_id=rows[0][ID])
    return replace(window, limit=_MANY, max_id=rows[-1][ID])
