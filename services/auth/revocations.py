"""The list of revoked tokens, to which every process of the system listens.

An append-only log in chunks of `CHUNK` entries, so that an entry has a number for ever: entry N is
in chunk N // CHUNK. Who has heard of N entries asks for what comes after N, and that is one state
call, of which many callers share one. A chunk is dropped from the front once every token in it
would have expired anyway, which is looked at when a new chunk is begun.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from services.chassis.dapr.client import ABSENT, StateStore
from services.chassis.storage.collection import Collection

CHUNK = 500
FRESH = 0.5
"""Seconds for which what was read is shown to others: so much later a replica's news is seen."""

_ALL = "all"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of the log: ids of tokens, and when each would expire, in seconds since 1970."""

    entries: list[tuple[str, int]] = field(default_factory=list)

    def with_entry(self, token_id: str, expires_at: int) -> Chunk:
        """With one more; as it is, if it has that one. Raises `Full`."""
        if any(id == token_id for id, _ in self.entries):
            return self
        if len(self.entries) >= CHUNK:
            raise Full
        return Chunk([*self.entries, (token_id, expires_at)])

    def matters(self, now: int) -> bool:
        """Whether any of its tokens would still be good."""
        return any(expires_at > now for _, expires_at in self.entries)


@dataclass(frozen=True, slots=True)
class Ends:
    """The numbers of the first chunk that is kept and of the last one; the last may lag."""

    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """A chunk and its place in the log, as they were read."""

    number: int
    chunk: Chunk
    ends: Ends
    read_at: float

    def reaches(self, cursor: int) -> bool:
        """Whether the log has come that far, and still goes back so far."""
        in_log = self.ends.first <= self.number <= self.ends.last + 1
        return in_log and cursor - self.number * CHUNK <= len(self.chunk.entries)


class Full(Exception):
    """A chunk has no room."""


class RevocationLog:
    """Appends to the log, and reads on from a cursor."""

    def __init__(
        self,
        state: StateStore,
        chunks: Collection[Chunk],
        ends: Collection[Ends],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._chunks = chunks
        self._ends = ends
        self._monotonic = monotonic
        self._page: Page | None = None
        self._last = 0
        self._lock = asyncio.Lock()

    async def append(self, token_id: str, expires_at: int, now: int) -> None:
        """Note that a token is revoked."""
        number = max(self._last, (await self._ends.get(_ALL) or Ends()).last)
        while True:
            try:
                await self._chunks.update(
                    str(number), lambda kept: (kept or Chunk()).with_entry(token_id, expires_at)
                )
            except Full:
                number += 1
                await self._begin(number, now)
                continue
            self._last, self._page = number, None
            return

    async def after(self, cursor: int) -> tuple[list[str], int]:
        """At most `CHUNK` ids that follow a cursor, and the next cursor.

        One state call, or none. A cursor before the first chunk goes on with that one; so does one
        beyond the end, which comes from another log (the store was started anew).
        """
        page = await self._read(cursor // CHUNK)
        if not page.reaches(cursor):
            page = await self._read(cursor // CHUNK, fresh=True)
        if not page.reaches(cursor):
            cursor = page.ends.first * CHUNK
            page = await self._read(page.ends.first, fresh=True)
        ids = [id for id, _ in page.chunk.entries[cursor - page.number * CHUNK :]]
        return ids, cursor + len(ids)

    async def _read(self, number: int, *, fresh: bool = False) -> Page:
        async with self._lock:
            page, now = self._page, self._monotonic()
            if page and not fresh and page.number == number and now - page.read_at < FRESH:
                return page
            keys = self._ends.key(_ALL), self._chunks.key(str(number))
            rows = await self._state.get_many(keys)
            ends = self._ends.decode(rows.get(keys[0], ABSENT))
            chunk = self._chunks.decode(rows.get(keys[1], ABSENT))
            self._page = Page(
                number, chunk.value if chunk else Chunk(), ends.value if ends else Ends(), now
            )
            return self._page

    async def _begin(self, number: int, now: int) -> None:
        """Say that there is one more chunk, and drop those from the front that matter no more."""
        ends = await self._ends.update(
            _ALL, lambda kept: replace(kept or Ends(), last=max(number, (kept or Ends()).last))
        )
        first = (ends or Ends()).first
        while first < number:
            chunk = await self._chunks.get(str(first))
            if chunk is not None and chunk.matters(now):
                return
            first += 1
            await self._forget_before(first)

    async def _forget_before(self, first: int) -> None:
        """The end moves first: a chunk that is left behind by a crash is one nobody looks for."""
        await self._ends.update(
            _ALL, lambda kept: replace(kept or Ends(), first=max(first, (kept or Ends()).first))
        )
        await self._chunks.delete(str(first - 1))
