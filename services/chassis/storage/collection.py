"""Versioned documents: load, decide, compare and swap, publish.

A `Collection` stores one kind of document. Every document is one key of the state store, in an
envelope with its schema version (older schemas are upgraded on read), its own version and the
metadata of its last change. The version grows by one with every change, and makes repeated and
reordered events harmless. The event of a published kind is made from the document itself, so a
commit is one compare-and-swap, and nothing is committed without its event (docs/decisions/0002).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from cachetools import FIFOCache

from services.chassis import telemetry
from services.chassis.dapr.state import StateStore
from services.chassis.publishing.outbox import Outbox
from services.chassis.storage.commit import Commit, Decide, PendingUpdate
from services.chassis.storage.documents import Codec, Document, DocumentStore, Upgrade

T = TypeVar("T")

_MAX_REMEMBERED_COMMITS = 4_096
"""For how many documents of a kind a process remembers the version that it committed last."""


class Collection(DocumentStore[T]):
    """All documents of one kind: `posts.get(id)`, `posts.update(id, decide)`.

    `model` is a dataclass, or anything that pydantic can validate. `upgrades` convert older
    schemas: `{1: from_1_to_2}`; the current schema is one more than the highest key. A `codec`
    replaces pydantic where documents are large and many. `ttl` is in seconds. `publishes_if` says
    which values have an event; a change to another value costs what an unpublished one costs. A
    value that follows one with an event must have one too.
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
        publishes_if: Callable[[T], bool] | None = None,
    ) -> None:
        super().__init__(state, kind, model, upgrades=upgrades, ttl=ttl, codec=codec)
        self._outbox = outbox
        self._publishes_if = publishes_if
        self._queues: dict[str, list[PendingUpdate[T]]] = {}
        self._committed: FIFOCache[str, int] = FIFOCache(_MAX_REMEMBERED_COMMITS)
        self._drains: set[asyncio.Task[None]] = set()

    def has_newer_local_commit(self, id: str, version: int) -> bool:
        """Whether this process has recently committed a later version.

        The event of that version is still to come, so a handler may skip this one.
        """
        return self.committed_version(id) > version

    def committed_version(self, id: str) -> int:
        """The version of a document that this process has committed last; 0 if it knows of none.

        Right after an `update` that has changed the document, this is the version that contains the
        result. Other updates that shared its swap, or came since, may have changed more.
        """
        return self._committed.get(id, 0)

    async def update(
        self,
        id: str,
        decide: Decide[T],
        *,
        expect_absent: bool = False,
        known: Document[T] | None = None,
    ) -> T | None:
        """Change one document, and return its value after the change.

        `decide` gets the current value (None if there is none) and returns the new one; the same
        or an equal value, or None, means no change. It may run more than once; the caller gets the
        exceptions that it raises. Concurrent calls of one process for one document share one swap.
        A swap that another process won is repeated with jitter, until `COMMIT_TIMEOUT`.

        Either of two hints saves the read: `expect_absent` (the document probably does not exist
        yet) and `known` (it probably still is as it was just read). A wrong hint costs a repeat,
        unless this process itself has changed the document since.
        Two state calls, one more for a new document of a kind with an outbox. Concurrent commits
        share them.
        """
        result: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        pending = PendingUpdate(decide, result, telemetry.capture())
        queue = self._queues.get(id)
        if queue is not None:
            queue.append(pending)
        else:
            if known is not None and self.has_newer_local_commit(id, known.version):
                known = None
            self._queues[id] = [pending]
            task = asyncio.create_task(self._drain(id, expect_absent=expect_absent, known=known))
            self._drains.add(task)
            task.add_done_callback(self._drains.discard)
        return await asyncio.shield(result)

    async def _drain(self, id: str, *, expect_absent: bool, known: Document[T] | None) -> None:
        while batch := self._queues[id]:
            self._queues[id] = []
            telemetry.resume(_trace_of(batch))
            commit = Commit(
                self, self._outbox, id, batch, self._remember_commit, self._publishes_if
            )
            try:
                await commit.run(expect_absent=expect_absent, known=known)
            except Exception as error:
                for pending in batch:
                    pending.fail(error)
            expect_absent, known = False, None
        del self._queues[id]

    def _remember_commit(self, id: str, version: int) -> None:
        self._committed[id] = version


def _trace_of(batch: Sequence[PendingUpdate[Any]]) -> telemetry.Trace | None:
    """The first sampled trace of updates that share a commit, else the first one's."""
    traces = (pending.trace for pending in batch)
    sampled = (trace for trace in traces if trace is not None and trace.is_sampled)
    return next(sampled, batch[0].trace) if len(batch) > 1 else batch[0].trace
