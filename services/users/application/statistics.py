"""Statistics of the instance: derived from profiles and post counts, summed on request.

Every account has a record in one of `SHARDS` documents. It is written whenever the profile or the
post count changes, and states what is true, so repetition changes nothing and the numbers are exact
at rest. A request reads all shards in one state call, at most once in `STATISTICS_TTL` seconds.
"""

from __future__ import annotations

import time
from typing import Any

from services.chassis.converge import converge
from services.chassis.ids import Clock, utc_now
from services.users.domain.statistics import (
    SHARDS,
    AccountStatistics,
    AuthorPostCount,
    InstanceStatistics,
    StatisticsShard,
    shard_key,
)
from services.users.repository import Repository, decode_document

STATISTICS_TTL = 5.0


class StatisticsService:
    """Maintains the shards, and computes statistics and the directory."""

    def __init__(self, repository: Repository, clock: Clock = utc_now) -> None:
        self._repository = repository
        self._clock = clock
        self._cached: InstanceStatistics | None = None
        self._cached_until = 0.0

    async def reconcile(self, id: str) -> None:
        """Bring the record of an account in line with it. Three state calls and a commit."""
        await converge(
            lambda: self._account(id),
            lambda state: self._repository.statistics.update(
                shard_key(id), lambda kept: (kept or StatisticsShard()).with_account(id, state[0])
            ),
            what=f"The statistics of account {id}",
        )

    async def apply_post_count(self, id: str, count: AuthorPostCount) -> None:
        """Store a post count, and record it for its account. Four state calls.

        An account without a record gets one by `reconcile`, which reads the count afterwards.
        """
        stored = await self._repository.post_counts.update(
            id, lambda kept: count if kept is None or kept.version < count.version else kept
        )
        await self._repository.statistics.update(
            shard_key(id),
            lambda kept: (kept or StatisticsShard()).with_post_count(id, stored or count),
        )

    async def current(self) -> InstanceStatistics:
        """Return the statistics as of a few seconds ago."""
        if self._cached is None or time.monotonic() > self._cached_until:
            shards = await self._repository.statistics.get_many(map(str, range(SHARDS)))
            self._cached = InstanceStatistics.of(shards.values(), self._clock())
            self._cached_until = time.monotonic() + STATISTICS_TTL
        return self._cached

    async def statistics(self) -> dict[str, Any]:
        """Return the contract's `Statistics`."""
        current = await self.current()
        return {
            "users": current.users,
            "posts": current.posts,
            "active_month": current.active_month,
            "active_half_year": current.active_half_year,
            "weeks": [
                {"start": int(start.timestamp()), "registrations": count}
                for start, count in current.weeks
            ],
        }

    async def directory(
        self, order: str, viewer: str, limit: int, offset: int
    ) -> list[dict[str, Any]]:
        """List discoverable accounts that are not separated from the viewer. One state call."""
        current = await self.current()
        listed = current.newest if order == "new" else current.active
        views = await self._repository.account_views(listed[offset : offset + limit], viewer)
        return [view.account() for view in views.values() if not view.is_separated]

    async def _account(self, id: str) -> tuple[AccountStatistics | None]:
        """Return the record of an account, None if the account does not exist."""
        repository = self._repository
        rows = await repository.state.get_many(
            [repository.users.key(id), repository.post_counts.key(id)]
        )
        profile = repository.decode_profile(rows, id)
        if profile is None:
            return (None,)
        count = decode_document(rows, repository.post_counts, id) or AuthorPostCount()
        return (
            AccountStatistics(count.total, count.last_post, profile.discoverable, count.version),
        )
