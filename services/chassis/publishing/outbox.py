"""The outbox: a change that was committed is announced, whatever dies in between.

Before a commit, the intent is noted in a journal: «the document under this key is about to change»,
with a sequence number in this process's stream. Notes of concurrent commits share one write. After
the commit the news goes to the broker. So at any time, whoever knows a stream's last number can ask
for what he has not heard of, and gets it from the documents themselves: the broker carries the
news, the state store keeps it. A crash before the commit leaves a note of nothing; a crash after
it leaves a note that `recover` and the consumers' inboxes find without scanning the store.

What is kept for a topic; a journal is written only by the process that owns the stream:
    streams:TOPIC               {stream: ms when it last said so}, the registry
    journal:TOPIC:STREAM        the tail: {"segment", "notes": [[number, key, ms]…], "published"}
    journal:TOPIC:STREAM:N      full segments of `SEGMENT_SIZE` notes, for `JOURNAL_TTL`
    recovered:TOPIC:STREAM      the number up to which others have published for a dead process
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import orjson

from services.chassis import telemetry
from services.chassis.dapr.client import Publisher, StateStore, VersionConflict
from services.chassis.errors import ServiceError
from services.chassis.ids import timestamp

SEGMENT_SIZE = 64
JOURNAL_TTL = 7 * 24 * 3600
"""For how long, in seconds, a consumer may be away and still catch up from the journal."""

COMMIT_TIMEOUT = 8.0
"""No commit is tried for longer, in seconds."""

SETTLED_AFTER = 2 * COMMIT_TIMEOUT
"""A note of another process that is this old has led to a commit, or never will."""

_REGISTRATION_INTERVAL = 24 * 3600
"""How often, in seconds, a stream that goes on says in the registry that it does."""

FLUSH_DELAY = 1.0
"""Seconds without news after which the journal says that all of it was published."""

_BATCH_SIZE = 100
_MAX_BACKLOG = 10_000

log = logging.getLogger(__name__)

EventMapper = Callable[[str, Any], Any]
"""From a document's id and data (as JSON) to what others may hear of it; None for nothing."""


@dataclass(frozen=True, slots=True)
class ChangeMetadata:
    """What a committed document remembers of the change that made it."""

    stream: str
    sequence: int
    time: str = ""
    traceparent: str = ""

    @classmethod
    def private(cls) -> ChangeMetadata:
        """For documents nobody hears of: only tells one try to commit from another."""
        return cls("", secrets.randbits(52))


@dataclass(frozen=True, slots=True)
class StreamHead:
    """How far a stream has come: the number of its last note."""

    stream: str
    last: int


@dataclass(frozen=True, slots=True)
class _Kind:
    type: str
    tell: EventMapper


@dataclass(slots=True)
class JournalEntry:
    sequence: int
    key: str
    at: int
    written: asyncio.Future[None] | None = None

    def row(self) -> list[Any]:
        return [self.sequence, self.key, self.at]


