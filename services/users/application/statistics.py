"""Statistics of the instance: derived from profiles and post counts, summed on request.

Every account has a record in one of `SHARDS` documents. It is written whenever the profile or the
post count changes, and states what is true, so repetition changes nothing and the numbers are exact
at rest. A request reads all shards in one state call, at most once in `STATISTICS_TTL` seconds.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from services.chassis.converge import converge
from services.chassis.dapr.state import ABSENT
from services.chassis.ids import Clock, utc_now
from services.users.domain.statistics import (
    SHARDS,
    AccountStatistics,
    AuthorPostCount,
    InstanceStatistics,
    StatisticsShard,
    former_shard_key,
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
            lambda: self._state(id),
            lambda state: self._record(id, *state),
            what=f"The statistics of account {id}",
        )

    async def apply_post_count(self, id: str, count: AuthorPostCount) -> None:
        """Store a post count, and record it for its account. Two state calls.

        An account without a record gets one afterwards, if it exists: `reconcile` reads the count.
        """
        counts, shards = self._repository.post_counts, self._repository.statistics
        shard = shard_key(id)
        rows = await self._repository.state.get_many([counts.key(id), shards.key(shard)])
        seen = counts.decode(rows.get(counts.key(id), ABSENT))
        others = shards.decode(rows.get(shards.key(shard), ABSENT))
        store = counts.update(
            id,
            lambda kept: count if kept is None or kept.version < count.version else kept,
            expect_absent=seen is None,
            known=seen,
        )
        if others is None or id not in others.value.lines:
            await store
            await self.reconcile(id)
            return
        record = shards.update(
            shard,
            lambda kept: (kept or StatisticsShard()).with_post_count(id, count),
            known=others,
        )
        await asyncio.gather(store, record)

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

    async def _state(self, id: str) -> tuple[AccountStatistics | None, bool]:
        """Return the record of an account, and whether it is in its former shard too.

        None if the account does not exist.
        """
        repository, former = self._repository, former_shard_key(id)
        rows = await repository.state.get_many(
            [
                repository.users.key(id),
                repository.post_counts.key(id),
                repository.statistics.key(former),
            ]
        )
        shard = decode_document(rows, repository.statistics, former) or StatisticsShard()
        is_in_both = former != shard_key(id) and id in shard.lines
        profile = repository.decode_profile(rows, id)
        if profile is None:
            return None, is_in_both
        count = decode_document(rows, repository.post_counts, id) or AuthorPostCount()
        account = AccountStatistics(listed=profile.discoverable).with_count(count)
        return account, is_in_both

    async def _record(self, id: str, account: AccountStatistics | None, is_in_both: bool) -> None:
        shards = self._repository.statistics
        await shards.update(
            shard_key(id), lambda kept: (kept or StatisticsShard()).with_account(id, account)
        )
        if is_in_both:
            await shards.update(
                former_shard_key(id), lambda kept: kept.with_account(id, None) if kept else None
            )
