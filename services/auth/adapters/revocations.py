"""The list of revoked tokens, which every process of the system follows.

An append-only log in chunks of `CHUNK_SIZE` entries, so an entry keeps its number: entry N is in
chunk N // CHUNK_SIZE. A reader with N entries asks for what follows N. That is one state call,
shared by concurrent readers. When a new chunk begins, chunks whose tokens have all expired are
dropped from the front.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from services.chassis.dapr.state import ABSENT, StateStore
from services.chassis.storage.collection import Collection

CHUNK_SIZE = 500
READ_CACHE_TTL = 3.0
"""Seconds for which a read serves other readers, and by which entries of other replicas delay."""

_ALL = "all"


@dataclass(frozen=True, slots=True)
class RevocationChunk:
    """A part of the log: token ids and their expiry, in seconds since 1970."""

    entries: list[tuple[str, int]] = field(default_factory=list)

    def with_entry(self, token_id: str, expires_at: int) -> RevocationChunk:
        """Return the chunk with an entry, at most once. Raises `_ChunkFull`."""
        if any(id == token_id for id, _ in self.entries):
            return self
        if len(self.entries) >= CHUNK_SIZE:
            raise _ChunkFull
        return RevocationChunk([*self.entries, (token_id, expires_at)])

    def has_unexpired(self, now: int) -> bool:
        """Return whether any of its tokens has not expired."""
        return any(expires_at > now for _, expires_at in self.entries)


@dataclass(frozen=True, slots=True)
class RevocationLogBounds:
    """The numbers of the first and the last chunk. The last may lag behind."""

    first: int = 0
    last: int = 0


@dataclass(frozen=True, slots=True)
class _CachedChunk:
    """A chunk, its number and the bounds of the log, as they were read."""

    number: int
    chunk: RevocationChunk
    bounds: RevocationLogBounds
    read_at: float

    def covers(self, cursor: int) -> bool:
        """Return whether a cursor lies within the chunk and the log."""
        in_log = self.bounds.first <= self.number <= self.bounds.last + 1
        return in_log and cursor - self.number * CHUNK_SIZE <= len(self.chunk.entries)


class _ChunkFull(Exception):
    """The chunk is full."""


class RevocationLog:
    """Appends to the log, and reads from a cursor on."""

    def __init__(
        self,
        state: StateStore,
        chunks: Collection[RevocationChunk],
        ends: Collection[RevocationLogBounds],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._chunks = chunks
        self._bounds = ends
        self._monotonic = monotonic
        self._cached: _CachedChunk | None = None
        self._last = 0
        self._lock = asyncio.Lock()
        self._appended = asyncio.Event()
        self._is_closed = False

    async def append(self, token_id: str, expires_at: int, now: int) -> None:
        """Add a token to the log. `now` is in seconds since 1970."""
        number = max(self._last, (await self._bounds.get(_ALL) or RevocationLogBounds()).last)
        while True:
            try:
                await self._chunks.update(
                    str(number),
                    lambda kept: (kept or RevocationChunk()).with_entry(token_id, expires_at),
                )
            except _ChunkFull:
                number += 1
                await self._begin_chunk(number, now)
                continue
            self._last, self._cached = number, None
            self._wake_readers()
            return

    async def read_after(self, cursor: int) -> tuple[list[str], int]:
        """Return at most `CHUNK_SIZE` ids that follow a cursor, and the next cursor.

        One state call, or none. A cursor before the first chunk continues with that chunk. So does
        a cursor beyond the end, which comes from a state store that was emptied since.
        """
        page = await self._read(cursor // CHUNK_SIZE)
        if not page.covers(cursor):
            page = await self._read(cursor // CHUNK_SIZE, fresh=True)
        if not page.covers(cursor):
            cursor = page.bounds.first * CHUNK_SIZE
            page = await self._read(page.bounds.first, fresh=True)
        ids = [id for id, _ in page.chunk.entries[cursor - page.number * CHUNK_SIZE :]]
        return ids, cursor + len(ids)

    async def wait_after(self, cursor: int, seconds: float) -> tuple[list[str], int]:
        """Like `read_after`; if nothing follows yet, wait some seconds for it.

        One state call in `READ_CACHE_TTL`, shared by all who wait: they look at the same time.
        """
        end = self._monotonic() + seconds
        while True:
            ids, cursor = await self.read_after(cursor)
            left = end - self._monotonic()
            if ids or left <= 0 or self._is_closed:
                return ids, cursor
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._until_next_read())):
                    await self._appended.wait()

    def _until_next_read(self) -> float:
        """Seconds until the last read serves no more."""
        read_at = self._cached.read_at if self._cached else -math.inf
        return max(0.0, read_at + READ_CACHE_TTL - self._monotonic())

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._is_closed = True
        self._wake_readers()

    def _wake_readers(self) -> None:
        self._appended.set()
        self._appended = asyncio.Event()

    async def _read(self, number: int, *, fresh: bool = False) -> _CachedChunk:
        async with self._lock:
            page, now = self._cached, self._monotonic()
            if page and not fresh and page.number == number and now - page.read_at < READ_CACHE_TTL:
                return page
            keys = self._bounds.key(_ALL), self._chunks.key(str(number))
            rows = await self._state.get_many(keys)
            ends = self._bounds.decode(rows.get(keys[0], ABSENT))
            chunk = self._chunks.decode(rows.get(keys[1], ABSENT))
            self._cached = _CachedChunk(
                number,
                chunk.value if chunk else RevocationChunk(),
                ends.value if ends else RevocationLogBounds(),
                now,
            )
            return self._cached

    async def _begin_chunk(self, number: int, now: int) -> None:
        """Record a new chunk, and drop chunks from the front whose tokens have all expired."""
        ends = await self._bounds.update(
            _ALL,
            lambda kept: replace(
                kept or RevocationLogBounds(),
                last=max(number, (kept or RevocationLogBounds()).last),
            ),
        )
        first = (ends or RevocationLogBounds()).first
        while first < number:
            chunk = await self._chunks.get(str(first))
            if chunk is not None and chunk.has_unexpired(now):
                return
            first += 1
            await self._drop_before(first)

    async def _drop_before(self, first: int) -> None:
        """Move the bound first: a chunk that a crash leaves behind is never read."""
        await self._bounds.update(
            _ALL,
            lambda kept: replace(
                kept or RevocationLogBounds(),
                first=max(first, (kept or RevocationLogBounds()).first),
            ),
        )
        await self._chunks.delete(str(first - 1))