class Outbox:
    """The outbox of one topic in one process."""

    def __init__(self, topic: str, source: str, state: StateStore, publisher: Publisher) -> None:
        self.topic = topic
        self.stream = secrets.token_hex(5)
        self._source = source
        self._state = state
        self._publisher = publisher
        self._kinds: dict[str, _Kind] = {}
        self._sequence = 0
        self._tail: list[JournalEntry] = []
        self._segment = 0
        self._registered_at = 0
        self._pending: list[JournalEntry] = []
        self._uncommitted: set[int] = set()
        self._unpublished: set[int] = set()
        self._news: deque[dict[str, Any]] = deque(maxlen=_MAX_BACKLOG)
        self._writer: asyncio.Task[None] | None = None
        self._announcer: asyncio.Task[None] | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._context = copy_context()
        """In which a flush runs: it is no part of the request that told the last news."""

    def publishes(self, kind: str, type: str, to_event: EventMapper | None = None) -> Outbox:
        """Publish documents of a kind as events of a type; `to_event` makes the event's data."""
        self._kinds[kind] = _Kind(type, to_event or (lambda _, data: data))
        return self

    # ── committing ──────────────────────────────────────────────────────────────────────────

    async def record_intent(self, key: str) -> ChangeMetadata:
        """Note durably that a document is about to change; `announce` or `abandon` must follow."""
        self._sequence += 1
        written = asyncio.get_running_loop().create_future()
        note = JournalEntry(self._sequence, key, _now(), written)
        self._uncommitted.add(note.sequence)
        self._unpublished.add(note.sequence)
        self._pending.append(note)
        self._wake_writer()
        try:
            await written
        except BaseException:
            self.discard_intent(note.sequence)
            raise
        trace = telemetry.current()
        return ChangeMetadata(self.stream, note.sequence, timestamp(), trace.traceparent)

    def enqueue(self, key: str, envelope: dict[str, Any]) -> None:
        """Queue the news of a committed document; it is published in the background."""
        plain = orjson.loads(orjson.dumps(envelope))
        sequence: int = plain["change"]["sequence"]
        self._uncommitted.discard(sequence)
        event = self._event(key, plain)
        if event is None:
            self._unpublished.discard(sequence)
            return
        self._news.append(event)
        if self._announcer is None or self._announcer.done():
            self._announcer = asyncio.create_task(self._publish())

    def discard_intent(self, sequence: int, *, after: float = 0) -> None:
        """The commit that was noted never happened; or, `after` some seconds, never will."""
        if after:
            asyncio.get_running_loop().call_later(after, self.discard_intent, sequence)
            return
        self._uncommitted.discard(sequence)
        self._unpublished.discard(sequence)

    @property
    def backlog(self) -> int:
        """How many events wait for the broker."""
        return len(self._news)

    # ── what consumers ask for ──────────────────────────────────────────────────────────────

    async def heads(self) -> list[StreamHead]:
        """How far every stream of this topic has come. Two state calls."""
        streams = [s for s in await self._streams() if s != self.stream]
        tails = await self._state.get_many([self._tail_key(s) for s in streams])
        heads = [
            self._head_of(s, tails[self._tail_key(s)].value)
            for s in streams
            if self._tail_key(s) in tails
        ]
        if self._sequence:
            heads.append(StreamHead(self.stream, self._sequence))
        return heads

    async def changes_since(
        self, stream: str, after: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        """The newest events of the documents noted after a number, and how far that is settled.

        An event may be younger than its note: consumers go by the document's version. At most three
        state calls.
        """
        decided = self._decided() if stream == self.stream else None  # before documents are read
        notes, end = await self._notes(stream, after, min(limit, SEGMENT_SIZE))
        rows = await self._state.get_many([note.key for note in notes])
        events = [self._event(key, entry.value) for key, entry in rows.items()]
        told = [event for event in events if event is not None]
        return told, self._settled(after, notes, end, decided)

    async def recover(self) -> int:
        """Publish what other processes noted and did not get to publish before they died.

        Looks only at tails nobody has touched for `SETTLED_AFTER`; a repeat is harmless. Returns
        how many notes were looked at.
        """
        others = [stream for stream in await self._streams() if stream != self.stream]
        return sum([await self._recover(stream) for stream in others])

    async def _recover(self, stream: str) -> int:
        done_key = f"recovered:{self.topic}:{stream}"
        rows = await self._state.get_many([self._tail_key(stream), done_key])
        tail = rows.get(self._tail_key(stream))
        if tail is None or _now() - tail.value["at"] < SETTLED_AFTER * 1000:
            return 0
        last = self._head_of(stream, tail.value).last
        done: int = max(tail.value["published"], rows[done_key].value if done_key in rows else 0)
        recovered = last - done
        while done < last:
            events, settled = await self.changes_since(stream, done, SEGMENT_SIZE)
            if events:
                await self._publisher.publish(self.topic, events)
            done = max(settled, done + 1)
            await self._state.set(done_key, done, ttl=JOURNAL_TTL)
        return recovered

    async def close(self) -> None:
        """Publish and write what is left, as far as that works within two seconds."""
        try:
            async with asyncio.timeout(2):
                if self._announcer is not None:
                    await self._announcer
                self._wake_writer(True)
                if self._writer is not None:
                    await self._writer
        except TimeoutError:
            log.warning("stopped with events unpublished", extra={"topic": self.topic})
        for last in (self._announcer, self._writer, self._flush):
            if last is not None:
                last.cancel()

    # ── the journal's writer ────────────────────────────────────────────────────────────────

    def _wake_writer(self, force: bool = False) -> None:
        if (self._pending or force) and (self._writer is None or self._writer.done()):
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while True:
            batch, self._pending = self._pending, []
            try:
                await self._append(batch)
            except Exception as error:
                for note in batch:
                    if note.written is not None and not note.written.done():
                        note.written.set_exception(error)
            else:
                for note in batch:
                    if note.written is not None and not note.written.done():
                        note.written.set_result(None)
            if not self._pending:
                return

    async def _append(self, batch: Sequence[JournalEntry]) -> None:
        self._tail += batch
        if _now() - self._registered_at > _REGISTRATION_INTERVAL * 1000:
            await self._register()
        while len(self._tail) >= SEGMENT_SIZE:
            full = [note.row() for note in self._tail[:SEGMENT_SIZE]]
            key = f"{self._tail_key(self.stream)}:{self._segment}"
            await self._state.set(key, {"notes": full}, ttl=JOURNAL_TTL)
            del self._tail[:SEGMENT_SIZE]
            self._segment += 1
        await self._state.set(
            self._tail_key(self.stream),
            {
                "segment": self._segment,
                "notes": [note.row() for note in self._tail],
                "published": min(self._unpublished, default=self._sequence + 1) - 1,
                "at": _now(),
            },
            ttl=JOURNAL_TTL,
        )

    async def _register(self) -> None:
        for _ in range(20):
            entry = await self._state.get(self._registry_key)
            oldest = _now() - JOURNAL_TTL * 1000
            known = {s: at for s, at in (entry.value or {}).items() if at > oldest}
            try:
                await self._state.compare_and_set(
                    self._registry_key, {**known, self.stream: _now()}, etag=entry.etag
                )
            except VersionConflict:
                continue
            self._registered_at = _now()
            return
        raise VersionConflict(f"The registry of the streams of {self.topic} is contended.")

    async def _streams(self) -> list[str]:
        entry = await self._state.get(self._registry_key)
        return list(entry.value or {})

    @property
    def _registry_key(self) -> str:
        return f"streams:{self.topic}"

    def _tail_key(self, stream: str) -> str:
        return f"journal:{self.topic}:{stream}"

    # ── reading the journal ─────────────────────────────────────────────────────────────────

    async def _notes(
        self, stream: str, after: int, limit: int
    ) -> tuple[list[JournalEntry], int | None]:
        """At most `limit` notes that follow a number, from one full segment or from the tail.

        And the number of the stream's last note; None where the stream is forgotten.
        """
        segment = after // SEGMENT_SIZE
        full, tail = f"{self._tail_key(stream)}:{segment}", self._tail_key(stream)
        found = await self._state.get_many([full, tail])
        if full not in found and tail in found and found[tail].value["segment"] > segment:
            found |= await self._state.get_many([full])  # perhaps filled between the two reads
        kept = found.get(full) or found.get(tail)
        notes = [JournalEntry(*row) for row in kept.value["notes"]] if kept else []
        end = self._head_of(stream, found[tail].value).last if tail in found else None
        return [note for note in notes if note.sequence > after][:limit], end

    def _decided(self) -> int:
        """The number up to which this process's own commits have happened, or never will."""
        return min(self._uncommitted, default=self._sequence + 1) - 1

    def _settled(
        self, after: int, notes: Sequence[JournalEntry], end: int | None, decided: int | None
    ) -> int:
        """The number up to which a consumer who has these notes need not ask again."""
        last = notes[-1].sequence if notes else (after // SEGMENT_SIZE + 1) * SEGMENT_SIZE
        if decided is not None:
            return max(after, min(last, decided))
        if not notes:  # not there yet; or the segment has outlived its retention
            return after if end is not None and end <= after else last
        old = _now() - SETTLED_AFTER * 1000
        return max((note.sequence for note in notes if note.at < old), default=after)

    def _head_of(self, stream: str, tail: dict[str, Any]) -> StreamHead:
        notes = tail["notes"]
        return StreamHead(stream, notes[-1][0] if notes else tail["segment"] * SEGMENT_SIZE)

    # ── publishing ──────────────────────────────────────────────────────────────────────────

    async def _publish(self) -> None:
        pause = 0.1
        while self._news:
            batch = [self._news[i] for i in range(min(len(self._news), _BATCH_SIZE))]
            try:
                await self._publisher.publish(self.topic, batch)
            except ServiceError as failure:
                log.warning(
                    "could not publish, trying again",
                    extra={"topic": self.topic, "events": len(self._news), "why": failure.message},
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5)
                continue
            pause = 0.1
            for event in batch:
                if self._news and self._news[0] is event:
                    self._news.popleft()
                self._unpublished.discard(event["sequence"])
        # So that a later crash does not make others publish all of this again.
        if self._flush is not None:
            self._flush.cancel()
        self._flush = asyncio.get_running_loop().call_later(
            FLUSH_DELAY, self._wake_writer, True, context=self._context
        )

    def _event(self, key: str, envelope: dict[str, Any]) -> dict[str, Any] | None:
        """The CloudEvent that a document tells; None if it is not for others."""
        kind, _, id = key.partition(":")
        teller = self._kinds[kind]
        data = teller.tell(id, envelope["data"])
        if data is None:
            return None
        change = envelope["change"]
        return {
            "specversion": "1.0",
            "id": f"{self._source}:{key}@{envelope['version']}",
            "source": self._source,
            "type": teller.type,
            "subject": id,
            "time": change["time"],
            "datacontenttype": "application/json",
            "traceparent": change["traceparent"],
            "cause": change["traceparent"],
            "topic": self.topic,
            "stream": change["stream"],
            "sequence": change["sequence"],
            "entityversion": envelope["version"],
            "schemaversion": envelope["schema"],
            "data": data,
        }


def _now() -> int:
    return time.time_ns() // 1_000_000
