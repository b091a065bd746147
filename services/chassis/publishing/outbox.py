"""The outbox: every committed change is published, whatever dies in between.

Before a commit, the intent is recorded in a journal: the document under this key is about to
change, with a sequence number in this process's stream. After the commit the event goes to the
broker. A consumer that knows a stream's last number can request missing events, and gets them from
the documents themselves: the broker delivers events, the state store keeps them. A crash before the
commit leaves an entry without a change. A crash after it leaves an entry that `recover` and the
consumers' inboxes find without scanning the store.

Stored besides the journal:
    recovered:TOPIC:STREAM      the number up to which others have published for a dead process
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

import orjson

from services.chassis import telemetry, tracing
from services.chassis.dapr.pubsub import Publisher, encode_event
from services.chassis.dapr.state import StateStore, StateUpsert
from services.chassis.ids import timestamp
from services.chassis.publishing.journal import (
    JOURNAL_TTL,
    SEGMENT_SIZE,
    SETTLED_AFTER,
    ChangeMetadata,
    Journal,
    JournalEntry,
    StreamHead,
    now_ms,
)
from services.chassis.publishing.local_delivery import LocalDelivery, LocalHandler
from services.chassis.publishing.relay import Relay

FLUSH_DELAY = 1.0
"""Seconds without events after which the journal says that all of them were published."""

CLOSE_TIMEOUT = 2.0

RECOVERY_BATCH_SIZE = 10
"""Events in a message of `recover`: so few that their size needs no count."""

log = logging.getLogger(__name__)

EventMapper = Callable[[str, Any], Any]
"""From a document's id and data (as JSON) to the data of its event; None for no event."""


@dataclass(frozen=True, slots=True)
class _Publication:
    type: str
    to_event: EventMapper
    is_private: bool


@dataclass(frozen=True, slots=True)
class Intent:
    """The intent to change a document: its entry in the journal, and what the document says."""

    entry: JournalEntry
    change: ChangeMetadata


