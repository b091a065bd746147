"""The segments of long lists in the state store: written once, read, and deleted."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence

from services.chassis.dapr.state import StateStore, StateUpsert
from services.chassis.publishing.journal import ChangeMetadata
from services.chassis.storage.collection import Collection
from services.chassis.storage.list_codec import Segment, SegmentCodec
from services.chassis.storage.list_head import (
    ListHead,
    SegmentContent,
    SegmentPath,
    SegmentRef,
    segments_for,
)
from services.chassis.storage.window import Row, Window

_BULK_SIZE = 50
"""Segments in one transaction of the state store."""


class SegmentStore:
    """The segments of all lists of one kind."""

    def __init__(self, state: StateStore, kind: str) -> None:
        self._state = state
        self._segments = Collection(state, f"{kind}-segment", Segment, codec=SegmentCodec())

    async def load(self, refs: Sequence[SegmentRef]) -> dict[str, SegmentContent]:
        """The contents of segments, by name; without those that were deleted. One state call."""
        found = await self._segments.get_many([ref.name for ref in refs])
        return {
            ref.name: [SegmentRef(*row) for row in found[ref.name].rows]
            if ref.level
            else found[ref.name].rows
            for ref in refs
            if ref.name in found
        }

    async def load_or_empty(self, refs: Sequence[SegmentRef]) -> dict[str, SegmentContent]:
        """Like `load`; those that were deleted are empty, to a swap of the head that will fail."""
        empty: dict[str, SegmentContent] = {ref.name: [] for ref in refs}
        return empty | await self.load(refs)

    async def read_window(self, head: ListHead, window: Window) -> tuple[list[Row], bool]:
        """The rows of the segments that complete a window, and whether all of these still exist.

        One state call for each level of the tree that the window reaches.
        """
        refs, is_complete = list(head.segments), True
        while True:
            chosen = segments_for(window, head.recent, refs)
            indexes = [ref for ref in chosen if ref.level]
            loaded = await self.load(indexes or chosen) if chosen else {}
            is_complete = is_complete and len(loaded) == len(indexes or chosen)
            items = [item for content in loaded.values() for item in content]
            if not indexes:
                return [row for row in items if isinstance(row, list)], is_complete
            below = [ref for ref in items if isinstance(ref, SegmentRef)]
            refs = [ref for ref in refs if ref not in indexes] + below

    def prepare(self, rows: Sequence[Row]) -> tuple[SegmentRef, StateUpsert]:
        """A new segment, for a transaction that writes it."""
        ref = _ref_of(rows)
        value = self._segments.encode(Segment(list(rows)), 1, ChangeMetadata.private())
        return ref, StateUpsert(self._segments.key(ref.name), value)

    async def write_all(self, parts: Iterable[Sequence[Row]]) -> list[SegmentRef]:
        """Store the rows of several new segments. One state call for every `_BULK_SIZE`."""
        prepared = [self.prepare(rows) for rows in parts]
        for start in range(0, len(prepared), _BULK_SIZE):
            part = prepared[start : start + _BULK_SIZE]
            await self._state.transact([segment for _, segment in part])
        return [ref for ref, _ in prepared]

    async def write(self, rows: Sequence[Row]) -> SegmentRef:
        """Store rows as a new segment."""
        ref = _ref_of(rows)
        await self._create(ref, list(rows))
        return ref

    async def write_index(self, refs: Sequence[SegmentRef]) -> SegmentRef:
        """Store references as a new segment of the next level."""
        index = SegmentRef(
            secrets.token_hex(8),
            max(ref.high for ref in refs),
            min(ref.low for ref in refs),
            sum(ref.count for ref in refs),
            refs[0].level + 1,
        )
        await self._create(index, [ref.row() for ref in refs])
        return index

    async def write_path_without(
        self, row_id: str, path: SegmentPath, loaded: Mapping[str, SegmentContent]
    ) -> list[SegmentRef | None]:
        """Write a segment without one of its rows, and new indexes above it, from below.

        None stands for a segment that would be empty.
        """
        content = loaded[path[-1].name]
        rows = [row for row in content if isinstance(row, list) and row[0] != row_id]
        new = await self.write(rows) if rows else None
        written = [new]
        for index, old in zip(path[-2::-1], path[:0:-1], strict=True):
            refs = [ref for ref in loaded[index.name] if isinstance(ref, SegmentRef)]
            replaced = [new if ref == old else ref for ref in refs]
            kept = [ref for ref in replaced if ref is not None]
            new = await self.write_index(kept) if kept else None
            written.append(new)
        return written

    async def delete(self, refs: Iterable[SegmentRef]) -> None:
        """Delete segments, but not those that they refer to. They share a state call."""
        await asyncio.gather(*(self._segments.delete(ref.name) for ref in refs))

    async def delete_trees(self, refs: Iterable[SegmentRef]) -> None:
        """Delete segments that no head names any more, and all that they refer to."""
        await asyncio.gather(*map(self._delete_tree, refs))

    async def _delete_tree(self, ref: SegmentRef) -> None:
        if ref.level:
            content = (await self.load([ref])).get(ref.name, [])
            await self.delete_trees([r for r in content if isinstance(r, SegmentRef)])
        await self._segments.delete(ref.name)

    async def _create(self, ref: SegmentRef, rows: list[Row]) -> None:
        await self._segments.update(ref.name, lambda _: Segment(rows), expect_absent=True)


def _ref_of(rows: Sequence[Row]) -> SegmentRef:
    return SegmentRef(secrets.token_hex(8), rows[0][0], rows[-1][0], len(rows))
