"""Long lists sorted by id, newest first, in which a change costs the same however long they are.

A list is a head document, which holds the newest rows and the names of full segments, and the
segments, which never change: to drop a row, a segment is written anew under another name and the
head is pointed at it. So only the head needs compare-and-swap, and a reader that has a head has a
consistent list. A crash between the two leaves at most a segment that nothing points at.

Reading the newest page costs one state call, any other page two.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.chassis.documents import Collection, Doc
from services.chassis.outbox import Announcement, Outbox
from services.chassis.paging import Row, Window, newest
from services.chassis.sidecar import Conflict, StateStore, Upsert

RECENT = 120
"""Rows that a head may hold before its oldest go into a segment; twice a segment, so that the
first three pages of 20 are always in the head."""

SEGMENT = 60
_TOGETHER = 50
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Span:
    """A full segment: its name, the ids of its newest and oldest rows, and how many it has."""

    name: str
    high: str
    low: str
    count: int

    def may_hold(self, id: str) -> bool:
        return self.low <= id <= self.high


@dataclass(frozen=True, slots=True)
class Head:
    """The document that is a list. `total` counts all rows, wherever they are."""

    recent: list[Row] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    total: int = 0

    def insert(self, rows: Iterable[Row], segments: Mapping[str, Sequence[Row]]) -> Head:
        """With rows it does not hold yet. Raises `_Needs` to see a segment that may hold one."""
        present = {row[0] for row in self.recent}
        new = [row for row in newest(list(rows)) if row[0] not in present]
        new = [row for row in new if not self._span_of(row[0], segments)]
        if not new:
            return self
        return replace(self, recent=newest([*new, *self.recent]), total=self.total + len(new))

    def remove(self, ids: set[str]) -> Head:
        """Without rows of its recent ones; rows in segments are left to `rewritten`."""
        kept = [row for row in self.recent if row[0] not in ids]
        if len(kept) == len(self.recent):
            return self
        return replace(self, recent=kept, total=self.total - len(self.recent) + len(kept))

    def holder(self, id: str, segments: Mapping[str, Sequence[Row]]) -> Span | None:
        """The segment that holds a row, if one does. Raises `_Needs`."""
        return self._span_of(id, segments)

    def swapped(self, old: Span, new: Span | None) -> Head:
        """With one segment in the place of another; as it is, if that other is gone already."""
        if old not in self.spans:
            return self
        spans = [new if span == old else span for span in self.spans]
        count = new.count if new else 0
        return replace(
            self, spans=[s for s in spans if s is not None], total=self.total - old.count + count
        )

    def sealed(self, rows: Sequence[Row], span: Span, most: int | None) -> Head:
        """With its oldest recent rows in a segment; as it is, if they are no longer all there."""
        ids = {row[0] for row in rows}
        kept = [row for row in self.recent if row[0] not in ids]
        if len(self.recent) - len(kept) != len(rows):
            return self
        spans = sorted([*self.spans, span], key=lambda s: s.high, reverse=True)
        total = self.total
        while most is not None and spans and total - spans[-1].count >= most:
            total -= spans.pop().count
        return Head(kept, spans, total)

    def spans_for(self, window: Window) -> list[Span]:
        """The segments that are sure to complete a window; none for the newest page.

        Rows that came late are in segments that overlap others, so a segment is left out only if
        it lies beyond as many rows, of segments wholly within, as are wanted.
        """
        reach = [s for s in self.spans if self._overlaps(s, window)]
        if not reach:
            return []
        have = sorted(
            (row[0] for row in self.recent if window.admits(row[0])), reverse=not window.upwards
        )[: window.limit]
        edge = have[-1] if len(have) == window.limit else ""
        reach.sort(key=lambda s: s.low if window.upwards else s.high, reverse=not window.upwards)
        chosen: list[Span] = []
        whole = 0
        for span in reach:
            if edge and (span.low > edge if window.upwards else span.high < edge):
                break
            chosen.append(span)
            if not edge and window.admits(span.low) and window.admits(span.high):
                whole += span.count
                if whole >= window.limit:
                    ends = [s for s in chosen if window.admits(s.low) and window.admits(s.high)]
                    edge = max(s.high for s in ends) if window.upwards else min(s.low for s in ends)
        return chosen

    def _overlaps(self, span: Span, window: Window) -> bool:
        if window.max_id and span.low >= window.max_id:
            return False
        return span.high > max(window.since_id, window.min_id)

    def _span_of(self, id: str, segments: Mapping[str, Sequence[Row]]) -> Span | None:
        for span in self.spans:
            if span.may_hold(id):
                if span.name not in segments:
                    raise _Needs(span.name)
                if any(row[0] == id for row in segments[span.name]):
                    return span
        return None


class _Needs(Exception):
    """A decision needs to see a segment first."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Segment:
    """The document that is a full segment."""

    rows: list[Row]


