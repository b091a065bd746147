"""Expiry of mutes: the edge is changed when the time comes, and its event is published."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from services.chassis.errors import ServiceError
from services.chassis.ids import Clock, timestamp, utc_now
from services.chassis.publishing.journal import SETTLED_AFTER
from services.users.domain import edges
from services.users.domain.mutes import MuteExpiryCursor, ScheduledMuteExpiries
from services.users.repository import Repository

SPAN_SECONDS = 10
"""Expiries within one span share a document."""

EXPIRY_INTERVAL = 5.0
"""Seconds between two sweeps. A sweep is one state call if no mute ends."""

MAX_SPANS_PER_SWEEP = 2_000
"""Spans that one sweep reads, after a long pause."""

CURSOR_INTERVAL = 360
"""Spans after which the cursor is saved."""

RETRY_DELAY = timedelta(minutes=1)
"""After which an edge that could not be changed is tried again."""

_ALL = "all"

log = logging.getLogger(__name__)


class MuteExpiry:
    """Schedules and ends mutes with a duration. Every replica may; repetition is harmless."""

    def __init__(self, repository: Repository, clock: Clock = utc_now) -> None:
        self._repository = repository
        self._clock = clock
        self._cursor = 0
        self._saved_cursor = 0

    async def schedule(self, end: datetime, edge: str) -> None:
        """Record when a mute will end, before it begins. Two state calls."""
        await self._repository.mute_expiries.update(
            str(int(end.timestamp()) // SPAN_SECONDS),
            lambda kept: (kept or ScheduledMuteExpiries()).with_edge(edge),
        )

    async def run(self) -> None:
        """End all mutes that are over."""
        while not await self.expire_due():
            continue

    async def expire_due(self) -> bool:
        """Make one sweep. Returns whether it has reached the present.

        A record may be older than its mute, so it is kept until the mute must have settled.
        """
        now = int(self._clock().timestamp())
        settled = (now - int(SETTLED_AFTER)) // SPAN_SECONDS - 1
        await self._load_cursor(settled)
        last = min(now // SPAN_SECONDS, self._cursor + MAX_SPANS_PER_SWEEP)
        for span, due in (await self._read_spans(self._cursor + 1, last)).items():
            for edge in due.edges:
                await self._expire(edge)
            if int(span) <= settled:
                await self._repository.mute_expiries.delete(span)
        self._cursor = max(self._cursor, min(last, settled))
        if self._cursor - self._saved_cursor >= CURSOR_INTERVAL:
            await self._save_cursor(self._cursor)
        return last == now // SPAN_SECONDS

    async def _load_cursor(self, settled: int) -> None:
        if not self._cursor:
            saved = await self._repository.mute_expiry_cursor.update(
                _ALL, lambda kept: kept or MuteExpiryCursor(settled)
            )
            self._cursor = self._saved_cursor = saved.span if saved else settled

    async def _read_spans(self, first: int, last: int) -> dict[str, ScheduledMuteExpiries]:
        """Read the spans in one state call; one by one, without invalid ones, if one is invalid."""
        spans = [str(span) for span in range(first, last + 1)]
        collection = self._repository.mute_expiries
        try:
            return await collection.get_many(spans)
        except ServiceError:
            raise
        except Exception:
            log.exception("a span of mute expiries cannot be decoded")
        found: dict[str, ScheduledMuteExpiries] = {}
        for span in spans:
            try:
                due = await collection.get(span)
            except ServiceError:
                raise
            except Exception:
                log.exception("skipped a span of mute expiries", extra={"span": span})
            else:
                found |= {span: due} if due is not None else {}
        return found

    async def _expire(self, edge: str) -> None:
        """End the mute of an edge. An edge that fails is tried again later, and stops no other."""
        now = timestamp(self._clock())
        try:
            await self._repository.edges.update(
                edge, lambda kept: edges.expire_mute(kept, now) if kept else None
            )
        except ServiceError:
            raise
        except Exception:
            log.exception("could not end a mute", extra={"edge": edge})
            await self.schedule(self._clock() + RETRY_DELAY, edge)

    async def _save_cursor(self, span: int) -> None:
        def forward(kept: MuteExpiryCursor | None) -> MuteExpiryCursor:
            return MuteExpiryCursor(max(span, kept.span if kept else 0))

        await self._repository.mute_expiry_cursor.update(_ALL, forward)
        self._saved_cursor = span
