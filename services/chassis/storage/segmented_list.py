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
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson

from services.chassis.dapr.client import (
    ABSENT,
    StateEntry,
    StateStore,
    StateUpsert,
    VersionConflict,
)
from services.chassis.errors import Unavailable
from services.chassis.publishing.outbox import ChangeMetadata, Outbox
from services.chassis.storage.collection import Collection, Document
from services.chassis.storage.window import Row, Window, newest_first

SEGMENT_SIZE = 60
"""Rows in a segment. A head holds up to twice as many before its oldest go into one, so that the
first three pages of 20 are always in the head."""

INDEX_SIZE = 32
"""Names in a segment of names. A head holds up to twice as many of each level."""

_BULK_SIZE = 50
_MAX_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """A full segment: its name, the ids of its newest and oldest rows, and how many it has.

    Below level 0, which holds rows, are segments that hold the spans of the level before.
    """

    name: str
    high: str
    low: str
    count: int
    level: int = 0

    def may_hold(self, id: str) -> bool:
        return self.low <= id <= self.high

    def row(self) -> Row:
        return [self.name, self.high, self.low, self.count, self.level]


Held = list[Row] | list[SegmentRef]
"""What a segment holds."""

Path = tuple[SegmentRef, ...]
"""From a span of a head down to the segment that holds a row."""


@dataclass(frozen=True, slots=True)
class ListHead:
    """The document that is a list. `total` counts all rows, wherever they are.

    `summed` is one of their columns added up, for kinds of lists that do so.
    """

    recent: list[Row] = field(default_factory=list)
    spans: list[SegmentRef] = field(default_factory=list)
    total: int = 0
    summed: int = 0

    @property
    def high(self) -> str:
        """The highest id of the list, or nothing."""
        ids = [*(row[0] for row in self.recent[:1]), *(span.high for span in self.spans)]
        return max(ids, default="")

    def insert(
        self, rows: Iterable[Row], seen: Mapping[str, Held], column: int | None = None
    ) -> ListHead:
        """With rows it does not hold yet. Raises `_Needs` to see a segment that may hold one."""
        new = newest_first(list(rows))
        if self.recent and new and new[-1][0] <= self.recent[0][0]:
            present = {row[0] for row in self.recent}
            new = [row for row in new if row[0] not in present]
        new = [row for row in new if not _path_to(row[0], self.spans, seen)]
        if not new:
            return self
        is_newer = not self.recent or new[-1][0] > self.recent[0][0]
        recent = [*new, *self.recent]
        return ListHead(
            recent if is_newer else newest_first(recent),
            self.spans,
            self.total + len(new),
            self.summed if column is None else self.summed + sum(row[column] for row in new),
        )

    def remove(self, ids: set[str]) -> ListHead:
        """Without rows of its recent ones."""
        kept = [row for row in self.recent if row[0] not in ids]
        if len(kept) == len(self.recent):
            return self
        return replace(self, recent=kept, total=self.total - len(self.recent) + len(kept))

    def holds(self, id: str) -> bool:
        """Whether a row is among the recent ones."""
        return any(row[0] == id for row in self.recent)

    def may_hold(self, id: str) -> bool:
        """Whether a row is in the list, or may be in one of its segments."""
        return self.holds(id) or any(span.may_hold(id) for span in self.spans)

    def path_to(self, id: str, seen: Mapping[str, Held]) -> Path:
        """Where a row is, if it is in a segment; else empty. Raises `_Needs`."""
        return _path_to(id, self.spans, seen)

    def without_oldest(self, upto: str) -> ListHead:
        """Without its recent rows and whole segments up to an id."""
        recent = [row for row in self.recent if row[0] > upto]
        spans = [span for span in self.spans if span.high > upto]
        return ListHead(recent, spans, len(recent) + sum(span.count for span in spans))

    def swapped(self, old: SegmentRef, new: SegmentRef | None) -> ListHead:
        """With one segment in the place of another; as it is, if that other is gone already."""
        if old not in self.spans:
            return self
        spans = [new if span == old else span for span in self.spans]
        count = new.count if new else 0
        return replace(
            self, spans=[s for s in spans if s is not None], total=self.total - old.count + count
        )

    def sealed(self, rows: Sequence[Row], span: SegmentRef, most: int | None) -> ListHead:
        """With its oldest recent rows in a segment; as it is, if they are no longer all there."""
        ids = {row[0] for row in rows}
        kept = [row for row in self.recent if row[0] not in ids]
        if len(self.recent) - len(kept) != len(rows):
            return self
        spans = _sorted([*self.spans, span])
        total = self.total
        while most is not None and spans and total - spans[-1].count >= most:
            total -= spans.pop().count
        return ListHead(kept, spans, total, self.summed)

    def crowded(self) -> list[SegmentRef]:
        """The oldest spans of a level that has too many, or nothing."""
        for level in {span.level for span in self.spans}:
            spans = [span for span in self.spans if span.level == level]
            if len(spans) > 2 * INDEX_SIZE:
                return spans[-INDEX_SIZE:]
        return []

    def gathered(self, spans: Sequence[SegmentRef], index: SegmentRef) -> ListHead:
        """With one span in the place of many; as it is, if they are no longer all there."""
        kept = [span for span in self.spans if span not in spans]
        if len(self.spans) - len(kept) != len(spans):
            return self
        return replace(self, spans=_sorted([*kept, index]))