class SegmentedLists:
    """All lists of one kind, by id. `most` bounds their length: beyond it the oldest go."""

    def __init__(
        self,
        state: StateStore,
        kind: str,
        *,
        most: int | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        self.heads = Collection(state, kind, Head, outbox=outbox)
        self.segments = Collection(state, f"{kind}-segment", Segment)
        self._state = state
        self._most = most
        self._silent = outbox is None
        self._together = asyncio.Lock()

    async def head(self, id: str) -> Head:
        """The head of a list; of an empty one where there is none. One state call."""
        return await self.heads.get(id) or Head()

    async def page(self, id: str, window: Window) -> list[Row]:
        """The rows of a window, newest first. One state call for the newest page, else two."""
        for _ in range(_TRIES):
            head = await self.head(id)
            spans = head.spans_for(window)
            rows, whole = await self._held(spans)
            if whole:
                break
        return window.cut([*head.recent, *rows])

    async def read(self, head: Head, window: Window) -> list[Row]:
        """As `page`, from a head one has. At most one state call.

        Rows of a segment that was written anew since the head was read are missing.
        """
        rows, _ = await self._held(head.spans_for(window))
        return window.cut([*head.recent, *rows])

    async def all(self, id: str) -> list[Row]:
        """Every row. For short lists, and for rebuilding."""
        for _ in range(_TRIES):
            head = await self.head(id)
            rows, whole = await self._held(head.spans)
            if whole:
                break
        return newest([*head.recent, *rows])

    async def insert(self, id: str, rows: Sequence[Row]) -> Head:
        """Put rows in, each once, however often it is asked for."""
        seen: dict[str, list[Row]] = {}
        while True:
            try:
                head = await self.heads.update(id, lambda head: (head or Head()).insert(rows, seen))
            except _Needs as needs:
                seen[needs.name] = await self._rows(needs.name)
                continue
            return await self._seal(id, head or Head())

    async def insert_everywhere(self, ids: Sequence[str], rows: Sequence[Row]) -> None:
        """Put the same rows into many lists: one read, and one write for every fifty lists.

        A list that is not there yet, or was changed meanwhile, is done by itself; calls of one
        process wait for one another, so as not to make that the rule.
        """
        if not self._silent:
            raise ValueError("Lists that others hear of are changed one at a time.")
        async with self._together:
            alone = await self._insert_together(ids, rows)
        for id in alone:
            await self.insert(id, rows)

    async def _insert_together(self, ids: Sequence[str], rows: Sequence[Row]) -> list[str]:
        """Returns the lists that must be done by themselves."""
        docs = await self.heads.load_many(ids)
        writes: dict[str, tuple[Head, Doc[Head]]] = {}
        alone = [id for id in ids if id not in docs]
        for id, doc in docs.items():
            try:
                head = doc.value.insert(rows, {})
            except _Needs:
                alone.append(id)
                continue
            if head is not doc.value:
                writes[id] = head, doc
        names = list(writes)
        for start in range(0, len(names), _TOGETHER):
            alone += await self._write({id: writes[id] for id in names[start : start + _TOGETHER]})
        return alone

    async def remove(self, id: str, ids: Iterable[str]) -> Head:
        """Take rows out, wherever they are."""
        wanted = set(ids)
        head = await self.heads.update(id, lambda h: h.remove(wanted) if h else None) or Head()
        for row_id in wanted:
            head = await self._remove_from_segments(id, head, row_id)
        return head

    async def replace(self, id: str, rows: Sequence[Row]) -> Head:
        """Make a list hold these rows, and nothing else, unless it changes at the same time.

        Raises `Conflict` if it does: read again, and decide again.
        """
        before = await self.heads.load(id)
        ordered = newest(list(rows))
        recent, rest = ordered[:SEGMENT], ordered[SEGMENT:]
        spans = [
            await self._keep(rest[start : start + SEGMENT])
            for start in range(0, len(rest), SEGMENT)
        ]
        head = Head(recent, spans, len(ordered))

        def swap(now: Head | None) -> Head:
            if now != (before.value if before else None):
                raise Conflict(f"The list {id} changed while it was replaced.")
            return head

        try:
            await self.heads.update(id, swap)
        except Conflict:
            await self._drop(spans)
            raise
        await self._drop(before.value.spans if before else [])
        return head

    # ── parts ───────────────────────────────────────────────────────────────────────────────

    async def _write(self, writes: dict[str, tuple[Head, Doc[Head]]]) -> list[str]:
        """Swap many heads in one transaction; returns those that must be done by themselves."""
        upserts = [
            Upsert(
                self.heads.key(id),
                self.heads.seal(head, doc.version + 1, Announcement.private()),
                doc.etag,
            )
            for id, (head, doc) in writes.items()
        ]
        try:
            await self._state.transact(upserts)
        except Conflict:
            return list(writes)
        for id, (head, _) in writes.items():
            await self._seal(id, head)
        return []

    async def _seal(self, id: str, head: Head) -> Head:
        while len(head.recent) > RECENT:
            rows = head.recent[-SEGMENT:]
            span = await self._keep(rows)
            before = head

            def seal(now: Head | None, rows: list[Row] = rows, span: Span = span) -> Head | None:
                return now.sealed(rows, span, self._most) if now else None

            head = await self.heads.update(id, seal) or Head()
            dropped = [s for s in before.spans if s not in head.spans]
            await self._drop(dropped if span in head.spans else [*dropped, span])
        return head

    async def _remove_from_segments(self, id: str, head: Head, row_id: str) -> Head:
        seen: dict[str, list[Row]] = {}
        while True:
            try:
                span = head.holder(row_id, seen)
            except _Needs as needs:
                seen[needs.name] = await self._rows(needs.name)
                if not seen[needs.name]:  # written anew by somebody else since the head was read
                    head = await self.head(id)
                continue
            if span is None:
                return head
            kept = [row for row in seen[span.name] if row[0] != row_id]
            new = await self._keep(kept) if kept else None
            head = await self._swap(id, span, new)

    async def _swap(self, id: str, old: Span, new: Span | None) -> Head:
        head = await self.heads.update(id, lambda h: h.swapped(old, new) if h else None) or Head()
        if new is None or new in head.spans:
            await self._drop([old])
        else:
            await self._drop([new])
        return head

    async def _keep(self, rows: Sequence[Row]) -> Span:
        span = Span(secrets.token_hex(8), rows[0][0], rows[-1][0], len(rows))
        await self.segments.update(span.name, lambda _: Segment(list(rows)), fresh=True)
        return span

    async def _held(self, spans: Sequence[Span]) -> tuple[list[Row], bool]:
        """The rows of some segments, and whether none was written anew since the head was read."""
        if not spans:
            return [], True
        segments = await self.segments.get_many([span.name for span in spans])
        rows = [row for segment in segments.values() for row in segment.rows]
        return rows, len(segments) == len(spans)

    async def _rows(self, name: str) -> list[Row]:
        segment = await self.segments.get(name)
        return segment.rows if segment else []

    async def _drop(self, spans: Iterable[Span]) -> None:
        for span in spans:
            await self.segments.delete(span.name)


def total_of(head: dict[str, Any]) -> int:
    """How many rows a list has, from its head as JSON: for telling others of the count alone."""
    total: int = head["total"]
    return total
