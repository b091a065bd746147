"""The journal: a durable record of which documents are about to change.

Each process writes the journal of its own stream, and reads those of all streams of its topic.

Stored for a topic:
    streams:TOPIC               {stream: ms when it last registered}, the registry
    journal:TOPIC:STREAM        the tail: {"segment", "notes": [[number, key, ms]…], "published",
                                "at", "closed"}
    journal:TOPIC:STREAM:N      full segments of `SEGMENT_SIZE` entries, for `JOURNAL_TTL`
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from services.chassis.dapr.state import StateEntry, StateStore, StateUpsert, VersionConflict
from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable

SEGMENT_SIZE = 64
JOURNAL_TTL = 7 * 24 * 3600
"""Seconds for which a consumer may be away and still catch up from the journal."""

COMMIT_TIMEOUT = 8.0
"""Seconds for which one commit is tried."""

SETTLED_AFTER = 2 * COMMIT_TIMEOUT
"""Seconds after which an entry of another process has led to a commit, or never will."""

ENDED_AFTER = 60.0
"""Seconds after the last write of a closed stream by which its process has ended: it may commit
until then."""

_REGISTRATION_INTERVAL = 24 * 3600
"""Seconds between two registrations of a stream that is still written."""

HEADS_TTL = 1.5
"""Seconds for which the heads of other processes' streams serve whoever does not wait for news."""

MAX_DOCUMENTS_PER_WRITE = 32
"""Documents that are written together with their entries."""

_MAX_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class ChangeMetadata:
    """The change that made a document's present version. It is stored with the document."""

    stream: str
    sequence: int
    time: str = ""
    traceparent: str = ""

    @classmethod
    def private(cls) -> ChangeMetadata:
        """For documents that publish nothing: it only tells one commit attempt from another."""
        return cls("", secrets.randbits(52))


@dataclass(frozen=True, slots=True)
class StreamHead:
    """The last sequence number of a stream.

    Of another process's stream also the number up to which its events were published, when it was
    written last, in ms since the epoch, and whether that process may write it again.
    """

    stream: str
    last: int
    published: int = 0
    at: int = 0
    is_open: bool = True


@dataclass(slots=True, eq=False)
class _Write:
    """A write of an entry that waits for its outcome."""

    entry: JournalEntry
    document: StateUpsert | None
    outcome: asyncio.Future[None]

    def settle(self, error: BaseException | None) -> None:
        if self.outcome.done():
            return
        if error is None:
            self.outcome.set_result(None)
        else:
            self.outcome.set_exception(error)


@dataclass(slots=True, eq=False)
class JournalEntry:
    """The document under `key` was about to change `at` (ms since the epoch)."""

    sequence: int
    key: str
    at: int
    is_in_tail: bool = False

    def row(self) -> list[Any]:
        """As it is stored."""
        return [self.sequence, self.key, self.at]