def _sorted(spans: Iterable[SegmentRef]) -> list[SegmentRef]:
    return sorted(spans, key=lambda span: span.high, reverse=True)


def _path_to(id: str, spans: Iterable[SegmentRef], seen: Mapping[str, Held]) -> Path:
    for span in spans:
        if not span.may_hold(id):
            continue
        if span.name not in seen:
            raise _SegmentNeeded(span)
        held = seen[span.name]
        if span.level:
            path = _path_to(id, [s for s in held if isinstance(s, SegmentRef)], seen)
            if path:
                return (span, *path)
        elif any(isinstance(row, list) and row[0] == id for row in held):
            return (span,)
    return ()


def _spans_for(
    window: Window, recent: Sequence[Row], spans: Iterable[SegmentRef]
) -> list[SegmentRef]:
    """The spans that are sure to complete a window; none for the newest page.

    Rows that came late are in segments that overlap others, so a segment is left out only if it
    lies beyond as many rows, of segments wholly within, as are wanted.
    """
    bottom = max(window.since_id, window.min_id)
    reach = [s for s in spans if s.high > bottom and not (window.max_id and s.low >= window.max_id)]
    if not reach:
        return []
    have = sorted((row[0] for row in recent if window.admits(row[0])), reverse=not window.ascending)
    edge = have[window.limit - 1] if len(have) >= window.limit else ""
    reach.sort(key=lambda s: s.low if window.ascending else s.high, reverse=not window.ascending)
    chosen: list[SegmentRef] = []
    whole = 0
    for span in reach:
        if edge and (span.low > edge if window.ascending else span.high < edge):
            break
        chosen.append(span)
        if not edge and window.admits(span.low) and window.admits(span.high):
            whole += span.count
            if whole >= window.limit:
                ends = [s for s in chosen if window.admits(s.low) and window.admits(s.high)]
                edge = max(s.high for s in ends) if window.ascending else min(s.low for s in ends)
    return chosen


def _inserted(
    rows: Sequence[Row],
    seen: Mapping[str, Held],
    column: int | None,
    room: int | None,
    head: ListHead | None,
) -> ListHead:
    before = head or ListHead()
    after = before.insert(rows, seen, column)
    if room is not None and after.total > max(room, before.total):
        raise ListFull
    return after


class ListFull(Exception):
    """A list has no room for what was to be put in."""


class _SegmentNeeded(Exception):
    """A decision needs to see a segment first."""

    def __init__(self, span: SegmentRef) -> None:
        super().__init__(span.name)
        self.span = span


@dataclass(frozen=True, slots=True)
class Segment:
    """The document that is a full segment: rows, or spans as rows."""

    rows: list[Row]


class _HeadCodec:
    """Writes rows as text.

    A sidecar takes a document apart and puts it together again on its way to the store: for forty
    heads with their rows as lists that takes it 6 ms of processor time, with text 3.5.
    """

    def load(self, data: Any) -> ListHead:
        spans = [SegmentRef(*row) for row in orjson.loads(data["spans"])]
        return ListHead(orjson.loads(data["recent"]), spans, data["total"], data.get("summed", 0))

    def dump(self, head: ListHead) -> Any:
        return {
            "recent": orjson.dumps(head.recent).decode(),
            "spans": orjson.dumps([span.row() for span in head.spans]).decode(),
            "total": head.total,
            **({"summed": head.summed} if head.summed else {}),
        }


class _SegmentCodec:
    def load(self, data: Any) -> Segment:
        return Segment(orjson.loads(data["rows"]))

    def dump(self, segment: Segment) -> Any:
        return {"rows": orjson.dumps(segment.rows).decode()}


_HEADS = _HeadCodec()


def decode_head(data: Mapping[str, Any]) -> ListHead:
    """A head from its document as JSON, as it is told to others or was read among others."""
    return _HEADS.load(data)


