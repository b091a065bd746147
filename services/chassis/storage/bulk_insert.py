"""Rows that go into many lists at once: one read, and one write for every fifty lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.chassis.dapr.state import ABSENT, StateEntry, StateStore, StateUpsert, VersionConflict
from services.chassis.publishing.journal import ChangeMetadata
from services.chassis.storage.collection import Document
from services.chassis.storage.list_head import (
    ListHead,
    SegmentNeeded,
)
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Row

ListRef = tuple[SegmentedLists, str]
"""One list: its kind and its id."""

BULK_SIZE = 50


async def insert_everywhere(lists: SegmentedLists, ids: Sequence[str], rows: Sequence[Row]) -> None:
    """Put the same rows into many lists of one kind: one read, and one write for every fifty.

    A list that does not exist yet, or was changed meanwhile, is written by itself. Calls of one
    process wait for each other, so that this stays rare.
    """
    async with lists.bulk_lock:
        alone = await insert_together(lists.state, [(lists, id) for id in ids], rows)
    for _, id in alone:
        await lists.insert(id, rows)


async def insert_together(
    state: StateStore, refs: Sequence[ListRef], rows: Sequence[Row]
) -> list[ListRef]:
    """Put the same rows into lists of several kinds: one read, one write for every fifty.

    Returns the lists that must be done by themselves: those that are not there yet, were changed
    meanwhile, or may hold a row already further down.
    """
    found = await state.get_many([lists.heads.key(id) for lists, id in refs])
    return await _insert_found(state, dict.fromkeys(refs, rows), found)


async def insert_read(
    state: StateStore, wanted: Mapping[ListRef, Sequence[Row]], found: Mapping[str, StateEntry]
) -> list[ListRef]:
    """Put rows into lists whose heads were just read, `found` by their keys: one write.

    None where all lists have their rows. What `insert_together` leaves is done here, and returned:
    one write more for each list that is not there yet. All others were as they had been read.
    """
    alone = await _insert_found(state, wanted, found)
    for ref in alone:
        lists, id = ref
        await lists.insert(id, wanted[ref], fresh=lists.heads.key(id) not in found)
    return alone


async def _insert_found(
    state: StateStore, wanted: Mapping[ListRef, Sequence[Row]], found: Mapping[str, StateEntry]
) -> list[ListRef]:
    writes: list[tuple[ListRef, ListHead, Document[ListHead]]] = []
    alone: list[ListRef] = []
    for ref, rows in wanted.items():
        lists, id = ref
        if lists.is_published:
            raise ValueError("Lists that others hear of are changed one at a time.")
        doc = lists.heads.decode(found.get(lists.heads.key(id), ABSENT))
        if doc is None:
            alone.append(ref)
            continue
        try:
            head = doc.value.insert(rows, {}, lists.sums)
        except SegmentNeeded:
            alone.append(ref)
            continue
        if head is not doc.value:
            writes.append((ref, head, doc))
    for start in range(0, len(writes), BULK_SIZE):
        alone += await _swap_together(state, writes[start : start + BULK_SIZE])
    return alone


async def _swap_together(
    state: StateStore, writes: Sequence[tuple[ListRef, ListHead, Document[ListHead]]]
) -> list[ListRef]:
    """Swap many heads in one transaction; returns those that must be done by themselves."""
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
        await lists.seal(id, head)
    return []