class Journal:
    """The journals of one topic: this process appends to its own stream and reads them all.

    `published` gives the number up to which this process's events have been published.
    """

    def __init__(self, topic: str, state: StateStore, published: Callable[[], int]) -> None:
        self.topic = topic
        self.stream = secrets.token_hex(5)
        self.sequence = 0
        self._state = state
        self._published = published
        self._tail: list[JournalEntry] = []
        self._segment = 0
        self._registered_at = 0
        self._is_closed = False
        self._pending: list[_Write] = []
        self._writer: asyncio.Task[None] | None = None
        self._other_heads: list[StreamHead] = []
        self._heads_read_at = float("-inf")
        self._heads_lock = asyncio.Lock()

    # ── writing ─────────────────────────────────────────────────────────────────────────────

    def begin(self, key: str) -> JournalEntry:
        """A new entry. It takes a sequence number, and `write` makes it durable."""
        self.sequence += 1
        return JournalEntry(self.sequence, key, now_ms())

    async def write(self, entry: JournalEntry, document: StateUpsert | None = None) -> None:
        """Write an entry, and with it perhaps the document that it is about.

        Concurrent writes share a state call. If the document has changed, only the entry is
        written: raises `VersionConflict`. Some stores may have written the document then, too. The
        document is never written without the entry.
        """
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(_Write(entry, document, outcome))
        self._wake_writer()
        await outcome

    def flush(self) -> asyncio.Task[None]:
        """Write the tail, also when only its `published` has changed."""
        self._wake_writer(force=True)
        assert self._writer is not None  # noqa: S101 (for mypy: the line before made it)
        return self._writer

    async def close(self) -> None:
        """Write in the tail that this stream has ended; nothing if nothing was written."""
        self._is_closed = True
        if self._writer is not None:  # the tail that it writes may not say so
            await self._writer
        if self._registered_at:
            await self.flush()

    def cancel(self) -> None:
        """Stop writing."""
        if self._writer is not None:
            self._writer.cancel()

    def _wake_writer(self, *, force: bool = False) -> None:
        if (self._pending or force) and (self._writer is None or self._writer.done()):
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while True:
            batch = self._next_batch()
            try:
                await self._append(batch)
            except VersionConflict as error:  # of the journal, which is then not written
                for write in batch:
                    write.settle(Unavailable(error.message))
            except Exception as error:
                for write in batch:
                    write.settle(error)
            if not self._pending:
                return

    def _next_batch(self) -> list[_Write]:
        documents = accumulate(write.document is not None for write in self._pending)
        size = sum(count <= MAX_DOCUMENTS_PER_WRITE for count in documents)
        batch, self._pending = self._pending[:size], self._pending[size:]
        return batch

    async def _append(self, batch: Sequence[_Write]) -> None:
        for write in batch:
            if not write.entry.is_in_tail:  # else it was tried before
                write.entry.at = now_ms()  # it may have waited, and its document is still to come
                self._tail.append(write.entry)
                write.entry.is_in_tail = True
        if now_ms() - self._registered_at > _REGISTRATION_INTERVAL * 1000:
            await self._register()
        while len(self._tail) >= SEGMENT_SIZE:
            full = [entry.row() for entry in self._tail[:SEGMENT_SIZE]]
            key = f"{self.tail_key(self.stream)}:{self._segment}"
            await self._state.set(key, {"notes": full}, ttl=JOURNAL_TTL)
            del self._tail[:SEGMENT_SIZE]
            self._segment += 1
        tail = {
            "segment": self._segment,
            "notes": [entry.row() for entry in self._tail],
            "published": self._published(),
            "at": now_ms(),
            "closed": self._is_closed,
        }
        await self._write_with_documents(
            StateUpsert(self.tail_key(self.stream), tail, ttl=JOURNAL_TTL), batch
        )

    async def _write_with_documents(self, tail: StateUpsert, batch: Sequence[_Write]) -> None:
        documents = [write.document for write in batch if write.document]
        if not (documents and await self._write_together(tail, documents)):
            try:
                await self._state.set(tail.key, tail.value, ttl=tail.ttl)
            except Unavailable as error:
                if documents:  # some stores have written those without a conflict
                    raise OutcomeUnknown(error.message) from error
                raise
            await asyncio.gather(*map(self._write_document, batch))
        for write in batch:
            write.settle(None)

    async def _write_together(self, tail: StateUpsert, documents: Sequence[StateUpsert]) -> bool:
        """Write all of them; False if a document stands in the way.

        Not even a store that stops midway has one of them without the tail, which comes first.
        """
        try:
            await self._state.transact([tail, *documents])
        except (OutcomeUnknown, Unavailable):
            raise
        except ServiceError:  # a conflict, or a document that the store does not take
            return False
        return True

    async def _write_document(self, write: _Write) -> None:
        document = write.document
        if document is None:
            return
        try:
            await self._state.compare_and_set(document.key, document.value, etag=document.etag)
        except ServiceError as error:
            write.settle(error)

    async def _register(self) -> None:
        for _ in range(_MAX_ATTEMPTS):
            entry = await self._state.get(self._registry_key)
            known = await self._without_forgotten(entry.value or {})
            try:
                await self._state.compare_and_set(
                    self._registry_key, {**known, self.stream: now_ms()}, etag=entry.etag
                )
            except VersionConflict:
                continue
            self._registered_at = now_ms()
            return
        raise VersionConflict(f"The registry of the streams of {self.topic} keeps changing.")

    async def _without_forgotten(self, registry: dict[str, int]) -> dict[str, int]:
        """The streams that may still have a tail. A state call if some may have none.

        Old ones have one in a restored system: to keys that expire, no time passes in a backup.
        """
        oldest = now_ms() - JOURNAL_TTL * 1000
        old = [self.tail_key(stream) for stream, at in registry.items() if at <= oldest]
        tails = await self._state.get_many(old) if old else {}
        return {s: at for s, at in registry.items() if at > oldest or self.tail_key(s) in tails}

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    async def heads(self, max_age: float | None = None) -> list[StreamHead]:
        """The head of every stream; of other processes' streams as it was `max_age` s ago at most.

        By default that is `HEADS_TTL`. One state call in that time, two when a stream is new.
        """
        own = [StreamHead(self.stream, self.sequence)] if self.sequence else []
        return [*await self.other_heads(max_age), *own]

    async def other_heads(self, max_age: float | None = None) -> list[StreamHead]:
        """As `heads`, without the stream of this process."""
        oldest = HEADS_TTL if max_age is None else max_age
        async with self._heads_lock:
            if time.monotonic() - self._heads_read_at >= oldest:
                asked_at = time.monotonic()
                self._other_heads = await self._read_other_heads()
                self._heads_read_at = asked_at
        return self._other_heads

    async def _read_other_heads(self) -> list[StreamHead]:
        known = {head.stream: head for head in self._other_heads}
        open_ones = [self.tail_key(head.stream) for head in known.values() if head.is_open]
        found = await self._state.get_many([self._registry_key, *open_ones])
        registry = found[self._registry_key].value if self._registry_key in found else {}
        streams = [stream for stream in registry if stream != self.stream]
        if new := [self.tail_key(stream) for stream in streams if stream not in known]:
            found |= await self._state.get_many(new)
        heads = {stream: head for stream, head in known.items() if not head.is_open}
        for stream in streams:
            if (tail := found.get(self.tail_key(stream))) is not None:
                heads[stream] = self.head_of(stream, tail.value)
        return [heads[stream] for stream in streams if stream in heads]

    async def read(
        self, stream: str, after: int, limit: int
    ) -> tuple[list[JournalEntry], int | None]:
        """At most `limit` entries that follow a number, from one full segment or from the tail.

        And the number of the stream's last entry; None if the stream is forgotten. Entries older
        than `JOURNAL_TTL` are gone, and the first that are kept follow instead of them: who was
        away for longer misses the events of documents that did not change since. One or two state
        calls; where segments have expired, as many more as the logarithm of their number.
        """
        segment = after // SEGMENT_SIZE
        full, tail = f"{self.tail_key(stream)}:{segment}", self.tail_key(stream)
        found = await self._state.get_many([full, tail])
        kept = found.get(full)
        if kept is None and tail in found:
            kept = await self._first_kept(stream, segment, found[tail])
        entries = [JournalEntry(*row) for row in kept.value["notes"]] if kept else []
        end = self.head_of(stream, found[tail].value).last if tail in found else None
        return [entry for entry in entries if entry.sequence > after][:limit], end

    async def _first_kept(self, stream: str, segment: int, tail: StateEntry) -> StateEntry:
        """The first full segment that is kept, from `segment` on; the tail if there is none.

        Segments expire in the order of their numbers, so a binary search finds it. A restored one
        has the rest of its time, so the order holds but for the time that the restore took: at
        worst, entries that are about to expire are missed.
        """
        low, high, kept = segment, tail.value["segment"], tail
        middle = low  # perhaps filled since it was read
        while low < high:
            entry = await self._state.get(f"{self.tail_key(stream)}:{middle}")
            if entry.value is None:
                low = middle + 1
            else:
                high, kept = middle, entry
            middle = (low + high) // 2
        return kept

    def head_of(self, stream: str, tail: dict[str, Any]) -> StreamHead:
        """The head of a stream, by its stored tail."""
        notes = tail["notes"]
        last = notes[-1][0] if notes else tail["segment"] * SEGMENT_SIZE
        has_ended = tail.get("closed", False) and now_ms() - tail["at"] > ENDED_AFTER * 1000
        return StreamHead(stream, last, tail["published"], tail["at"], not has_ended)

    def tail_key(self, stream: str) -> str:
        """The key of a stream's tail."""
        return f"journal:{self.topic}:{stream}"

    @property
    def _registry_key(self) -> str:
        return f"streams:{self.topic}"


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
