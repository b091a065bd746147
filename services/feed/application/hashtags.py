"""Queries of hashtags: their use, trends, and search by prefix.

Use is counted from a hashtag's own timeline on request, so it costs nothing to maintain and never
includes a deleted post. One state call for many hashtags, and one more for each that had more uses
in a week than a head holds. Counts are cached for some seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cachetools import TTLCache

from services.chassis.ids import first_id_at, id_time
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.window import Row, Window
from services.feed.application.hashtag_index import HashtagIndex
from services.feed.application.trends import TrendTracker
from services.feed.domain.rows import AUTHOR_ID, POST_ID
from services.feed.repository import Repository

HISTORY_DAYS = 7
MAX_COUNTED_USES = 2_000
"""How many uses in a week are counted. Older ones are not."""

_USE_TTL = 5.0
_MAX_CACHED = 20_000


@dataclass(frozen=True, slots=True)
class _CountedUse:
    use: dict[str, Any]
    total: int


class HashtagQueries:
    """Reads hashtags."""

    def __init__(
        self,
        repository: Repository,
        index: HashtagIndex,
        trends: TrendTracker,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._repository = repository
        self._index = index
        self._trends = trends
        self._clock = clock or (lambda: datetime.now(UTC))
        self._counted: TTLCache[str, _CountedUse] = TTLCache(_MAX_CACHED, _USE_TTL)

    async def uses(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the `TagUse` of each hashtag."""
        counted = await self._count(names)
        return [counted[name].use for name in names]

    async def trending(self, limit: int, offset: int) -> list[dict[str, Any]]:
        """Return trending hashtags that are still in use, strongest first."""
        return await self._in_use((await self._trends.tags())[offset : offset + limit])

    async def find(self, typed: str, limit: int, offset: int) -> list[dict[str, Any]]:
        """Return hashtags in use with a prefix: the exact one, then trends, then the shortest."""
        found = await self._index.find(typed)
        trending = {name: place for place, name in enumerate(await self._trends.tags())}

        def rank(name: str) -> tuple[bool, int, int, str]:
            return name != typed, trending.get(name, len(trending)), len(name), name

        wanted = sorted(found, key=rank)[offset : offset + limit]
        if typed not in found and not offset:  # it may have come when all its buckets were full
            wanted.insert(0, typed)
        return (await self._in_use(wanted))[:limit]

    async def _in_use(self, names: Sequence[str]) -> list[dict[str, Any]]:
        counted = await self._count(names)
        return [counted[name].use for name in names if counted[name].total]

    async def _count(self, names: Sequence[str]) -> Mapping[str, _CountedUse]:
        known = {name: use for name in names if (use := self._counted.get(name))}
        missing = [name for name in dict.fromkeys(names) if name not in known]
        if missing:
            heads = await self._repository.tags.heads.get_many(missing)
            fresh = await asyncio.gather(
                *(self._count_one(name, heads.get(name, ListHead())) for name in missing)
            )
            counted = dict(zip(missing, fresh, strict=True))
            self._counted.update(counted)
            known |= counted
        return known

    async def _count_one(self, name: str, head: ListHead) -> _CountedUse:
        today = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        since = first_id_at(today - timedelta(days=HISTORY_DAYS - 1))
        window = Window(MAX_COUNTED_USES, since_id=since)
        rows = await self._repository.tags.read(head, window)
        return _CountedUse({"name": name, "history": daily_use(rows, today)}, head.total)


def daily_use(rows: Iterable[Row], today: datetime) -> list[dict[str, int]]:
    """Return the use on each of the past days, today first, from the rows of a timeline."""
    days = [today - timedelta(days=ago) for ago in range(HISTORY_DAYS)]
    uses: dict[datetime, list[str]] = {day: [] for day in days}
    for row in rows:
        day = id_time(row[POST_ID]).replace(hour=0, minute=0, second=0, microsecond=0)
        if day in uses:
            uses[day].append(row[AUTHOR_ID])
    return [
        {
            "day": int(day.timestamp()),
            "uses": len(uses[day]),
            "accounts": len(set(uses[day])),
        }
        for day in days
    ]
