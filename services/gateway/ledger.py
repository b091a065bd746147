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

from services.chassis.dapr.client import ABSENT, StateStore, StateUpsert
from services.chassis.errors import ServiceError
from services.gateway.ratelimit import SHARDS, Limiter

EVERY = 1.0
"""Seconds between two rounds."""

_START = 0.2

log = logging.getLogger(__name__)


class Ledger:
    """The shared counts of some limiters. Without the state store each replica counts alone."""

    def __init__(self, state: StateStore, limiters: Sequence[Limiter]) -> None:
        self._state = state
        self._limiters = limiters

    async def __aenter__(self) -> Ledger:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing untold to whoever comes after."""
        await self._try()

    async def run(self) -> None:
        """Learn what was counted before this replica began; then tell and learn, for ever."""
        knows = False
        while True:
            knows = await self._try(everything=not knows) or knows
            pause = EVERY * random.uniform(1.0, 1.2)  # noqa: S311 (jitter)
            await asyncio.sleep(pause if knows else _START)

    async def share(self, *, everything: bool = False) -> None:
        """One round. Raises `VersionConflict` if another replica wrote first: the next will do."""
        wanted = {
            f"limits:{limiter.name}:{index}": (limiter, index)
            for limiter in self._limiters
            for index in (range(SHARDS) if everything else limiter.untold())
        }
        found = await self._state.get_many(list(wanted))
        writes = []
        for key, (limiter, index) in wanted.items():
            entry = found.get(key, ABSENT)
            document = limiter.hear(index, entry.value)
            if document is not None:
                writes.append(StateUpsert(key, document, entry.etag))
        if writes:
            await self._state.transact(writes)

    async def _try(self, *, everything: bool = False) -> bool:
        try:
            await self.share(everything=everything)
        except ServiceError as failure:
            log.debug("counts were not shared", extra={"why": failure.message})
            return False
        return True
