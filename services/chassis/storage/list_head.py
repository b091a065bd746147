"""The head of a long list, in plain Python: its newest rows, and which segments hold the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.chassis.storage.window import Row, Window, newest_first

INDEX_SIZE = 32
"""Names in a segment of names. A head holds up to twice as many of each level."""


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
        new = [row for row in new if not path_to_row(row[0], self.spans, seen)]
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
        return path_to_row(id, self.spans, seen)

    def without_oldest(self, upto: str) -> ListHead:
        """Without its recent rows and whole segments up to an id."""
        recent = [row for row in self.recent if row[0] > upto]
        spans = [span for span in self.spans if span.high > upto]
        return ListHead(recent, spans, len(recent) + sum(span.count for span in spans))

    def swapped(self, old: SegmentRef, new: SegmentRef | None) -> ListHead:
        """With one segment in the ref of another; as it is, if that other is gone already."""
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
        spans = _by_newest([*self.spans, span])
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
        """With one span in the ref of many; as it is, if they are no longer all there."""
        kept = [span for span in self.spans if span not in spans]
        if len(self.spans) - len(kept) != len(spans):
            return self
        return replace(self, spans=_by_newest([*kept, index]))


def _by_newest(spans: Iterable[SegmentRef]) -> list[SegmentRef]:
    return sorted(spans, key=lambda span: span.high, reverse=True)


def path_to_row(id: str, spans: Iterable[SegmentRef], seen: Mapping[str, Held]) -> Path:
    """Where a row is, from a head down to its segment; empty if it is in none.

    Raises `SegmentNeeded`.
    """
    for span in spans:
        if not span.may_hold(id):
            continue
        if span.name not in seen:
            raise SegmentNeeded(span)
        held = seen[span.name]
        if span.level:
            path = path_to_row(id, [s for s in held if isinstance(s, SegmentRef)], seen)
            if path:
                return (span, *path)
        elif any(isinstance(row, list) and row[0] == id for row in held):
            return (span,)
    return ()


def segments_for(
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


def insert_into_head(
    rows: Sequence[Row],
    seen: Mapping[str, Held],
    column: int | None,
    room: int | None,
    head: ListHead | None,
) -> ListHead:
    """A head with more rows. Raises `ListFull` if there would be more than `room`."""
    before = head or ListHead()
    after = before.insert(rows, seen, column)
    if room is not None and after.total > max(room, before.total):
        raise ListFull
    return after


class ListFull(Exception):
    """A list has no room for what was to be put in."""


class SegmentNeeded(Exception):
    """A decision needs to see a segment first."""

    def __init__(self, span: SegmentRef) -> None:
        super().__init__(span.name)
        self.ref = span
