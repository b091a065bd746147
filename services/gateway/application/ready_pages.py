"""First pages as they were sent, kept until a document on which they depend changes.

A page is served while none of its documents changed after its reading began. So a page that is
read while a change arrives is never served. Services with several replicas cache documents for
up to `SOURCE_TTL`: a page that was read so soon after a change of its documents is served only
until that time after the change, as the service would do.

That no message is missing is known from the next one: producers number theirs, and send one every
few seconds while somebody reads. As long as these come, a page is served for `MAX_KEPT` seconds.
Else it is served for `MAX_AGE` seconds.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple

from cachetools import LRUCache

from services.chassis.cache import DEFAULT_TTL as SOURCE_TTL
from services.chassis.consuming.events import CloudEvent, Event
from services.clients.base import CacheAge
from services.contracts.events import FEED_INVALIDATED, NOTIFICATIONS_INVALIDATED
from services.contracts.invalidations import HEARTBEATS_FOR, Invalidation

MAX_AGE = 5.0
"""Seconds after which a page is read again, if a producer has been silent for so long: its last
message may be lost. `HEARTBEAT_INTERVAL` of producers is shorter."""

MAX_KEPT = HEARTBEATS_FOR
"""Seconds after which a page is read again, whatever is known."""

MAX_CHANGES = 50_000
"""Changed documents that are remembered, about 10 MB. Pages older than the oldest are dropped."""

MAX_WAIT = 0.5
"""Seconds for which a form waits until the next page shows what it did."""

PRODUCERS = frozenset({FEED_INVALIDATED.producer, NOTIFICATIONS_INVALIDATED.producer})
"""The services whose messages say what has changed."""

_DOCUMENT_BYTES = 80  # the name of a document in the list of a page
_OVERHEAD = 1_500  # bytes of a page beside its body and documents: key, headers, table entry

NEVER = float("-inf")

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class ReadyPage:
    """A response with status 200, the documents it depends on, and when its reading began.

    `oldest` is when the reading of its oldest part began, which was kept from an earlier page.
    """

    headers: Headers
    body: bytes
    documents: tuple[str, ...]
    read_at: float
    oldest: float

    @property
    def size(self) -> int:
        """The memory that it takes, in bytes."""
        return len(self.body) + len(self.documents) * _DOCUMENT_BYTES + _OVERHEAD


class ReadyPages:
    """Pages by key, at most `max_bytes` of them. Those that were asked for longest ago go first.

    The key must contain everything that shapes a response, above all whose page it is.
    """

    def __init__(
        self,
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        producers: frozenset[str] = PRODUCERS,
    ) -> None:
        self.now = clock
        self._producers = producers
        self._pages: LRUCache[Hashable, ReadyPage] = LRUCache(max_bytes, getsizeof=_size)
        self.changes = DocumentChanges(clock)
        """What was heard of."""
        self._streams: dict[str, _LastMessage] = {}
        self.hits = self.misses = 0
        self._awaited: dict[str, list[asyncio.Event]] = {}
        """By document; as many as there are requests that wait."""

    def __len__(self) -> int:
        return len(self._pages)

    @property
    def bytes(self) -> int:
        """The memory that the pages take."""
        return int(self._pages.currsize)

    def get(self, key: Hashable) -> ReadyPage | None:
        """The page, if it may still be served."""
        page = self._pages.get(key)
        if page is not None:
            if self._is_current(page):
                self.hits += 1
                return page
            del self._pages[key]
        self.misses += 1
        return None

    def put(self, key: Hashable, page: ReadyPage) -> None:
        """Keep a page. One that is larger than the cache, or outdated already, is not kept."""
        if page.size <= self._pages.maxsize and self._is_current(page):
            self._pages[key] = page

    def _is_current(self, page: ReadyPage) -> bool:
        changes = self.changes
        return changes.is_young(page.oldest) and changes.is_current(page.documents, page.read_at)

    def changed(self, documents: Iterable[str], writer: str = "") -> None:
        """Serve no page any more that depends on one of these documents.

        `writer` is the process that wrote them, if a producer says so.
        """
        self.changes.add(documents, writer)

    def drop_all(self) -> None:
        """Drop every page, and keep none of those that are being read."""
        self._pages.clear()
        self.changes.clear()

    async def invalidated(self, event: Event[Invalidation]) -> None:
        """Handle a message of a producer. If one before it is missing, every page is dropped."""
        envelope = event.envelope
        stream, sequence = envelope.stream, envelope.sequence
        last = self._streams.get(stream)
        if last is None:
            self._streams = self._recent_streams()
        if last is None or sequence > last.sequence:
            is_next = last is not None and sequence == last.sequence + 1
            since = last.since if last is not None and is_next else self.now()
            sent_at = self.now() - _seconds_under_way(envelope)
            self._streams[stream] = _LastMessage(
                envelope.source, sequence, sent_at, self.now(), since
            )
        if last is None or sequence > last.sequence + 1 or event.data.everything:
            self.drop_all()
        self.changed(event.data.documents, stream)
        self.changes.confirm(self._complete_until())
        self.changes.note_sole_writer(envelope.source, self._sole_writer(envelope.source))
        for document in event.data.documents:
            for reported in self._awaited.get(document, ()):
                reported.set()

    def _complete_until(self) -> float:
        """The time until which no message is missing, of all processes that were heard lately.

        `NEVER` if a producer has no such process.
        """
        recent = self._recent_streams().values()
        if self._producers - {last.source for last in recent}:
            return NEVER
        return min(last.sent_at for last in recent)

    def _sole_writer(self, producer: str) -> SoleWriter | None:
        """The process of a producer, if it is the only one that was heard lately."""
        recent = self._recent_streams().items()
        writers = [
            SoleWriter(stream, last.since, last.sent_at)
            for stream, last in recent
            if last.source == producer
        ]
        return writers[0] if len(writers) == 1 else None

    def _recent_streams(self) -> dict[str, _LastMessage]:
        oldest = self.now() - MAX_KEPT
        return {stream: last for stream, last in self._streams.items() if last.came_at >= oldest}

    @asynccontextmanager
    async def reported(self, document: str) -> AsyncIterator[None]:
        """At its end, wait until a producer reports a change of the document since its begin.

        At most `MAX_WAIT`: a change that changes nothing is not reported, and messages may be lost.
        """
        reported = asyncio.Event()
        self._awaited.setdefault(document, []).append(reported)
        try:
            yield
            with suppress(TimeoutError):
                await asyncio.wait_for(reported.wait(), MAX_WAIT)
        finally:
            self._awaited[document].remove(reported)
            if not self._awaited[document]:
                del self._awaited[document]


class _LastMessage(NamedTuple):
    """The newest message of a process of a service (`source`).

    It was sent by the clock of the process. No message is missing since the time `since`.
    """

    source: str
    sequence: int
    sent_at: float
    came_at: float
    since: float


class SoleWriter(NamedTuple):
    """A process that alone changed documents since a time, until its last message at least."""

    process: str
    since: float
    sent_at: float


class _Write(NamedTuple):
    process: str
    at: float


class DocumentChanges:
    """When documents changed, for as long as a page may be kept."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.now = clock
        self._changed_at: dict[str, float] = {}
        """In the order of time."""
        self._written: dict[str, _Write] = {}
        """The last change of a document that its producer told."""
        self._unattributed: dict[str, float] = {}
        """When a document was last changed by another process, or it is not known by which."""
        self._sole: dict[str, SoleWriter | None] = {}
        """By producer."""
        self._cleared_at = NEVER
        self._forgotten_at = NEVER
        """What changed until then is no longer known."""
        self._confirmed_at = NEVER
        self._began_at = clock()
        """What was told before is not known."""

    def __len__(self) -> int:
        return len(self._changed_at)

    def add(self, documents: Iterable[str], writer: str = "") -> None:
        """Remember changes, at most `MAX_CHANGES` of them."""
        now = self.now()
        for document in documents:
            self._changed_at.pop(document, None)
            self._changed_at[document] = now
            self._attribute(document, writer, now)
        self._forget(now - MAX_KEPT - SOURCE_TTL)

    def _forget(self, oldest: float) -> None:
        """Forget what changed before a time, and more if there is too much."""
        while self._changed_at:
            first = next(iter(self._changed_at))
            if self._changed_at[first] >= oldest:
                if len(self._changed_at) <= MAX_CHANGES:
                    break
                self._forgotten_at = self._changed_at[first]
            del self._changed_at[first]
            self._written.pop(first, None)
            self._unattributed.pop(first, None)

    def confirm(self, at: float) -> None:
        """Note that every message that was sent until a time has come."""
        self._confirmed_at = at

    @property
    def max_age(self) -> float:
        """The seconds for which a page may be served now, if none of its documents changes."""
        return MAX_KEPT if self.now() - self._confirmed_at <= MAX_AGE else MAX_AGE

    def is_young(self, read_at: float) -> bool:
        """Whether what was read then may still be served, if nothing of it has changed."""
        return self.now() - read_at <= self.max_age

    def _attribute(self, document: str, writer: str, now: float) -> None:
        before = self._written.get(document)
        if not writer:
            self._unattributed[document] = now
            return
        if before is not None and before.process != writer:
            self._unattributed[document] = max(before.at, self._unattributed.get(document, NEVER))
        self._written[document] = _Write(writer, now)

    def clear(self) -> None:
        """Let everything have changed now."""
        self._changed_at.clear()
        self._written.clear()
        self._unattributed.clear()
        self._cleared_at = self.now()

    def is_current(self, documents: Iterable[str], read_at: float) -> bool:
        """Whether what was read then is what the documents are now."""
        now = self.now()
        if not self.is_young(read_at) or read_at - SOURCE_TTL <= self._forgotten_at:
            return False
        if self._may_be_outdated(self._cleared_at, read_at, now):
            return False
        known = self._changed_at
        changed_at = [known[document] for document in documents if document in known]
        return not any(self._may_be_outdated(at, read_at, now) for at in changed_at)

    def note_sole_writer(self, producer: str, writer: SoleWriter | None) -> None:
        """Note which process of a producer alone changes documents; None if several do."""
        self._sole[producer] = writer

    def _alone(self, producer: str) -> tuple[str, float]:
        """The process of a producer that alone changed documents lately, and for how long."""
        sole, now = self._sole.get(producer), self.now()
        if sole is None or now - sole.sent_at > MAX_AGE:
            return "", 0.0
        return sole.process, min(MAX_KEPT, now - sole.since)

    def cache_age(self, documents: Iterable[str], producer: str) -> CacheAge:
        """How old what is cached of these documents may be in the service that has them."""
        now, wanted = self.now(), list(documents)
        written = [self._written[each] for each in wanted if each in self._written]
        last_unknown = max(self._cleared_at, self._forgotten_at, self._began_at)
        unattributed = max((self._unattributed.get(each, NEVER) for each in wanted), default=NEVER)
        times = [last_unknown, unattributed]
        writer = written[0].process if written else ""
        if any(each.process != writer for each in written):
            times += [each.at for each in written]
            written = []
        last = max((each.at for each in written), default=NEVER)
        sole, alone = self._alone(producer)
        alone = min(alone, now - unattributed)  # this gateway may have asked another process for it
        if not written:
            writer = sole
        return CacheAge(
            min(SOURCE_TTL, now - max(times)),
            writer,
            min(SOURCE_TTL, now - last),
            alone if writer == sole else 0.0,
        )

    @staticmethod
    def _may_be_outdated(changed_at: float, read_at: float, now: float) -> bool:
        if changed_at >= read_at:
            return True
        return read_at - changed_at < SOURCE_TTL <= now - changed_at


def _seconds_under_way(message: CloudEvent) -> float:
    """The age of a message by the clocks of both processes; infinite if it has no time."""
    sent_at = message.committed_at()
    return math.inf if sent_at is None else max(0.0, time.time() - sent_at)


def _size(page: ReadyPage) -> int:
    return page.size
