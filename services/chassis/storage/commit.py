"""One commit of one document: decide, compare and swap, repeat what can be repeated."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeGuard, TypeVar

from services.chassis import telemetry
from services.chassis.dapr.state import StateUpsert, VersionConflict
from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable
from services.chassis.publishing.journal import COMMIT_TIMEOUT, SETTLED_AFTER, ChangeMetadata
from services.chassis.publishing.outbox import Intent, Outbox
from services.chassis.storage.documents import Document, DocumentStore, next_version

T = TypeVar("T")
Decide = Callable[[T | None], T | None]

_FIRST_PAUSE, _MAX_PAUSE, _READ_PAUSE = 0.005, 0.25, 0.1
"""Seconds between attempts: of swaps (doubled each time), and of reads."""


@dataclass(slots=True)
class PendingUpdate(Generic[T]):
    """A call of `Collection.update` that waits for its result."""

    decide: Decide[T]
    result: asyncio.Future[T | None]
    trace: telemetry.Trace | None

    def resolve(self, outcome: T | Exception | None) -> None:
        """Return a value to the caller, or raise an exception there."""
        if isinstance(outcome, Exception):
            self.fail(outcome)
        elif not self.result.done():
            self.result.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Raise an exception in the caller."""
        if not self.result.done():
            self.result.set_exception(error)


class Commit(Generic[T]):
    """One compare-and-swap of one document, for a batch of pending updates."""

    def __init__(
        self,
        store: DocumentStore[T],
        outbox: Outbox | None,
        id: str,
        batch: Sequence[PendingUpdate[T]],
        on_commit: Callable[[str, int], None],
        publishes_if: Callable[[T], bool] | None = None,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._id = id
        self._batch = batch
        self._on_commit = on_commit
        self._publishes_if = publishes_if
        self._intent: Intent | None = None
        self._change: ChangeMetadata | None = None
        self._is_recorded = False
        self._is_published = False
        self._unknown_version = 0
        """The version that a swap of unknown outcome has made, or may still make; 0 for none."""
        self._is_unseen = False
        """Whether a swap has conflicted, and the document was not read since. Some stores write
        what shares a call with a conflict: the swap may have taken effect."""
        self._deadline = time.monotonic() + COMMIT_TIMEOUT

    async def run(self, *, expect_absent: bool, known: Document[T] | None) -> None:
        """Commit, and give each pending update its result. Raises what concerns all of them."""
        try:
            await self._attempt(known if expect_absent or known else await self._load())
        except ServiceError as failure:
            if self._is_unknown:
                raise OutcomeUnknown(failure.message) from failure
            if isinstance(failure, OutcomeUnknown):  # of a read, or of the journal
                raise Unavailable(failure.message) from failure
            raise
        finally:
            if self._outbox and self._intent and not self._is_published:
                after = SETTLED_AFTER if self._is_unknown else 0
                self._outbox.discard_intent(self._intent.change.sequence, after=after)

    @property
    def _is_unknown(self) -> bool:
        return self._is_unseen or self._unknown_version > 0

    async def _attempt(self, doc: Document[T] | None) -> None:
        pause = _FIRST_PAUSE
        while True:
            value, results = self._decide(doc)
            before = doc.value if doc else None
            if value is None or value is before or value == before:
                return self._resolve(results)
            if self._change is None or self._lacks_intent(value):
                # All attempts are one change, see `_did_commit`.
                self._change = self._begin(value)
            version = next_version(doc)
            stored = self._store.to_json(value, version, self._change)
            try:
                await self._swap(stored, doc)
            except (VersionConflict, OutcomeUnknown, Unavailable) as failure:
                self._is_unseen = isinstance(failure, VersionConflict)
                is_last = not await self._pause(pause)
                pause = min(pause * 2, _MAX_PAUSE)
                doc = await self._load()
                self._is_unseen = False
                if self._did_commit(doc):
                    stored = self._store.to_json(doc.value, doc.version, doc.change)
                    return self._finish(stored, doc.version, results)
                if is_last:
                    raise
            else:
                return self._finish(stored, version, results)

    def _decide(self, doc: Document[T] | None) -> tuple[T | None, list[T | Exception | None]]:
        value = doc.value if doc else None
        results: list[T | Exception | None] = []
        for pending in self._batch:
            try:
                decided = pending.decide(value)
                value = value if decided is None else decided
                results.append(value)
            except Exception as error:
                results.append(error)
        return value, results

    async def _swap(self, stored: bytes, doc: Document[T] | None) -> None:
        """Write a document, if it still is as it was read.

        With the first attempt goes the record of the intent: in the same call, or before it where
        the store cannot create a document in a transaction.
        """
        upsert: StateUpsert | None = None
        if not self._is_recorded:
            upsert = await self._store.upsert(self._id, stored, doc)
            if upsert is None:
                await self._record()
        try:
            if upsert is not None:
                await self._record(upsert)
            else:
                await self._store.compare_and_set(self._id, stored, doc)
        except OutcomeUnknown:
            self._unknown_version = next_version(doc)
            raise

    def _lacks_intent(self, value: T) -> bool:
        """Whether an event must follow, which none of the values before needed."""
        return self._intent is None and self._has_event(value)

    def _has_event(self, value: T) -> bool:
        return self._outbox is not None and (
            self._publishes_if is None or self._publishes_if(value)
        )

    def _begin(self, value: T) -> ChangeMetadata:
        if self._outbox is None or not self._has_event(value):
            self._is_recorded = True  # nobody need know
            return ChangeMetadata.private()
        self._is_recorded = False
        self._intent = self._outbox.begin(self._store.key(self._id))
        return self._intent.change

    async def _record(self, upsert: StateUpsert | None = None) -> None:
        assert self._outbox is not None  # noqa: S101 (for mypy: else there is no intent)
        assert self._intent is not None  # noqa: S101
        try:
            await self._outbox.record(self._intent, upsert)
        except VersionConflict:
            self._is_recorded = True
            raise
        self._is_recorded = True

    def _did_commit(self, doc: Document[T] | None) -> TypeGuard[Document[T]]:
        """Whether the document shows that the last attempt did commit.

        Raises `OutcomeUnknown` if others have changed it since, so that this cannot be decided.
        """
        if doc is None:
            return False
        if doc.change == self._change:
            return True
        if self._unknown_version and doc.version > self._unknown_version:
            raise OutcomeUnknown(f"The outcome of a write to {self._id} is unknown.")
        if doc.version == self._unknown_version:
            self._unknown_version = 0
        return False

    def _finish(self, stored: bytes, version: int, results: list[T | Exception | None]) -> None:
        self._on_commit(self._id, version)
        if self._outbox is not None and self._intent is not None:
            self._is_published = True
            self._outbox.enqueue(self._store.key(self._id), stored)
        self._resolve(results)

    def _resolve(self, results: list[T | Exception | None]) -> None:
        for pending, result in zip(self._batch, results, strict=True):
            pending.resolve(result)

    async def _load(self) -> Document[T] | None:
        while True:
            try:
                return await self._store.load(self._id)
            except (OutcomeUnknown, Unavailable) as failure:
                await self._wait(_READ_PAUSE, failure)

    async def _wait(self, pause: float, failure: ServiceError) -> None:
        if not await self._pause(pause):
            raise failure

    async def _pause(self, seconds: float) -> bool:
        """Wait with jitter. False, at once, if the deadline does not permit it."""
        if time.monotonic() + seconds > self._deadline:
            return False
        await asyncio.sleep(seconds * random.uniform(0.5, 1.5))  # noqa: S311 (jitter)
        return True
