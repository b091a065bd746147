"""Inserts rows into many lists with few calls of the state store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.chassis import tracing
from services.chassis.dapr.call_groups import CallGroups, Request, answer_together
from services.chassis.dapr.state import ABSENT, StateEntry, StateStore, StateUpsert, VersionConflict
from services.chassis.publishing.journal import ChangeMetadata
from services.chassis.storage.documents import Document
from services.chassis.storage.list_head import (
    ListHead,
    SegmentContent,
    SegmentNeeded,
    SegmentRef,
)
from services.chassis.storage.segmented_list import SegmentedLists, SplitHead
from services.chassis.storage.window import Row

ListRef = tuple[SegmentedLists, str]
"""One list: its kind and its id."""

BULK_SIZE = 50
"""Heads in one transaction of the state store."""

READ_SIZE = 200
"""Heads in one read, of at most 5 KB each."""

_Insertion = Mapping[ListRef, Sequence[Row]]


class BulkInserter:
    """Inserts rows into lists of any kind, those of insertions that wait at the same time together.

    While one insertion is under way, the next ones wait and share its successor. So lists that all
    of them change are read and written once, and no two change each other's lists.
    """

    def __init__(self, state: StateStore) -> None:
        self._state = state
        self._groups: CallGroups[_Insertion] = CallGroups(
            self._insert_group, _describe, max_calls=1, kind=tracing.INTERNAL
        )

    async def insert(self, refs: Iterable[ListRef], rows: Sequence[Row]) -> None:
        """Insert the same rows into many lists.

        One read for every `READ_SIZE` and one write for every `BULK_SIZE` lists; two or three more
        for each list that does not exist yet, or was changed meanwhile.
        """
        await self.insert_rows(dict.fromkeys(refs, rows))

    async def insert_rows(self, wanted: Mapping[ListRef, Sequence[Row]]) -> None:
        """Insert rows of its own into each of some lists. Costs as `insert`."""
        if wanted:
            await self._groups.submit(wanted)

    async def _insert_group(self, group: list[Request[_Insertion]]) -> None:
        await answer_together(group, self._insert_all)

    async def _insert_all(self, group: Iterable[Request[_Insertion]]) -> None:
        by_id: dict[ListRef, dict[str, Row]] = {}
        for request in group:
            for ref, rows in request.asked.items():
                by_id.setdefault(ref, {}).update((row[0], row) for row in rows)
        wanted = [(ref, list(rows.values())) for ref, rows in by_id.items()]
        for start in range(0, len(wanted), READ_SIZE):
            await self._insert_slice(dict(wanted[start : start + READ_SIZE]))

    async def _insert_slice(self, wanted: _Insertion) -> None:
        found = await self._state.get_many([lists.heads.key(id) for lists, id in wanted])
        await insert_read(self._state, wanted, found)


async def insert_read(
    state: StateStore, wanted: Mapping[ListRef, Sequence[Row]], found: Mapping[str, StateEntry]
) -> list[ListRef]:
    """Insert rows into lists whose heads were just read (`found`, by key).

    One read of the segments that may hold a row, if there are any, and one write for every
    `BULK_SIZE` lists, or none if all hold their rows already. Lists that do not exist yet, or were
    changed meanwhile, are written one by one, and returned.
    """
    remaining = await _insert_found(state, wanted, found)

    async def insert(ref: ListRef) -> None:
        lists, id = ref
        await lists.insert(id, wanted[ref], expect_absent=lists.heads.key(id) not in found)

    await asyncio.gather(*map(insert, remaining))
    return remaining


async def _insert_found(
    state: StateStore, wanted: _Insertion, found: Mapping[str, StateEntry]
) -> list[ListRef]:
    docs: dict[ListRef, Document[ListHead]] = {}
    remaining: list[ListRef] = []
    for ref in wanted:
        lists, id = ref
        if lists.is_published:
            raise ValueError("Published lists cannot be changed in bulk.")
        doc = lists.heads.decode(found.get(lists.heads.key(id), ABSENT))
        if doc is None:
            remaining.append(ref)
        else:
            docs[ref] = doc
    writes = await _decide(docs, wanted)
    for start in range(0, len(writes), BULK_SIZE):
        remaining += await _swap_together(state, writes[start : start + BULK_SIZE])
    return remaining


async def _decide(
    docs: Mapping[ListRef, Document[ListHead]], wanted: _Insertion
) -> list[_HeadWrite]:
    """The lists that change. The segments that several of them need share a read."""
    writes: list[_HeadWrite] = []
    loaded: dict[ListRef, dict[str, SegmentContent]] = {ref: {} for ref in docs}
    undecided = list(docs)
    while undecided:
        needed: dict[ListRef, Sequence[SegmentRef]] = {}
        for ref in undecided:
            lists, before = ref[0], docs[ref]
            try:
                head = before.value.insert(wanted[ref], loaded[ref], lists.sum_column)
            except SegmentNeeded as missing:
                needed[ref] = missing.refs
                continue
            if head is not before.value:
                writes.append(_HeadWrite(ref, before, lists.split(head)))
        undecided = list(needed)
        loads = (ref[0].segments.load_or_empty(refs) for ref, refs in needed.items())
        for ref, contents in zip(needed, await asyncio.gather(*loads), strict=True):
            loaded[ref] |= contents
    return writes


@dataclass(frozen=True, slots=True)
class _HeadWrite:
    """A list as it was read, and as it shall be."""

    ref: ListRef
    before: Document[ListHead]
    after: SplitHead

    def upserts(self) -> Iterator[StateUpsert]:
        """The segments, and the head that refers to them."""
        lists, id = self.ref
        yield from self.after.segments
        change = ChangeMetadata.private()
        value = lists.heads.encode(self.after.head, self.before.version + 1, change)
        yield StateUpsert(lists.heads.key(id), value, self.before.etag)


async def _swap_together(state: StateStore, writes: Sequence[_HeadWrite]) -> list[ListRef]:
    """Swap many heads in one transaction. Returns the lists that must be written separately.

    After a conflict its segments may stay unused, as after a crash: on some stores other heads
    that refer to theirs have been written.
    """
    try:
        await state.transact([upsert for write in writes for upsert in write.upserts()])
    except VersionConflict:
        return [write.ref for write in writes]
    await asyncio.gather(*map(_tidy_up, writes))
    return []


async def _tidy_up(write: _HeadWrite) -> None:
    lists, id = write.ref
    await lists.segments.delete_trees(write.after.dropped)
    await lists.compact(id, write.after.head)


def _describe(span: tracing.Span, insertion: _Insertion) -> None:
    span.describe("insert into lists", {"microgram.lists": len(insertion)})
