"""How state is changed: load, decide, compare-and-swap, announce.

A `Collection` keeps one kind of document. Every document is one key of the state store and wears an
envelope: its schema version (old shapes are lifted on read), its own version (it grows by one with
every change, and is what makes repeated and reordered events harmless) and, for kinds that others
hear of, the change that made it. The state is the event: whoever has the document can tell the
news, so a commit is one compare-and-swap and nothing can be committed without its event
(docs/decisions/0002).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeGuard, TypeVar

from pydantic import TypeAdapter

from services.chassis import telemetry
from services.chassis.dapr.state import StateEntry, StateStore, VersionConflict
from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable
from services.chassis.publishing.journal import COMMIT_TIMEOUT, SETTLED_AFTER, ChangeMetadata
from services.chassis.publishing.outbox import Outbox

T = TypeVar("T")
Decide = Callable[[T | None], T | None]
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

_MAX_REMEMBERED_COMMITS = 4_096
"""Of how many documents that others hear of a process remembers which version it committed."""


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A document as it was read."""

    value: T
    version: int
    etag: str
    change: ChangeMetadata


@dataclass(slots=True)
class _PendingUpdate(Generic[T]):
    decide: Decide[T]
    done: asyncio.Future[T | None]
    trace: telemetry.Trace | None


class Codec(Protocol[T]):
    """How a document's value is written as JSON, and read from it."""

    def load(self, data: Any) -> T: ...

    def dump(self, value: T) -> Any: ...


class _Validated(Generic[T]):
    """Reads what pydantic validates, and writes what orjson can."""

    def __init__(self, model: type[T]) -> None:
        self.load: Callable[[Any], T] = TypeAdapter(model).validate_python

    def dump(self, value: T) -> Any:
        return value


class Collection(Generic[T]):
    """All documents of one kind: `posts.get(id)`, `posts.update(id, decide)`.

    `model` is a dataclass, or anything pydantic can validate. `upgrades` lift older schemas:
    `{1: from_1_to_2}`; the current schema is one more than the highest. A `codec` takes the place
    of pydantic where documents are large and many.
    """

    def __init__(
        self,
        state: StateStore,
        kind: str,
        model: type[T],
        *,
        outbox: Outbox | None = None,
        upgrades: Mapping[int, Upgrade] | None = None,
        ttl: int | None = None,
        codec: Codec[T] | None = None,
    ) -> None:
        self.kind = kind
        self._state = state
        self._codec: Codec[T] = codec or _Validated(model)
        self._outbox = outbox
        self._upgrades = dict(upgrades or {})
        self.schema = max(self._upgrades, default=0) + 1
        self._ttl = ttl
        self._queues: dict[str, list[_PendingUpdate[T]]] = {}
        self._committed: dict[str, int] = {}
        self._drains: set[asyncio.Task[None]] = set()

    def key(self, id: str) -> str:
        """Where a document lies in the state store."""
        return f"{self.kind}:{id}"

    async def get(self, id: str) -> T | None:
        """The document, or None. One state call."""
        doc = await self.load(id)
        return doc.value if doc else None

    async def load(self, id: str) -> Document[T] | None:
        """The document with its version and ETag, or None. One state call."""
        return self.decode(await self._state.get(self.key(id)))

    async def get_many(self, ids: Iterable[str]) -> dict[str, T]:
        """The documents that are there, by id. One state call, however many."""
        return {id: doc.value for id, doc in (await self.load_many(ids)).items()}

    async def load_many(self, ids: Iterable[str]) -> dict[str, Document[T]]:
        """As `get_many`, with versions and ETags."""
        keys = {self.key(id): id for id in ids}
        rows = await self._state.get_many(list(keys))
        docs = {keys[key]: self.decode(entry) for key, entry in rows.items()}
        return {id: doc for id, doc in docs.items() if doc is not None}

    def has_newer_local_commit(self, id: str, version: int) -> bool:
        """Whether this process itself has lately committed a later version.

        Then the news of that is still to come, and what this one says need not be looked into.
        """
        return self._committed.get(id, 0) > version

    async def update(
        self, id: str, decide: Decide[T], *, fresh: bool = False, seen: Document[T] | None = None
    ) -> T | None:
        """Change one document, and return it as it is then.

        `decide` gets the present value (None where there is none) and returns the new one; the same
        or an equal value, or None, means that nothing changes. It may run more than once, and what
        it raises reaches the caller. Calls of one process for one document are decided together and
        cost one swap; a swap lost to another process is tried again with jitter, until
        `COMMIT_TIMEOUT`. `fresh` says that the document is likely not there yet, `seen` that it is
        likely still as it was read just now: either saves the read. Two state calls, and for kinds
        with an outbox one more that concurrent commits share.
        """
        done: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        waiting = _PendingUpdate(decide, done, telemetry.capture())
        queue = self._queues.get(id)
        if queue is not None:
            queue.append(waiting)
        else:
            self._queues[id] = [waiting]
            task = asyncio.create_task(self._drain(id, fresh=fresh, seen=seen))
            self._drains.add(task)
            task.add_done_callback(self._drains.discard)
        return await asyncio.shield(waiting.done)

    async def delete(self, id: str) -> None:
        """Remove a private document. Documents that others hear of end as tombstones instead."""
        await self._state.delete(self.key(id))

    def decode(self, entry: StateEntry) -> Document[T] | None:
        """Take the envelope off."""
        if entry.value is None:
            return None
        envelope: dict[str, Any] = entry.value
        data = envelope["data"]
        for schema in range(envelope["schema"], self.schema):
            data = self._upgrades[schema](data)
        change = envelope["change"]
        return Document(
            self._codec.load(data),
            envelope["version"],
            entry.etag,
            ChangeMetadata(**change),
        )

    def decode_value(self, data: Any) -> T:
        """A document's value from what of it is JSON, as outboxes tell it."""
        return self._codec.load(data)

    def encode(self, value: T, version: int, change: ChangeMetadata) -> dict[str, Any]:
        """Put the envelope on."""
        return {
            "schema": self.schema,
            "version": version,
            "change": change,
            "data": self._codec.dump(value),
        }

    async def _drain(self, id: str, *, fresh: bool, seen: Document[T] | None) -> None:
        while batch := self._queues[id]:
            self._queues[id] = []
            telemetry.resume(batch[0].trace)
            try:
                await _Commit(self, id, batch).run(fresh=fresh, seen=seen)
            except Exception as error:
                for waiting in batch:
                    if not waiting.done.done():
                        waiting.done.set_exception(error)
            fresh, seen = False, None
        del self._queues[id]

    def _has_committed(self, id: str, version: int) -> None:
        self._committed.pop(id, None)
        self._committed[id] = version
        if len(self._committed) > _MAX_REMEMBERED_COMMITS:
            del self._committed[next(iter(self._committed))]


