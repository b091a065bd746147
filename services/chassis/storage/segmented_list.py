"""Long lists sorted by id, newest first, in which a change costs the same whatever their length.

A list is a head document and immutable segments. The head holds the newest rows and references to
the segments. To remove a row from a segment, a new segment is written under another name, and the
head is made to refer to it. So only the head needs compare-and-swap, and a reader who has a head
has a consistent list. A crash between the two writes leaves at most an unused segment.

When a head refers to many segments, the oldest references move to an index segment, and so on
upwards: the segments form a tree, and the head stays small (`INDEX_SIZE`; a list of 100,000 rows
has about 60 references in its head, one of a million rows 80).

Reading the newest page costs one state call, any other page two, and one more for each level of the
tree: a second level exists from about 4,000 rows on, a third from about 125,000.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from services.chassis.dapr.state import StateStore, StateUpsert, VersionConflict
from services.chassis.errors import Unavailable
from services.chassis.publishing.outbox import Outbox
from services.chassis.storage.collection import Collection
from services.chassis.storage.documents import Document
from services.chassis.storage.list_codec import HEAD_CODEC
from services.chassis.storage.list_head import (
    ListHead,
    SegmentContent,
    SegmentNeeded,
    SegmentPath,
    SegmentRef,
    insert_into_head,
)
from services.chassis.storage.segments import SegmentStore
from services.chassis.storage.window import Row, Window, newest_first

SEGMENT_SIZE = 60
"""Rows in a segment. A head holds up to twice as many before its oldest rows move to a segment, so
the first three pages of 20 rows are always in the head."""

_MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class SplitHead:
    """A head, the new segments that it refers to, and those that it no longer refers to."""

    head: ListHead
    segments: list[StateUpsert]
    dropped: list[SegmentRef]


class SegmentedLists:
    """All lists of one kind, by id.

    `max_rows` bounds their length: beyond it the oldest rows are dropped. A smaller `segment_size`
    suits kinds whose heads are rewritten often. The values in `sum_column` are added up in
    `ListHead.summed`; such lists only grow.
    """

    def __init__(
        self,
        state: StateStore,
        kind: str,
        *,
        max_rows: int | None = None,
        segment_size: int | None = None,
        sum_column: int | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        if sum_column is not None and max_rows is not None:
            raise ValueError("A list with a sum_column cannot have max_rows.")
        self.heads = Collection(state, kind, ListHead, outbox=outbox, codec=HEAD_CODEC)
        self.segments = SegmentStore(state, kind)
        self.state = state
        self._max_rows = max_rows
        self._segment_size = segment_size or SEGMENT_SIZE
        self.sum_column = sum_column
        self.is_published = outbox is not None

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    async def head(self, id: str) -> ListHead:
        """The head of a list; an empty one if there is none. One state call."""
        return await self.heads.get(id) or ListHead()

    async def page(self, id: str, window: Window) -> list[Row]:
        """The rows of a window, newest first. One state call for the newest page, else two."""
        for _ in range(_MAX_ATTEMPTS):
            head = await self.head(id)
            rows, is_complete = await self.segments.read_window(head, window)
            if is_complete:
                break
        return window.select([*head.recent, *rows])

    async def read(self, head: ListHead, window: Window) -> list[Row]:
        """Like `page`, from a head that was read: no state call for the newest page, else one.

        Rows of segments that were replaced since the head was read are missing.
        """
        rows, _ = await self.segments.read_window(head, window)
        if not rows:
            return window.select_sorted(head.recent)
        return window.select([*head.recent, *rows])

    async def all(self, id: str) -> list[Row]:
        """Every row. Raises `Unavailable` if the list changes during every attempt."""
        for _ in range(_MAX_ATTEMPTS):
            head = await self.head(id)
            rows, is_complete = await self.segments.read_window(head, Window(head.total or 1))
            if is_complete:
                return newest_first([*head.recent, *rows])
        raise Unavailable(f"The list {id} changed during every attempt to read it.")

    # ── changing ────────────────────────────────────────────────────────────────────────────

    async def insert(
        self,
        id: str,
        rows: Sequence[Row],
        *,
        expect_absent: bool = False,
        known: Document[ListHead] | None = None,
        max_total: int | None = None,
    ) -> ListHead:
        """Insert the rows that the list does not hold yet.

        `expect_absent` and `known` are the hints of `Collection.update`. Raises `ListFull` if new
        rows would make the list longer than `max_total`.
        """
        loaded: dict[str, SegmentContent] = {}
        while True:
            decide = partial(insert_into_head, rows, loaded, self.sum_column, max_total)
            try:
                head = await self.heads.update(id, decide, expect_absent=expect_absent, known=known)
            except SegmentNeeded as needed:
                loaded |= await self.segments.load_or_empty(needed.refs)
                continue
            return await self.compact(id, head or ListHead())

    async def remove(self, id: str, ids: Iterable[str]) -> ListHead:
        """Remove rows, wherever they are."""
        self._check_shrinkable()
        wanted = set(ids)
        head = await self.heads.update(id, lambda h: h.remove(wanted) if h else None) or ListHead()
        for row_id in wanted:
            head = await self._remove_from_segments(id, head, row_id)
        return head

    async def clear(self, id: str, upto: str) -> ListHead:
        """Remove all rows up to an id in one swap, however many there are.

        Rows of a segment that also holds higher ids stay.
        """
        self._check_shrinkable()
        dropped: list[SegmentRef] = []

        def cleared(head: ListHead | None) -> ListHead | None:
            dropped[:] = [ref for ref in head.segments if ref.high <= upto] if head else []
            return head.without_oldest(upto) if head else None

        head = await self.heads.update(id, cleared)
        await self.segments.delete_trees(dropped)
        return head or ListHead()

    async def replace(self, id: str, rows: Sequence[Row]) -> ListHead:
        """Replace all rows of a list.

        Raises `VersionConflict` if the list changes at the same time: read and decide again.
        """
        return await self._replace(id, await self.heads.load(id), rows)

    async def rebuild(self, id: str, read: Callable[[], Awaitable[Sequence[Row]]]) -> ListHead:
        """Replace all rows of a list by what `read` gives, which is called after the head is read.

        So a change of the list since the rows were read is noticed. Raises like `replace`.
        """
        before = await self.heads.load(id)
        return await self._replace(id, before, await read())

    async def _replace(
        self, id: str, before: Document[ListHead] | None, rows: Sequence[Row]
    ) -> ListHead:
        self._check_shrinkable()
        size = self._segment_size
        ordered = newest_first(list(rows))
        parts = [ordered[start : start + size] for start in range(size, len(ordered), size)]
        segments = await self.segments.write_all(parts)
        head = ListHead(ordered[:size], segments, len(ordered))

        def swap(now: ListHead | None) -> ListHead:
            if now != (before.value if before else None):
                raise VersionConflict(f"The list {id} changed while it was replaced.")
            return head

        try:
            await self.heads.update(id, swap, known=before)
        except VersionConflict:
            await self.segments.delete_trees(segments)
            raise
        await self.segments.delete_trees(before.value.segments if before else [])
        return await self.compact(id, head)

    def _check_shrinkable(self) -> None:
        if self.sum_column is not None:
            raise ValueError("Rows of a list with a sum_column cannot be removed.")

    # ── compaction ──────────────────────────────────────────────────────────────────────────

    def split(self, head: ListHead) -> SplitHead:
        """Move the oldest rows of a large head to new segments. No state call.

        The caller writes the segments before the head, or together with it.
        """
        parts = self._excess_rows(head)
        prepared = [self.segments.prepare(rows) for rows in parts]
        refs = [ref for ref, _ in prepared]
        after = self._with_segments(head, refs, parts)
        dropped = [ref for ref in (*head.segments, *refs) if ref not in after.segments]
        return SplitHead(after, [segment for _, segment in prepared], dropped)

    async def compact(self, id: str, head: ListHead) -> ListHead:
        """Move the oldest rows of a large head to segments, and its oldest references to indexes.

        Every change of a head ends with this.
        """
        while parts := self._excess_rows(head):
            head = await self._move_to_segments(id, parts)
        while excess := head.excess_segments():
            head = await self._move_to_index(id, excess)
        return head

    def _excess_rows(self, head: ListHead) -> list[list[Row]]:
        """The rows of each segment that a large head has too many, the oldest first."""
        size, end = self._segment_size, len(head.recent)
        parts: list[list[Row]] = []
        while end > 2 * size:
            parts.append(head.recent[end - size : end])
            end -= size
        return parts

    def _with_segments(
        self, head: ListHead, refs: Sequence[SegmentRef], parts: Sequence[Sequence[Row]]
    ) -> ListHead:
        for ref, rows in zip(refs, parts, strict=True):
            head = head.move_to_segment(rows, ref, self._max_rows)
        return head

    async def _move_to_segments(self, id: str, parts: Sequence[Sequence[Row]]) -> ListHead:
        refs = await self.segments.write_all(parts)
        dropped: list[SegmentRef] = []

        def move(head: ListHead | None) -> ListHead:
            before = head or ListHead()
            after = self._with_segments(before, refs, parts)
            dropped[:] = [r for r in (*before.segments, *refs) if r not in after.segments]
            return after

        head = await self.heads.update(id, move)
        await self.segments.delete_trees(dropped)
        return head or ListHead()

    async def _move_to_index(self, id: str, refs: list[SegmentRef]) -> ListHead:
        index = await self.segments.write_index(refs)
        head = (
            await self.heads.update(id, lambda h: h.move_to_index(refs, index) if h else None)
            or ListHead()
        )
        if index not in head.segments:
            await self.segments.delete([index])
        return head

    # ── removing rows from segments ─────────────────────────────────────────────────────────

    async def _remove_from_segments(self, id: str, head: ListHead, row_id: str) -> ListHead:
        loaded: dict[str, SegmentContent] = {}
        while True:
            try:
                path = head.path_to(row_id, loaded)
            except SegmentNeeded as needed:
                found = await self.segments.load(needed.refs)
                loaded |= found or {needed.refs[0].name: []}
                if not found:  # replaced by another process since the head was read
                    head = await self.head(id)
                continue
            if not path:
                return head
            head = await self._rewrite(id, path, row_id, loaded)

    async def _rewrite(
        self, id: str, path: SegmentPath, row_id: str, loaded: Mapping[str, SegmentContent]
    ) -> ListHead:
        """Replace a segment by one without a row, and the indexes above it by ones that name it."""
        written = await self.segments.write_path_without(row_id, path, loaded)
        old, new = path[0], written[-1]
        head = (
            await self.heads.update(id, lambda h: h.replace_segment(old, new) if h else None)
            or ListHead()
        )
        is_replaced = new in head.segments if new else old not in head.segments
        unused = path if is_replaced else [ref for ref in written if ref is not None]
        await self.segments.delete(unused)
        return head
