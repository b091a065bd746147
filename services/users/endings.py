"""Mutes that end by themselves: the edge is changed when the time comes, so that all hear of it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime

from services.chassis.errors import ServiceError
from services.chassis.ids import timestamp
from services.chassis.publishing.outbox import SETTLED_AFTER
from services.users.domain import edges as rules
from services.users.store import Ending, Store, Swept

Clock = Callable[[], datetime]

SPAN = 10
"""Seconds whose endings are noted together."""

SWEEP = 5.0
"""Seconds between two looks; each is one state call, where nothing ends."""

MOST_SPANS = 2_000
"""How many are looked at in one go, after a long sleep."""

MARK_EVERY = 360
"""After how many it is written down how far this has come."""

_ALL = "all"

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Endings:
    """Notes which mutes end when, and ends them. Any replica may; twice is harmless."""

    def __init__(self, store: Store, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock
        self._swept = 0
        self._marked = 0

    async def note(self, end: datetime, edge: str) -> None:
        """Note that a mute will end, before it is made. Two state calls."""
        await self._store.endings.update(
            str(int(end.timestamp()) // SPAN), lambda kept: (kept or Ending()).adding(edge)
        )

    async def watch(self) -> None:
        """End what is over, for ever."""
        while True:
            await asyncio.sleep(SWEEP * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
            try:
                while not await self.sweep():
                    continue
            except ServiceError as failure:
                log.warning("could not end mutes", extra={"why": failure.message})

    async def sweep(self) -> bool:
        """One look at what is over by now; says whether that was all.

        A note may be older than the mute it is for, so it is kept until that must have settled.
        """
        now = int(self._clock().timestamp())
        settled = (now - int(SETTLED_AFTER)) // SPAN - 1
        if not self._swept:
            mark = await self._store.swept.update(_ALL, lambda kept: kept or Swept(settled))
            self._swept = self._marked = mark.span if mark else settled
        last = min(now // SPAN, self._swept + MOST_SPANS)
        spans = range(self._swept + 1, last + 1)
        for span, ending in (await self._store.endings.get_many(map(str, spans))).items():
            await self._end(ending)
            if int(span) <= settled:
                await self._store.endings.delete(span)
        self._swept = max(self._swept, min(last, settled))
        if self._swept - self._marked >= MARK_EVERY:
            await self._mark(self._swept)
        return last == now // SPAN

    async def _end(self, ending: Ending) -> None:
        now = timestamp(self._clock())
        for edge in ending.edges:
            await self._store.edges.update(
                edge, lambda kept: rules.end_mute(kept, now) if kept else None
            )

    async def _mark(self, span: int) -> None:
        def further(kept: Swept | None) -> Swept:
            return Swept(max(span, kept.span if kept else 0))

        await self._store.swept.update(_ALL, further)
        self._marked = span
