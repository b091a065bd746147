"""Mutes that end by themselves: the edge is changed when the time comes, so that all hear of it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime

from services.chassis.errors import ServiceError
from services.chassis.ids import timestamp
from services.chassis.publishing.journal import SETTLED_AFTER
from services.users.domain import edges as rules
from services.users.repository import MuteExpiryCursor, Repository, ScheduledMuteExpiries

Clock = Callable[[], datetime]

SPAN_SECONDS = 10
"""Seconds whose endings are noted together."""

EXPIRY_INTERVAL = 5.0
"""Seconds between two looks; each is one state call, where nothing ends."""

MAX_SPANS_PER_SWEEP = 2_000
"""How many are looked at in one go, after a long sleep."""

CURSOR_INTERVAL = 360
"""After how many it is written down how far this has come."""

_ALL = "all"

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class MuteExpiry:
    """Notes which mutes end when, and ends them. Any replica may; twice is harmless."""

    def __init__(self, repository: Repository, clock: Clock = utc_now) -> None:
        self._repository = repository
        self._clock = clock
        self._cursor = 0
        self._saved_cursor = 0

    async def schedule(self, end: datetime, edge: str) -> None:
        """Note that a mute will end, before it is made. Two state calls."""
        await self._repository.mute_expiries.update(
            str(int(end.timestamp()) // SPAN_SECONDS),
            lambda kept: (kept or ScheduledMuteExpiries()).with_edge(edge),
        )

    async def run(self) -> None:
        """End what is over, for ever."""
        while True:
            await asyncio.sleep(EXPIRY_INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
            try:
                while not await self.expire_due():
                    continue
            except ServiceError as failure:
                log.warning("could not end mutes", extra={"why": failure.message})

    async def expire_due(self) -> bool:
        """One look at what is over by now; says whether that was all.

        A note may be older than the mute it is for, so it is kept until that must have settled.
        """
        now = int(self._clock().timestamp())
        settled = (now - int(SETTLED_AFTER)) // SPAN_SECONDS - 1
        if not self._cursor:
            mark = await self._repository.mute_expiry_cursor.update(
                _ALL, lambda kept: kept or MuteExpiryCursor(settled)
            )
            self._cursor = self._saved_cursor = mark.span if mark else settled
        last = min(now // SPAN_SECONDS, self._cursor + MAX_SPANS_PER_SWEEP)
        spans = range(self._cursor + 1, last + 1)
        for span, ending in (
            await self._repository.mute_expiries.get_many(map(str, spans))
        ).items():
            await self._expire(ending)
            if int(span) <= settled:
                await self._repository.mute_expiries.delete(span)
        self._cursor = max(self._cursor, min(last, settled))
        if self._cursor - self._saved_cursor >= CURSOR_INTERVAL:
            await self._save_cursor(self._cursor)
        return last == now // SPAN_SECONDS

    async def _expire(self, ending: ScheduledMuteExpiries) -> None:
        now = timestamp(self._clock())
        for edge in ending.edges:
            await self._repository.edges.update(
                edge, lambda kept: rules.expire_mute(kept, now) if kept else None
            )

    async def _save_cursor(self, span: int) -> None:
        def further(kept: MuteExpiryCursor | None) -> MuteExpiryCursor:
            return MuteExpiryCursor(max(span, kept.span if kept else 0))

        await self._repository.mute_expiry_cursor.update(_ALL, further)
        self._saved_cursor = span
