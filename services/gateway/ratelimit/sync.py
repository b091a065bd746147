"""Where the replicas of the gateway tell one another what they counted.

One bulk get and one transaction at most once a second, and neither while nobody asks for anything.
Counters are not data: whatever is lost here was forgotten at the end of its window anyway.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from types import TracebackType

from services.chassis.dapr.state import ABSENT, StateStore, StateUpsert
from services.chassis.errors import ServiceError
from services.gateway.ratelimit.limiter import SHARDS, RateLimiter

SYNC_INTERVAL = 1.0
"""Seconds between two rounds."""

_STARTUP_INTERVAL = 0.2

log = logging.getLogger(__name__)


class RateLimitSync:
    """The shared counts of some limiters. Without the state store each replica counts alone."""

    def __init__(self, state: StateStore, limiters: Sequence[RateLimiter]) -> None:
        self._state = state
        self._limiters = limiters

    async def __aenter__(self) -> RateLimitSync:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing untold to whoever comes after."""
        await self._sync_or_log()

    async def run(self) -> None:
        """Learn what was counted before this replica began; then tell and learn, for ever."""
        knows = False
        while True:
            knows = await self._sync_or_log(everything=not knows) or knows
            pause = SYNC_INTERVAL * random.uniform(1.0, 1.2)  # noqa: S311 (jitter)
            await asyncio.sleep(pause if knows else _STARTUP_INTERVAL)

    async def sync_once(self, *, everything: bool = False) -> None:
        """One round. Raises `VersionConflict` if another replica wrote first: the next will do."""
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

    async def _sync_or_log(self, *, everything: bool = False) -> bool:
        try:
            await self.sync_once(everything=everything)
        except ServiceError as failure:
            log.debug("counts were not shared", extra={"why": failure.message})
            return False
        return True
