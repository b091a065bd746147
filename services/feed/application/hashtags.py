"""Hashtags: how much each is used, and finding them by how they begin.

Use is counted on the hashtag's own timeline when somebody asks, so it costs nothing to keep and a
deleted post is not in it. One state call for many hashtags, and one more for each of those that had
more uses in a week than a head holds; what was counted is good for some seconds.

The index has buckets by the first letters, as the index of names in users: a bucket that is full
sends on to that of one letter more, so all are small. A hashtag stays in the index for good; one
that nobody uses any more is left out on reading.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from services.chassis.ids import first_id_at, id_time
from services.chassis.storage.list_head import ListHead
from services.chassis.storage.window import Row, Window
from services.feed.application.trends import TrendTracker
from services.feed.repository import HashtagBucket, Repository

HISTORY_DAYS = 7
MAX_COUNTED_USES = 2_000
"""How many uses in a week are looked at; of those before, nothing is said."""

_MAX_KEY_CHARACTERS = 6
_USE_TTL = 5.0
_MAX_CACHED = 20_000


@dataclass(frozen=True, slots=True)
class _CountedUse:
    use: dict[str, Any]
    total: int
    until: float


class HashtagQueries:
    """What is known of hashtags."""

    def __init__(
        self,
        repository: Repository,
        trends: TrendTracker,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._repository = repository
        self._trends = trends
        self._clock = clock or (lambda: datetime.now(UTC))
        self._counted: dict[str, _CountedUse] = {}
        self._indexed: set[str] = set()

    async def uses(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """The contracts' `TagUse` of each."""
        counted = await self._count(names)
        return [counted[name].use for name in names]

    async def trending(self, limit: int, offset: int) -> list[dict[str, Any]]:
        """Those that trend and are still in use, most first."""
        return await self._in_use((await self._trends.tags())[offset : offset + limit])

    async def find(self, typed: str, limit: int, offset: int) -> list[dict[str, Any]]:
        """Those in use that begin so: the very one, then what trends, then the shortest."""
        buckets = await self._repository.tag_index.get_many(bucket_keys(typed))
        found = {name for bucket in buckets.values() for name in bucket.names}
        trending = {name: place for place, name in enumerate(await self._trends.tags())}

        def place(name: str) -> tuple[bool, int, int, str]:
            return name != typed, trending.get(name, len(trending)), len(name), name

        ordered = sorted((name for name in found if name.startswith(typed)), key=place)
        wanted = ordered[offset : offset + limit]
        if typed not in found and not offset:  # perhaps it came when all its buckets were full
            wanted.insert(0, typed)
        return (await self._in_use(wanted))[:limit]

    async def index(self, tags: Iterable[str]) -> None:
        """Have hashtags found. Nothing to do for those this replica has seen before."""
        for tag in tags:
            if tag not in self._indexed:
                await self._index(tag)
                if len(self._indexed) >= _MAX_CACHED:
                    self._indexed.clear()
                self._indexed.add(tag)

    async def _index(self, tag: str) -> None:
        for key in bucket_keys(tag):
            bucket = await self._repository.tag_index.update(key, partial(_with_tag, tag))
            if bucket is not None and tag in bucket.names:
                return

    async def _in_use(self, names: Sequence[str]) -> list[dict[str, Any]]:
        counted = await self._count(names)
        return [counted[name].use for name in names if counted[name].total]

    async def _count(self, names: Sequence[str]) -> Mapping[str, _CountedUse]:
        now = time.monotonic()
        known = {
            name: self._counted[name]
            for name in names
            if name in self._counted and self._counted[name].until > now
        }
        missing = [name for name in dict.fromkeys(names) if name not in known]
        if missing:
            heads = await self._repository.tags.heads.get_many(missing)
            fresh = await asyncio.gather(
                *(self._count_one(name, heads.get(name, ListHead())) for name in missing)
            )
            if len(self._counted) >= _MAX_CACHED:
                self._counted.clear()
            known |= dict(zip(missing, fresh, strict=True))
            self._counted |= known
        return known

    async def _count_one(self, name: str, head: ListHead) -> _CountedUse:
        today = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        since = first_id_at(today - timedelta(days=HISTORY_DAYS - 1))
        rows = await self._repository.tags.read(head, Window(MAX_COUNTED_USES, since_id=since))
        use = {"name": name, "history": daily_use(rows, today)}
        return _CountedUse(use, head.total, time.monotonic() + _USE_TTL)


def daily_use(rows: Iterable[Row], today: datetime) -> list[dict[str, int]]:
    """How much some rows are on each of the past days, today first."""
    days = [today - timedelta(days=ago) for ago in range(HISTORY_DAYS)]
    uses: dict[datetime, list[str]] = {day: [] for day in days}
    for row in rows:
        day = id_time(row[0]).replace(hour=0, minute=0, second=0, microsecond=0)
        if day in uses:
            uses[day].append(row[1])
    return [
        {
            "day": int(day.timestamp()),
            "uses": len(uses[day]),
            "accounts": len(set(uses[day])),
        }
        for day in days
    ]


def bucket_keys(tag: str) -> list[str]:
    """The buckets in which a hashtag may be, in the order in which they are tried."""
    return [tag[:length] for length in range(1, min(len(tag), _MAX_KEY_CHARACTERS) + 1)]


def _with_tag(tag: str, bucket: HashtagBucket | None) -> HashtagBucket:
    return (bucket or HashtagBucket()).with_tag(tag)
