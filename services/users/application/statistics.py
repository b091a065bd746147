"""The census: kept in step with profiles and posts, counted when somebody asks.

Every person is one line on one of `SHARDS` sheets, written whenever their profile or the number of
their posts changes: a line says what is true, so that a repeat changes nothing and the numbers are
exact at rest. Counting reads all sheets in one state call, at most once in `FOR` seconds.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from services.chassis.errors import Unavailable
from services.users.application.mute_expiry import Clock, utc_now
from services.users.domain.statistics import (
    SHARDS,
    AccountStatistics,
    InstanceStatistics,
    StatisticsShard,
    shard_key,
)
from services.users.repository import AuthorPostCount, Repository, decode_document

STATISTICS_TTL = 5.0
"""For how many seconds a count is good."""

MAX_ATTEMPTS = 8


class StatisticsService:
    """Keeps the sheets, and counts them."""

    def __init__(self, repository: Repository, clock: Clock = utc_now) -> None:
        self._repository = repository
        self._clock = clock
        self._cached: InstanceStatistics | None = None
        self._cached_until = 0.0

    async def reconcile(self, person: str) -> None:
        """Make somebody's line say what is true. Three state calls and a commit."""
        line = await self._account_statistics(person)
        for _ in range(MAX_ATTEMPTS):
            say = partial(_saying, person, line)
            await self._repository.statistics.update(shard_key(person), say)
            now = await self._account_statistics(person)
            if now == line:
                return
            line = now
        raise Unavailable(f"The person {person} keeps changing.")

    async def apply_post_count(self, person: str, posted: AuthorPostCount) -> None:
        """Put a count on somebody's line. Two state calls.

        Who has no line yet gets one by `agree`, which reads the count after it has written.
        """
        await self._repository.statistics.update(
            shard_key(person),
            lambda sheet: (sheet or StatisticsShard()).with_post_count(
                person, posted.total, posted.last_post, posted.version
            ),
        )

    async def current(self) -> InstanceStatistics:
        """The whole place, as of a few seconds ago."""
        if self._cached is None or time.monotonic() > self._cached_until:
            sheets = await self._repository.statistics.get_many(
                str(shard) for shard in range(SHARDS)
            )
            self._cached = InstanceStatistics.of(sheets.values(), self._clock())
            self._cached_until = time.monotonic() + STATISTICS_TTL
        return self._cached

    async def statistics(self) -> dict[str, Any]:
        """The numbers, as the contracts' `Statistics`."""
        census = await self.current()
        return {
            "users": census.users,
            "posts": census.posts,
            "active_month": census.active_month,
            "active_half_year": census.active_half_year,
            "weeks": [
                {"start": int(start.timestamp()), "registrations": came}
                for start, came in census.weeks
            ],
        }

    async def directory(
        self, order: str, viewer: str, limit: int, offset: int
    ) -> list[dict[str, Any]]:
        """Who wants to be found, without those who and the viewer are apart. One state call."""
        census = await self.current()
        listed = census.newest if order == "new" else census.active
        people = await self._repository.account_views(listed[offset : offset + limit], viewer)
        return [person.account() for person in people.values() if not person.is_separated]

    async def _account_statistics(self, person: str) -> AccountStatistics | None:
        repository = self._repository
        rows = await repository.state.get_many(
            [repository.users.key(person), repository.post_counts.key(person)]
        )
        profile = repository.decode_profile(rows, person)
        if profile is None:
            return None
        posted: AuthorPostCount = (
            decode_document(rows, repository.post_counts, person) or AuthorPostCount()
        )
        return AccountStatistics(
            posted.total, posted.last_post, profile.discoverable, posted.version
        )


def _saying(
    person: str, line: AccountStatistics | None, sheet: StatisticsShard | None
) -> StatisticsShard:
    return (sheet or StatisticsShard()).with_account(person, line)
