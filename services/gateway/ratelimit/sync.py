"""How the replicas of the gateway share what they counted.

Costs one bulk get and one transaction per interval, and neither while no request comes in. Counters
are not data: what is lost here would be forgotten at the end of its window anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from services.chassis.dapr.state import ABSENT, StateStore, StateUpsert, VersionConflict
from services.chassis.errors import ServiceError
from services.gateway.ratelimit.limiter import SHARDS, RateLimiter

SYNC_INTERVAL = 1.25
"""Seconds between two rounds. With the jitter of periodic work, at most one round per second."""

MAX_BACKOFF = 5.0

log = logging.getLogger(__name__)


class RateLimitSync:
    """Synchronizes limiters through the state store. Without it each replica counts alone."""

    def __init__(self, state: StateStore, limiters: Sequence[RateLimiter]) -> None:
        self._state = state
        self._limiters = limiters
        self._has_read_all = False

    async def __aenter__(self) -> RateLimitSync:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Write the last counts for the other replicas."""
        try:
            await self.sync()
        except ServiceError as failure:
            log.warning("the last counts are not shared", extra={"why": failure.message})

    async def run(self) -> None:
        """One round of a running replica; the first one that succeeds reads all counts."""
        try:
            await self.sync(everything=not self._has_read_all)
        except VersionConflict:  # another replica wrote first: the next round merges both
            return
        self._has_read_all = True

    async def sync(self, *, everything: bool = False) -> None:
        """Read and write the shards that changed here. Raises `VersionConflict`."""
        wanted = {
            f"limits:{limiter.name}:{index}": (limiter, index)
            for limiter in self._limiters
            for index in (range(SHARDS) if everything else limiter.unsynced_shards())
        }
        found = await self._state.get_many(list(wanted))
        writes = []
        for key, (limiter, index) in wanted.items():
            entry = found.get(key, ABSENT)
            document = limiter.merge(index, entry.value)
            if document is not None:
                writes.append(StateUpsert(key, document, entry.etag))
        if writes:
            await self._state.transact(writes)