def decode_total(data: Mapping[str, Any]) -> int:
    """How many rows a list has, from its head as JSON: without looking at its rows."""
    total: int = data["total"]
    return total


class SegmentedLists:
    """All lists of one kind, by id.

    `most` bounds their length: beyond it the oldest go. `segment` is for kinds whose heads are
    rewritten often, and shall be smaller. `sums` is the column that is added up in
    `StreamHead.summed`: such lists only grow.
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
        self.heads = Collection(state, kind, ListHead, outbox=outbox, codec=_HEADS)
        self.segments = Collection(state, f"{kind}-segment", Segment, codec=_SegmentCodec())
        self._state = state
        self._most = most
        self._segment = segment or SEGMENT_SIZE
        self._sums = sums
        self._silent = outbox is None
        self._together = asyncio.Lock()

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
                    id, partial(_inserted, rows, seen, self._sums, room), fresh=fresh
                )
            except _SegmentNeeded as needs:
                seen |= await self._held([needs.span])
                seen.setdefault(needs.span.name, [])
                continue
            return await self._seal(id, head or ListHead())

    async def insert_everywhere(self, ids: Sequence[str], rows: Sequence[Row]) -> None:
        """Put the same rows into many lists: one read, and one write for every fifty lists.

        A list that is not there yet, or was changed meanwhile, is done by itself; calls of one
        process wait for one another, so as not to make that the rule.
        """
        async with self._together:
            alone = await insert_together(self._state, [(self, id) for id in ids], rows)
        for lists, id in alone:
            await lists.insert(id, rows)

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
        return await self._seal(id, head)

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    def _may_shrink(self) -> None:
        if self._sums is not None:
            raise ValueError("A list that is added up only grows.")

    async def _within(self, head: ListHead, window: Window) -> tuple[list[Row], bool]:
        """The rows of the segments that complete a window, and whether each was still there.

        One state call for each level of the tree that the window reaches into.
        """
        spans, is_whole = list(head.spans), True
        while True:
            chosen = _spans_for(window, head.recent, spans)
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

    async def _seal(self, id: str, head: ListHead) -> ListHead:
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
            except _SegmentNeeded as needs:
                held = await self._held([needs.span])
                seen |= held or {needs.span.name: []}
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


Place = tuple[SegmentedLists, str]
"""One list: its kind and its id."""


async def insert_together(
    state: StateStore, places: Sequence[Place], rows: Sequence[Row]
) -> list[Place]:
    """Put the same rows into lists of several kinds: one read, one write for every fifty.

    Returns the lists that must be done by themselves: those that are not there yet, were changed
    meanwhile, or may hold a row already further down.
    """
    found = await state.get_many([lists.heads.key(id) for lists, id in places])
    return await _insert_found(state, dict.fromkeys(places, rows), found)


async def insert_read(
    state: StateStore, wanted: Mapping[Place, Sequence[Row]], found: Mapping[str, StateEntry]
) -> list[Place]:
    """Put rows into lists whose heads were just read, `found` by their keys: one write.

    None where all lists have their rows. What `insert_together` leaves is done here, and returned:
    one write more for each list that is not there yet. All others were as they had been read.
    """
    alone = await _insert_found(state, wanted, found)
    for place in alone:
        lists, id = place
        await lists.insert(id, wanted[place], fresh=lists.heads.key(id) not in found)
    return alone


async def _insert_found(
    state: StateStore, wanted: Mapping[Place, Sequence[Row]], found: Mapping[str, StateEntry]
) -> list[Place]:
    writes: list[tuple[Place, ListHead, Document[ListHead]]] = []
    alone: list[Place] = []
    for place, rows in wanted.items():
        lists, id = place
        if not lists._silent:
            raise ValueError("Lists that others hear of are changed one at a time.")
        doc = lists.heads.decode(found.get(lists.heads.key(id), ABSENT))
        if doc is None:
            alone.append(place)
            continue
        try:
            head = doc.value.insert(rows, {}, lists._sums)
        except _SegmentNeeded:
            alone.append(place)
            continue
        if head is not doc.value:
            writes.append((place, head, doc))
    for start in range(0, len(writes), _BULK_SIZE):
        alone += await _swap_together(state, writes[start : start + _BULK_SIZE])
    return alone


async def _swap_together(
    state: StateStore, writes: Sequence[tuple[Place, ListHead, Document[ListHead]]]
) -> list[Place]:
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
        return [place for place, _, _ in writes]
    for (lists, id), head, _ in writes:
        await lists._seal(id, head)
    return []
