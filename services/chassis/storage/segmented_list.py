"""Long lists sorted by id, newest first, in which a change costs the same however long they are.

A list is a head document, which holds the newest rows and the names of full segments, and the
segments, which never change: to drop a row, a segment is written anew under another name and the
head is pointed at it. So only the head needs compare-and-swap, and a reader that has a head has a
consistent list. A crash between the two leaves at most a segment that nothing points at.

When a head names many segments, the oldest of their names go into a segment of their own, and so
on upwards: a tree, of which the head stays small however long the list is (`_INDEX`: a list of
100,000 rows has some 60 names in its head, one of a million 80).

Reading the newest page costs one state call, any other page two, and one more for each level of the
tree: a second from some 4,000 rows on, a third from some 125,000.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from services.chassis.dapr.state import StateStore, VersionConflict
from services.chassis.errors import Unavailable
from services.chassis.publishing.outbox import Outbox
from services.chassis.storage.collection import Collection
from services.chassis.storage.list_codec import HEAD_CODEC, Segment, SegmentCodec
from services.chassis.storage.list_head import (
    Held,
    ListHead,
    Path,
    SegmentNeeded,
    SegmentRef,
    insert_into_head,
    segments_for,
)
from services.chassis.storage.window import Row, Window, newest_first

SEGMENT_SIZE = 60
"""Rows in a segment. A head holds up to twice as many before its oldest go into one, so that the
first three pages of 20 are always in the head."""


_MAX_ATTEMPTS = 5


class SegmentedLists:
    """All lists of one kind, by id.

    `most` bounds their length: beyond it the oldest go. `segment` is for kinds whose heads are
    rewritten often, and shall be smaller. `sums` is the column that is added up in
    `ListHead.summed`: such lists only grow.
    """

    def __init__(
        self,
        state: StateStore,
        kind: str,
        *,
        most: int | None = None,
        segment: int | None = None,
        sums: int | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        if sums is not None and most is not None:
            raise ValueError("A list that is added up is never cut.")
        self.heads = Collection(state, kind, ListHead, outbox=outbox, codec=HEAD_CODEC)
        self.segments = Collection(state, f"{kind}-segment", Segment, codec=SegmentCodec())
        self.state = state
        self._most = most
        self._segment = segment or SEGMENT_SIZE
        self.sums = sums
        self.is_published = outbox is not None
        self.bulk_lock = asyncio.Lock()

    async def head(self, id: str) -> ListHead:
        """The head of a list; of an empty one where there is none. One state call."""
        return await self.heads.get(id) or ListHead()

    async def page(self, id: str, window: Window) -> list[Row]:
        """The rows of a window, newest first. One state call for the newest page, else two."""
        for _ in range(_MAX_ATTEMPTS):
            head = await self.head(id)
            rows, whole = await self._within(head, window)
            if whole:
                break
        return window.select([*head.recent, *rows])

    async def read(self, head: ListHead, window: Window) -> list[Row]:
        """As `page`, from a head one has: no state call for the newest page, else one.

        Rows of a segment that was written anew since the head was read are missing.
        """
        rows, _ = await self._within(head, window)
        return window.select([*head.recent, *rows])

    async def all(self, id: str) -> list[Row]:
        """Every row. Raises `Unavailable` if they change whenever they are read."""
        for _ in range(_MAX_ATTEMPTS):
            head = await self.head(id)
            rows, whole = await self._within(head, Window(head.total or 1))
            if whole:
                return newest_first([*head.recent, *rows])
        raise Unavailable(f"The list {id} changed whenever it was read.")

    async def insert(
        self, id: str, rows: Sequence[Row], *, fresh: bool = False, room: int | None = None
    ) -> ListHead:
        """Put rows in, each once, however often it is asked for; `fresh` as in `Collection`.

        Raises `ListFull` for new ones where there would be more than `room` then.
        """
        seen: dict[str, Held] = {}
        while True:
            try:
                head = await self.heads.update(
                    id, partial(insert_into_head, rows, seen, self.sums, room), fresh=fresh
                )
            except SegmentNeeded as needed:
                seen |= await self._held([needed.ref])
                seen.setdefault(needed.ref.name, [])
                continue
            return await self.seal(id, head or ListHead())

    async def remove(self, id: str, ids: Iterable[str]) -> ListHead:
        """Take rows out, wherever they are."""
        self._may_shrink()
        wanted = set(ids)
        head = await self.heads.update(id, lambda h: h.remove(wanted) if h else None) or ListHead()
        for row_id in wanted:
            head = await self._remove_from_segments(id, head, row_id)
        return head

    async def clear(self, id: str, upto: str) -> ListHead:
        """Take out all rows up to one: one swap, however many they are.

        Rows of a segment that reaches beyond it stay.
        """
        self._may_shrink()
        dropped: list[SegmentRef] = []

        def cleared(head: ListHead | None) -> ListHead | None:
            dropped[:] = [span for span in head.spans if span.high <= upto] if head else []
            return head.without_oldest(upto) if head else None

        head = await self.heads.update(id, cleared)
        await self._drop(dropped)
        return head or ListHead()

    async def replace(self, id: str, rows: Sequence[Row]) -> ListHead:
        """Make a list hold these rows, and nothing else, unless it changes at the same time.

        Raises `VersionConflict` if it does: read again, and decide again.
        """
        self._may_shrink()
        before = await self.heads.load(id)
        size = self._segment
        ordered = newest_first(list(rows))
        rest = ordered[size:]
        spans = [
            await self._keep(rest[start : start + size]) for start in range(0, len(rest), size)
        ]
        head = ListHead(ordered[:size], spans, len(ordered))

        def swap(now: ListHead | None) -> ListHead:
            if now != (before.value if before else None):
                raise VersionConflict(f"The list {id} changed while it was replaced.")
            return head

        try:
            await self.heads.update(id, swap)
        except VersionConflict:
            await self._drop(spans)
            raise
        await self._drop(before.value.spans if before else [])
        return await self.seal(id, head)

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    def _may_shrink(self) -> None:
        if self.sums is not None:
            raise ValueError("A list that is added up only grows.")

    async def _within(self, head: ListHead, window: Window) -> tuple[list[Row], bool]:
        """The rows of the segments that complete a window, and whether each was still there.

        One state call for each level of the tree that the window reaches into.
        """
        spans, is_whole = list(head.spans), True
        while True:
            chosen = segments_for(window, head.recent, spans)
            above = [span for span in chosen if span.level]
            held = await self._held(above or chosen) if chosen else {}
            is_whole = is_whole and len(held) == len(above or chosen)
            found = [item for items in held.values() for item in items]
            if not above:
                return [row for row in found if isinstance(row, list)], is_whole
            below = [span for span in found if isinstance(span, SegmentRef)]
            spans = [span for span in spans if span not in above] + below

    async def _held(self, spans: Sequence[SegmentRef]) -> dict[str, Held]:
        """What some segments hold, of those that were not written anew. One state call."""
        found = await self.segments.get_many([span.name for span in spans])
        return {
            span.name: [SegmentRef(*row) for row in found[span.name].rows]
            if span.level
            else found[span.name].rows
            for span in spans
            if span.name in found
        }

    async def seal(self, id: str, head: ListHead) -> ListHead:
        while len(head.recent) > 2 * self._segment:
            rows = head.recent[-self._segment :]
            span = await self._keep(rows)
            dropped: list[SegmentRef] = []

            def seal(
                now: ListHead | None,
                rows: list[Row] = rows,
                span: SegmentRef = span,
                dropped: list[SegmentRef] = dropped,
            ) -> ListHead:
                before = now or ListHead()
                after = before.sealed(rows, span, self._most)
                dropped[:] = [s for s in (*before.spans, span) if s not in after.spans]
                return after

            head = await self.heads.update(id, seal) or ListHead()
            await self._drop(dropped)
        return await self._gather(id, head)

    async def _gather(self, id: str, head: ListHead) -> ListHead:
        while crowd := head.crowded():
            index = await self._keep_spans(crowd)

            def gather(
                now: ListHead | None, crowd: list[SegmentRef] = crowd, index: SegmentRef = index
            ) -> ListHead | None:
                return now.gathered(crowd, index) if now else None

            head = await self.heads.update(id, gather) or ListHead()
            if index not in head.spans:
                await self.segments.delete(index.name)
        return head

    async def _remove_from_segments(self, id: str, head: ListHead, row_id: str) -> ListHead:
        seen: dict[str, Held] = {}
        while True:
            try:
                path = head.path_to(row_id, seen)
            except SegmentNeeded as needed:
                held = await self._held([needed.ref])
                seen |= held or {needed.ref.name: []}
                if not held:  # written anew by somebody else since the head was read
                    head = await self.head(id)
                continue
            if not path:
                return head
            head = await self._rewrite(id, path, row_id, seen)

    async def _rewrite(
        self, id: str, path: Path, row_id: str, seen: Mapping[str, Held]
    ) -> ListHead:
        """Write a segment anew without a row, and those above it that name it."""
        leaf = path[-1]
        rows = [row for row in seen[leaf.name] if isinstance(row, list) and row[0] != row_id]
        new = await self._keep(rows) if rows else None
        written = [new] if new else []
        for above, old in zip(path[-2::-1], path[:0:-1], strict=True):
            spans = [s for s in seen[above.name] if isinstance(s, SegmentRef)]
            kept = [new if s == old else s for s in spans]
            below = [s for s in kept if s is not None]
            new = await self._keep_spans(below) if below else None
            written += [new] if new else []
        top = path[0]
        head = (
            await self.heads.update(id, lambda h: h.swapped(top, new) if h else None) or ListHead()
        )
        is_done = new in head.spans if new else top not in head.spans
        for span in path if is_done else written:
            await self.segments.delete(span.name)
        return head

    async def _keep(self, rows: Sequence[Row]) -> SegmentRef:
        span = SegmentRef(secrets.token_hex(8), rows[0][0], rows[-1][0], len(rows))
        await self.segments.update(span.name, lambda _: Segment(list(rows)), fresh=True)
        return span

    async def _keep_spans(self, spans: Sequence[SegmentRef]) -> SegmentRef:
        index = SegmentRef(
            secrets.token_hex(8),
            max(span.high for span in spans),
            min(span.low for span in spans),
            sum(span.count for span in spans),
            spans[0].level + 1,
        )
        rows = [span.row() for span in spans]
        await self.segments.update(index.name, lambda _: Segment(rows), fresh=True)
        return index

    async def _drop(self, spans: Iterable[SegmentRef]) -> None:
        """Delete segments that nothing points at any more, and what they name."""
        for span in spans:
            if span.level:
                held = await self._held([span])
                await self._drop([s for s in held.get(span.name, []) if isinstance(s, SegmentRef)])
            await self.segments.delete(span.name)
