"""Inserts rows into many lists at once: one read, and one write for every `BULK_SIZE` lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.chassis.dapr.state import ABSENT, StateEntry, StateStore, StateUpsert, VersionConflict
from services.chassis.publishing.journal import ChangeMetadata
from services.chassis.storage.documents import Document
from services.chassis.storage.list_head import ListHead, SegmentNeeded
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Row

ListRef = tuple[SegmentedLists, str]
"""One list: its kind and its id."""

BULK_SIZE = 50
"""Heads in one transaction of the state store."""


async def insert_everywhere(lists: SegmentedLists, ids: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert the same rows into many lists of one kind.

    A list that does not exist yet, or was changed meanwhile, is written separately. A lock makes
    the calls of one process run one after another, so that they do not change each other's lists.
    """
    async with lists.bulk_lock:
        remaining = await insert_together(lists.state, [(lists, id) for id in ids], rows)
    for _, id in remaining:
        await lists.insert(id, rows)


async def insert_together(
    state: StateStore, refs: Sequence[ListRef], rows: Sequence[Row]
) -> list[ListRef]:
    """Insert the same rows into lists of several kinds.

    Returns the lists that the caller must write separately: those that do not exist yet, were
    changed meanwhile, or may hold a row in a segment already.
    """
    found = await state.get_many([lists.heads.key(id) for lists, id in refs])
    return await _insert_found(state, dict.fromkeys(refs, rows), found)


async def insert_read(
    state: StateStore, wanted: Mapping[ListRef, Sequence[Row]], found: Mapping[str, StateEntry]
) -> list[ListRef]:
    """Insert rows into lists whose heads were just read (`found`, by key).

    One write, or none if all lists hold their rows already. The lists that `insert_together` would
    return are written here, and returned too: one more write for each that does not exist yet.
    """
    remaining = await _insert_found(state, wanted, found)
    for ref in remaining:
        lists, id = ref
        await lists.insert(id, wanted[ref], expect_absent=lists.heads.key(id) not in found)
    return remaining


async def _insert_found(
    state: StateStore, wanted: Mapping[ListRef, Sequence[Row]], found: Mapping[str, StateEntry]
) -> list[ListRef]:
    writes: list[tuple[ListRef, ListHead, Document[ListHead]]] = []
    remaining: list[ListRef] = []
    for ref, rows in wanted.items():
        lists, id = ref
        if lists.is_published:
            raise ValueError("Published lists cannot be changed in bulk.")
        doc = lists.heads.decode(found.get(lists.heads.key(id), ABSENT))
        if doc is None:
            remaining.append(ref)
            continue
        try:
            head = doc.value.insert(rows, {}, lists.sum_column)
        except SegmentNeeded:
            remaining.append(ref)
            continue
        if head is not doc.value:
            writes.append((ref, head, doc))
    for start in range(0, len(writes), BULK_SIZE):
        remaining += await _swap_together(state, writes[start : start + BULK_SIZE])
    return remaining


async def _swap_together(
    state: StateStore, writes: Sequence[tuple[ListRef, ListHead, Document[ListHead]]]
) -> list[ListRef]:
    """Swap many heads in one transaction. Returns the lists that must be written separately."""
    upserts = [
        StateUpsert(
            lists.heads.key(id),
            lists.heads.encode(head, doc.version + 1, ChangeMetadata.private()),
            doc.etag,
        )
        for (lists, id), head, doc in writes
    ]
    try:
        await state.transact(upserts)
    except VersionConflict:
        return [ref for ref, _, _ in writes]
    for (lists, id), head, _ in writes:
        await lists.compact(id, head)
    return []