class _Commit(Generic[T]):
    """One swap of one document, on behalf of everybody who waits for it."""

    def __init__(self, collection: Collection[T], id: str, batch: list[_PendingUpdate[T]]) -> None:
        self._collection = collection
        self._id = id
        self._batch = batch
        self._outbox = collection._outbox
        self._change: ChangeMetadata | None = None
        self._told = False
        self._unsure = 0
        """The version that a swap without an answer may have made, or may still make."""
        self._give_up_at = time.monotonic() + COMMIT_TIMEOUT

    async def run(self, *, fresh: bool, seen: Document[T] | None) -> None:
        try:
            await self._attempt(seen if fresh or seen else await self._load())
        except ServiceError as failure:
            if self._unsure:
                raise OutcomeUnknown(failure.message) from failure
            if isinstance(failure, OutcomeUnknown):  # of a read, or of the journal
                raise Unavailable(failure.message) from failure
            raise
        finally:
            self._abandon(SETTLED_AFTER if self._unsure else 0)

    def _abandon(self, after: float) -> None:
        if self._outbox is not None and self._change is not None and not self._told:
            self._outbox.discard_intent(self._change.sequence, after=after)
            self._told = True

    async def _attempt(self, doc: Document[T] | None) -> None:
        pause = 0.005
        while True:
            value, results = self._decide(doc)
            before = doc.value if doc else None
            if value is None or value is before or value == before:
                return self._answer(results)
            try:
                await self._swap(value, doc)
            except (VersionConflict, OutcomeUnknown, Unavailable) as failure:
                await self._wait(pause, failure)
                pause = min(pause * 2, 0.25)
                doc = await self._load()
                if self._did_commit(doc):
                    return self._committed(doc.value, doc.version, results)
            else:
                return self._committed(value, doc.version + 1 if doc else 1, results)

    def _did_commit(self, doc: Document[T] | None) -> TypeGuard[Document[T]]:
        """Whether the document shows that the last try did commit after all.

        Raises `OutcomeUnknown` where others have changed it since, so that nobody can tell.
        """
        if doc is None:
            return False
        if doc.change == self._change:
            return True
        if self._unsure and doc.version > self._unsure:
            raise OutcomeUnknown(f"{self._id} was changed, by this try or only by others.")
        if doc.version == self._unsure:
            self._unsure = 0
        return False

    def _decide(self, doc: Document[T] | None) -> tuple[T | None, list[T | Exception | None]]:
        value = doc.value if doc else None
        results: list[T | Exception | None] = []
        for waiting in self._batch:
            try:
                decided = waiting.decide(value)
                value = value if decided is None else decided
                results.append(value)
            except Exception as error:
                results.append(error)
        return value, results

    async def _swap(self, value: T, doc: Document[T] | None) -> None:
        collection = self._collection
        key = collection.key(self._id)
        if self._change is None:
            self._change = (
                await self._outbox.record_intent(key) if self._outbox else ChangeMetadata.private()
            )
        version = doc.version + 1 if doc else 1
        envelope = collection.encode(value, version, self._change)
        etag = doc.etag if doc else ""
        try:
            await collection._state.compare_and_set(key, envelope, etag=etag, ttl=collection._ttl)
        except OutcomeUnknown:
            self._unsure = version
            raise

    def _committed(self, value: T, version: int, results: list[T | Exception | None]) -> None:
        if self._outbox is not None and self._change is not None:
            self._told = True
            self._collection._has_committed(self._id, version)
            key = self._collection.key(self._id)
            self._outbox.enqueue(key, self._collection.encode(value, version, self._change))
        self._answer(results)

    def _answer(self, results: list[T | Exception | None]) -> None:
        for waiting, result in zip(self._batch, results, strict=True):
            if waiting.done.done():
                continue
            if isinstance(result, Exception):
                waiting.done.set_exception(result)
            else:
                waiting.done.set_result(result)

    async def _load(self) -> Document[T] | None:
        while True:
            try:
                return await self._collection.load(self._id)
            except (OutcomeUnknown, Unavailable) as failure:
                await self._wait(0.1, failure)

    async def _wait(self, pause: float, failure: ServiceError) -> None:
        if time.monotonic() + pause > self._give_up_at:
            raise failure
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 (jitter)