class Outbox:
    """The outbox of one topic in one process.

    If all types of a topic are private, its events do not go to the broker.
    """

    def __init__(self, topic: str, source: str, state: StateStore, publisher: Publisher) -> None:
        self.topic = topic
        self._source = source
        self._state = state
        self._publisher = publisher
        self._publications: dict[str, _Publication] = {}
        self._uncommitted: set[int] = set()
        self._unpublished: set[int] = set()
        self.journal = Journal(topic, state, self._published)
        self._relay = Relay(topic, publisher, self._unpublished.discard, self._flush_later)
        self.local: LocalDelivery | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._recovered = 0
        self._recovered_upto: dict[str, int] = {}
        self.on_change: Callable[[], None] = lambda: None
        """Called when a change of a document begins: the stream of this process has a new head."""
        self._context = copy_context()
        """The context of a flush: it is no part of the request whose event was last."""

    @property
    def stream(self) -> str:
        """The name of this process's stream."""
        return self.journal.stream

    @property
    def backlog(self) -> int:
        """How many events wait for the broker."""
        return len(self._relay)

    @property
    def oldest(self) -> str:
        """When the change was committed whose event waits longest (RFC 3339); empty for none."""
        return self._relay.oldest

    @property
    def published(self) -> int:
        """Events that the broker accepted of this process, also for others that died."""
        return self._relay.published + self._recovered

    @property
    def is_delivered(self) -> bool:
        """Whether no event waits for a handler of this process."""
        return self.local is None or self.local.is_idle

    def publishes(
        self, kind: str, type: str, to_event: EventMapper | None = None, *, private: bool = False
    ) -> Outbox:
        """Publish documents of a kind as events of a type; `to_event` makes the event's data.

        Events of a private type are for the service itself.
        """
        to_event = to_event or (lambda _, data: data)
        self._publications[kind] = _Publication(type, to_event, private)
        return self

    def deliver_locally(self, handle: LocalHandler) -> None:
        """Hand the events of this process to a handler in it, too."""
        self.local = LocalDelivery(handle)

    @property
    def is_private(self) -> bool:
        """Whether its events are for the service itself, and do not go to the broker."""
        publications = self._publications.values()
        return bool(publications) and all(each.is_private for each in publications)

    # ── committing ──────────────────────────────────────────────────────────────────────────

    def begin(self, key: str) -> Intent:
        """The intent to change a document, which `record` makes durable.

        `enqueue` or `discard_intent` must follow.
        """
        entry = self.journal.begin(key)
        self._uncommitted.add(entry.sequence)
        self._unpublished.add(entry.sequence)
        self.on_change()
        trace = telemetry.current()
        change = ChangeMetadata(self.stream, entry.sequence, timestamp(), trace.traceparent)
        return Intent(entry, change)

    async def record(self, intent: Intent, document: StateUpsert | None = None) -> None:
        """Record durably that a document is about to change; or change it, in the same call.

        Raises `VersionConflict` if the document has changed. Then, and only if it returns or
        raises this, the intent is recorded.
        """
        await self.journal.write(intent.entry, document)
        tracing.note_effect()

    def enqueue(self, key: str, stored: bytes) -> None:
        """Publish the event of a committed document, given as it is stored, in the background."""
        plain = orjson.loads(stored)
        sequence: int = plain["change"]["sequence"]
        self._uncommitted.discard(sequence)
        event = self._event(key, plain)
        if event is None or self.is_private:
            self._unpublished.discard(sequence)
        else:
            self._relay.enqueue(event)
        if event is not None and self.local is not None:
            self.local.enqueue(event)

    def discard_intent(self, sequence: int, *, after: float = 0) -> None:
        """Note that a commit did not happen; or, `after` some seconds, cannot happen any more."""
        if after:
            asyncio.get_running_loop().call_later(after, self.discard_intent, sequence)
            return
        self._uncommitted.discard(sequence)
        self._unpublished.discard(sequence)

    # ── what consumers ask for ──────────────────────────────────────────────────────────────

    async def heads(self, max_age: float | None = None) -> list[StreamHead]:
        """The head of every stream of this topic; see `Journal.heads`."""
        return await self.journal.heads(max_age)

    async def has_other_writers(self) -> bool:
        """Whether another process may write a stream of this topic, as far as `heads` knows."""
        return any(head.is_open for head in await self.journal.other_heads(math.inf))

    async def changes_since(
        self, stream: str, after: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        """The newest events of the documents recorded after a number, and how far that is settled.

        An event may be newer than its entry: consumers go by the document's version. One state
        call more than `Journal.read`.
        """
        decided = self._decided() if stream == self.stream else None  # before documents are read
        entries, end = await self.journal.read(stream, after, min(limit, SEGMENT_SIZE))
        rows = await self._state.get_many([entry.key for entry in entries])
        events = [self._event(key, entry.value) for key, entry in rows.items()]
        published = [event for event in events if event is not None]
        return published, self._settled(after, entries, end, decided)

    def _published(self) -> int:
        """The number up to which this process's events have been published."""
        return min(self._unpublished, default=self.journal.sequence + 1) - 1

    def _decided(self) -> int:
        """The number up to which this process's own commits have happened, or never will."""
        return min(self._uncommitted, default=self.journal.sequence + 1) - 1

    def _settled(
        self, after: int, entries: Sequence[JournalEntry], end: int | None, decided: int | None
    ) -> int:
        """The number up to which a consumer who has these entries need not ask again."""
        last = entries[-1].sequence if entries else (after // SEGMENT_SIZE + 1) * SEGMENT_SIZE
        if decided is not None:
            return max(after, min(last, decided))
        if not entries:  # not there yet; or the segment has outlived `JOURNAL_TTL`
            return after if end is not None and end <= after else last
        old = now_ms() - SETTLED_AFTER * 1000
        return max((entry.sequence for entry in entries if entry.at < old), default=after)

    # ── recovery ────────────────────────────────────────────────────────────────────────────

    async def recover(self) -> int:
        """Publish what other processes recorded and did not publish before they died.

        Looks only at tails that were not written for `SETTLED_AFTER`; a repeat is harmless.
        Returns how many entries were looked at.
        """
        if self.is_private:
            return 0
        return sum([await self._recover(head) for head in await self.journal.other_heads()])

    async def _recover(self, head: StreamHead) -> int:
        if head.published >= head.last or now_ms() - head.at < SETTLED_AFTER * 1000:
            return 0
        stream, last, done_key = head.stream, head.last, f"recovered:{self.topic}:{head.stream}"
        if self._recovered_upto.get(stream, 0) >= last:
            return 0
        kept = await self._state.get(done_key)
        done: int = max(head.published, kept.value or 0)
        recovered = last - done
        while done < last:
            events, settled = await self.changes_since(stream, done, SEGMENT_SIZE)
            for start in range(0, len(events), RECOVERY_BATCH_SIZE):
                batch = events[start : start + RECOVERY_BATCH_SIZE]
                tracing.note_effect()
                await self._publisher.publish(self.topic, [*map(encode_event, batch)])
                self._recovered += len(batch)
            done = max(settled, done + 1)
            await self._state.set(done_key, done, ttl=JOURNAL_TTL)
        self._recovered_upto[stream] = done
        return recovered

    async def close(self) -> None:
        """Publish and write what is left, as far as that works within `CLOSE_TIMEOUT`."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                if self.local is not None:
                    await self.local.drain()
                await self._relay.drain()
                await self.journal.close()
        except TimeoutError:
            log.warning("stopped with unpublished events", extra={"topic": self.topic})
        if self.local is not None:
            self.local.cancel()
        self._relay.cancel()
        self.journal.cancel()
        if self._flush is not None:
            self._flush.cancel()

    # ── publishing ──────────────────────────────────────────────────────────────────────────

    def _flush_later(self) -> None:
        """Have the journal say what was published, so that others do not publish it again."""
        if self._flush is not None:
            self._flush.cancel()
        self._flush = asyncio.get_running_loop().call_later(
            FLUSH_DELAY, self.journal.flush, context=self._context
        )

    def _event(self, key: str, envelope: dict[str, Any]) -> dict[str, Any] | None:
        """The CloudEvent of a document; None if it publishes none."""
        kind, _, id = key.partition(":")
        publication = self._publications[kind]
        data = publication.to_event(id, envelope["data"])
        if data is None:
            return None
        change = envelope["change"]
        return {
            "specversion": "1.0",
            "id": f"{self._source}:{key}@{envelope['version']}",
            "source": self._source,
            "type": publication.type,
            "subject": id,
            "time": change["time"],
            "datacontenttype": "application/json",
            "traceparent": change["traceparent"],
            "topic": self.topic,
            "stream": change["stream"],
            "sequence": change["sequence"],
            "entityversion": envelope["version"],
            "schemaversion": envelope["schema"],
            "data": data,
        }
