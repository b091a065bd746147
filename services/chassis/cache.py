"""Documents that many requests read, cached in memory for a moment.

What this process writes is in the cache at once. What other replicas write, it learns by reading
again: after `DEFAULT_TTL`, or earlier if whoever asks has heard of a change, or later if whoever
asks knows that no other replica has written anything.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import orjson

from services.chassis.dapr.state import ABSENT, StateEntry, StateStore, VersionConflict
from services.contracts.invalidations import HEARTBEATS_FOR

DEFAULT_TTL = 2.0
"""Seconds after which a document is read again, if nobody knows better."""

MAX_KEPT = HEARTBEATS_FOR
"""Seconds after which a document is read again, whatever is known."""

MAX_BYTES = 48 << 20
"""The memory that the documents of a cache take."""

READ_WITHIN = 30.0
"""Seconds. A document that nobody read for longer is not kept when it is written."""

_MEMORY_PER_BYTE = 7
"""An upper estimate of the memory of a document, for each byte of its JSON.

Parsed it is 4.6 for a post, 3.4 for an account and 2 for relations. Decoded it comes on top.
"""

_OVERHEAD = 500
"""Bytes of an entry beside its document."""

_MAX_CHANGES = 20_000
"""Changed keys that are remembered for reads in flight."""

T = TypeVar("T")
Envelope = dict[str, Any]


class MaxAge(NamedTuple):
    """How many seconds ago cached documents may have been read: those of a reader, and others."""

    own: float = 0.0
    others: float = DEFAULT_TTL


USUAL_AGE = MaxAge()
"""If who asks says nothing."""


class CachedDocument:
    """A stored document as it was read or written, or the fact that there is none."""

    __slots__ = ("_decoded", "_json", "_value", "read_at", "size", "used_at")

    def __init__(self, json: bytes, value: Any, read_at: float, used_at: float) -> None:
        self._json = json
        self._value = value
        self._decoded: Any = None
        self.size = len(json) * _MEMORY_PER_BYTE + _OVERHEAD
        self.read_at = read_at
        self.used_at = used_at
        if value is not None:
            self._json = b""

    @property
    def exists(self) -> bool:
        """Whether there is a document."""
        return bool(self._json) or self._value is not None

    @property
    def envelope(self) -> Envelope:
        """The document as it is stored. It is shared: nobody may change it."""
        if self._value is None:
            self._value, self._json = orjson.loads(self._json), b""
        envelope: Envelope = self._value
        return envelope

    def decoded(self, decode: Callable[[StateEntry], T]) -> T:
        """What `decode` makes of the document, or of `ABSENT`. It is decoded once."""
        if self._decoded is None:
            self._decoded = decode(StateEntry(self.envelope, "") if self.exists else ABSENT)
        decoded: T = self._decoded
        return decoded


class DocumentCache:
    """Stored documents by key, also missing ones, within a bound in bytes.

    Those that were read or written longest ago are evicted first. All writes of this process must
    pass `writing`.
    """

    def __init__(
        self, state: StateStore, max_kept: float = MAX_KEPT, max_bytes: int = MAX_BYTES
    ) -> None:
        self._state = state
        self._max_kept = max_kept
        self._max_bytes = max_bytes
        self.hits = self.misses = 0
        self.last_read = float("-inf")
        """When somebody last read a document (`time.monotonic`)."""
        self.bytes = 0
        """The memory that the documents take."""
        self._cached: OrderedDict[str, CachedDocument] = OrderedDict()
        self._expected: tuple[str, ...] = ()
        self._uncertain_until = float("-inf")
        """Until when a write whose outcome is unknown may differ from what is cached."""
        self._changes = 0
        self._changed: dict[str, int] = {}
        """The number of the last change of each key, for reads and writes in flight."""
        self._forgotten = 0
        """The last change that `_changed` has no key of."""

    def __len__(self) -> int:
        return len(self._cached)

    def expect_reads(self, *kinds: str) -> None:
        """Keep documents of some kinds when they are written, although nobody has read them yet."""
        self._expected = tuple(f"{kind}:" for kind in kinds)

    async def read(
        self, keys: Iterable[str], max_age: float = DEFAULT_TTL
    ) -> dict[str, CachedDocument]:
        """Return what is stored under each key, read at most `max_age` seconds ago.

        One state call, or none if all are cached.
        """
        self.last_read = now = time.monotonic()
        longest = DEFAULT_TTL if now < self._uncertain_until else self._max_kept
        oldest = now - min(max_age, longest)
        found: dict[str, CachedDocument] = {}
        missing: list[str] = []
        for key in keys:
            cached = self._cached.get(key)
            if cached is None or cached.read_at <= oldest:
                missing.append(key)
            else:
                cached.used_at = now
                found[key] = cached
        self.hits += len(found)
        self.misses += len(missing)
        if missing:
            found |= await self._load(missing)
        return found

    async def _load(self, keys: list[str]) -> dict[str, CachedDocument]:
        started, last_change = time.monotonic(), self._changes
        rows = await self._state.get_many(keys)
        loaded = {key: _loaded(rows.get(key, ABSENT), started) for key in keys}
        for key, document in loaded.items():
            if self._is_unchanged(key, last_change):
                self._put(key, document)
        return loaded

    @contextmanager
    def writing(self, values: Mapping[str, Any]) -> Iterator[None]:
        """Write values by key, `None` for a deletion, within this context.

        The cache has them at its end, unless the write fails or another one comes between. Until
        then it has what it had: nobody was told yet that something has changed.
        """
        began = time.monotonic()  # its end may be later than another replica's next write
        used_at = {key: began for key in values if key.startswith(self._expected)}
        used_at |= {key: each.used_at for key in values if (each := self._cached.get(key))}
        started = {key: self._note_change(key) for key in values}
        try:
            yield
        except BaseException as error:
            self._end(values)
            if not isinstance(error, VersionConflict):  # it may be written later
                self._uncertain_until = time.monotonic() + self._max_kept
            raise
        kept = [key for key in used_at if self._is_unchanged(key, started[key])]
        self._end(values)
        now = time.monotonic()
        for key in kept:
            if now - used_at[key] < READ_WITHIN:
                json = b"" if values[key] is None else orjson.dumps(values[key])
                self._put(key, CachedDocument(json, None, began, used_at[key]))

    def _end(self, keys: Iterable[str]) -> None:
        """Let no read that began before the end of a write keep what it found."""
        for key in keys:
            self._pop(key)
            self._note_change(key)

    def _note_change(self, key: str) -> int:
        self._changes += 1
        if len(self._changed) >= _MAX_CHANGES:
            self._changed.clear()
            self._forgotten = self._changes
        self._changed[key] = self._changes
        return self._changes

    def _is_unchanged(self, key: str, since: int) -> bool:
        return self._forgotten <= since and self._changed.get(key, 0) <= since

    def _put(self, key: str, document: CachedDocument) -> None:
        self._pop(key)
        self._cached[key] = document
        self.bytes += document.size
        oldest = time.monotonic() - self._max_kept
        while self._cached:
            first = next(iter(self._cached))
            if self.bytes <= self._max_bytes and self._cached[first].read_at > oldest:
                break
            self._pop(first)

    def _pop(self, key: str) -> CachedDocument | None:
        document = self._cached.pop(key, None)
        if document is not None:
            self.bytes -= document.size
        return document


def _loaded(entry: StateEntry, read_at: float) -> CachedDocument:
    json = b"" if entry.value is None else orjson.dumps(entry.value)
    return CachedDocument(json, entry.value, read_at, read_at)
