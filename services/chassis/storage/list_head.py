"""The head of a long list, in plain Python: its newest rows, and the segments with the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from services.chassis.storage.window import Row, Window, newest_first

INDEX_SIZE = 32
"""References in an index segment. A head holds up to twice as many of each level."""


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """A segment: its name, the ids of its newest and oldest rows, and how many rows it covers.

    Segments of level 0 hold rows. Those of higher levels are indexes: they hold references to
    segments of the level below.
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


SegmentContent = list[Row] | list[SegmentRef]

SegmentPath = tuple[SegmentRef, ...]
"""From a segment that a head names down to the segment that holds a row."""


class ListFull(Exception):
    """An insertion would make a list longer than allowed."""


class SegmentNeeded(Exception):
    """A decision depends on segments that are not loaded yet."""

    def __init__(self, refs: Sequence[SegmentRef]) -> None:
        super().__init__(*(ref.name for ref in refs))
        self.refs = refs


@dataclass(frozen=True, slots=True)
class ListHead:
    """The document of a list. `total` counts all its rows, also those in segments.

    Recent rows are sorted, newest first.
    `summed` is the sum of one column, for kinds of lists that have a `sum_column`.
    """

    recent: list[Row] = field(default_factory=list)
    segments: list[SegmentRef] = field(default_factory=list)
    total: int = 0
    summed: int = 0

    @property
    def high(self) -> str:
        """The highest id of the list; empty if the list is."""
        ids = [*(row[0] for row in self.recent[:1]), *(ref.high for ref in self.segments)]
        return max(ids, default="")

    def insert(
        self,
        rows: Iterable[Row],
        loaded: Mapping[str, SegmentContent],
        sum_column: int | None = None,
    ) -> ListHead:
        """The head with the rows that the list does not hold yet.

        Raises `SegmentNeeded` if segments that are not loaded may hold one.
        """
        new = newest_first(list(rows))
        if self.recent and new and new[-1][0] <= self.recent[0][0]:
            present = {row[0] for row in self.recent}
            new = [row for row in new if row[0] not in present]
        if needed := _not_loaded([row[0] for row in new], self.segments, loaded):
            raise SegmentNeeded(needed)
        new = [row for row in new if not _path_to(row[0], self.segments, loaded)]
        if not new:
            return self
        is_newer = not self.recent or new[-1][0] > self.recent[0][0]
        recent = [*new, *self.recent]
        added = 0 if sum_column is None else sum(row[sum_column] for row in new)
        return ListHead(
            recent if is_newer else newest_first(recent),
            self.segments,
            self.total + len(new),
            self.summed + added,
        )

    def remove(self, ids: set[str]) -> ListHead:
        """The head without some of its recent rows."""
        kept = [row for row in self.recent if row[0] not in ids]
        if len(kept) == len(self.recent):
            return self
        return replace(self, recent=kept, total=self.total - len(self.recent) + len(kept))

    def holds(self, id: str) -> bool:
        """Whether a row is among the recent ones."""
        return any(row[0] == id for row in self.recent)

    def may_hold(self, id: str) -> bool:
        """Whether a row is among the recent ones, or may be in a segment."""
        return self.holds(id) or any(ref.may_hold(id) for ref in self.segments)

    def path_to(self, id: str, loaded: Mapping[str, SegmentContent]) -> SegmentPath:
        """The path to the segment that holds a row; empty if none does.

        Raises `SegmentNeeded`.
        """
        return _path_to(id, self.segments, loaded)

    def without_oldest(self, upto: str) -> ListHead:
        """The head without recent rows and whole segments up to an id."""
        recent = [row for row in self.recent if row[0] > upto]
        segments = [ref for ref in self.segments if ref.high > upto]
        return ListHead(recent, segments, len(recent) + sum(ref.count for ref in segments))

    def replace_segment(self, old: SegmentRef, new: SegmentRef | None) -> ListHead:
        """The head with one segment in place of another; unchanged if it does not name `old`."""
        if old not in self.segments:
            return self
        segments = [new if ref == old else ref for ref in self.segments]
        count = new.count if new else 0
        return replace(
            self,
            segments=[ref for ref in segments if ref is not None],
            total=self.total - old.count + count,
        )

    def move_to_segment(
        self, rows: Sequence[Row], segment: SegmentRef, max_rows: int | None
    ) -> ListHead:
        """The head with recent rows moved to a segment; unchanged if it lacks one of the rows.

        Beyond `max_rows` it drops its oldest segments.
        """
        ids = {row[0] for row in rows}
        kept = [row for row in self.recent if row[0] not in ids]
        if len(self.recent) - len(kept) != len(rows):
            return self
        segments = _by_newest([*self.segments, segment])
        total = self.total
        while max_rows is not None and segments and total - segments[-1].count >= max_rows:
            total -= segments.pop().count
        return ListHead(kept, segments, total, self.summed)

    def excess_segments(self) -> list[SegmentRef]:
        """The oldest segments of a level that has too many, else an empty list."""
        for level in {ref.level for ref in self.segments}:
            refs = [ref for ref in self.segments if ref.level == level]
            if len(refs) > 2 * INDEX_SIZE:
                return refs[-INDEX_SIZE:]
        return []

    def move_to_index(self, refs: Sequence[SegmentRef], index: SegmentRef) -> ListHead:
        """The head with an index in place of segments; unchanged if it lacks one of them."""
        kept = [ref for ref in self.segments if ref not in refs]
        if len(self.segments) - len(kept) != len(refs):
            return self
        return replace(self, segments=_by_newest([*kept, index]))


def insert_into_head(
    rows: Sequence[Row],
    loaded: Mapping[str, SegmentContent],
    sum_column: int | None,
    max_total: int | None,
    head: ListHead | None,
) -> ListHead:
    """A head with more rows. Raises `ListFull` if there would be more than `max_total`."""
    before = head or ListHead()
    after = before.insert(rows, loaded, sum_column)
    if max_total is not None and after.total > max(max_total, before.total):
        raise ListFull
    return after


def segments_for(
    window: Window, recent: Sequence[Row], refs: Iterable[SegmentRef]
) -> list[SegmentRef]:
    """The segments that complete a window; none for the newest page.

    Rows that came late are in segments that overlap others. So a segment is left out only if it
    lies beyond as many rows as the window takes: recent ones, or those of segments wholly within.
    Recent rows are sorted, newest first.
    """
    refs = list(refs)
    if not refs:
        return []
    nearest_first = reversed(recent) if window.ascending else recent
    ids = [*islice((row[0] for row in nearest_first if window.admits(row[0])), window.limit)]
    boundary = ids[-1] if len(ids) == window.limit else ""
    chosen: list[SegmentRef] = []
    within: list[SegmentRef] = []
    rows_within = 0
    for ref in _overlapping(window, refs):
        if boundary and (ref.low > boundary if window.ascending else ref.high < boundary):
            break
        chosen.append(ref)
        if not boundary and window.admits(ref.low) and window.admits(ref.high):
            within.append(ref)
            rows_within += ref.count
            if rows_within >= window.limit:
                boundary = _far_end(window, within)
    return chosen


def _overlapping(window: Window, refs: Iterable[SegmentRef]) -> list[SegmentRef]:
    """The segments that overlap a window, in the order in which the window takes rows."""
    bottom = max(window.since_id, window.min_id)
    found = [
        ref
        for ref in refs
        if ref.high > bottom and not (window.max_id and ref.low >= window.max_id)
    ]
    if window.ascending:
        return sorted(found, key=lambda ref: ref.low)
    return sorted(found, key=lambda ref: ref.high, reverse=True)


def _far_end(window: Window, refs: Sequence[SegmentRef]) -> str:
    return max(ref.high for ref in refs) if window.ascending else min(ref.low for ref in refs)


def _by_newest(refs: Iterable[SegmentRef]) -> list[SegmentRef]:
    return sorted(refs, key=lambda ref: ref.high, reverse=True)


def _not_loaded(
    ids: Sequence[str], refs: Iterable[SegmentRef], loaded: Mapping[str, SegmentContent]
) -> list[SegmentRef]:
    """The segments that may hold one of some ids, as far as they are known and not loaded."""
    missing: list[SegmentRef] = []
    for ref in refs:
        inside = [id for id in ids if ref.may_hold(id)]
        if inside and ref.name not in loaded:
            missing.append(ref)
        elif inside and ref.level:
            below = [r for r in loaded[ref.name] if isinstance(r, SegmentRef)]
            missing += _not_loaded(inside, below, loaded)
    return missing


def _path_to(
    id: str, refs: Iterable[SegmentRef], loaded: Mapping[str, SegmentContent]
) -> SegmentPath:
    for ref in refs:
        if not ref.may_hold(id):
            continue
        if ref.name not in loaded:
            raise SegmentNeeded([ref])
        content = loaded[ref.name]
        if ref.level:
            path = _path_to(id, [r for r in content if isinstance(r, SegmentRef)], loaded)
            if path:
                return (ref, *path)
        elif any(isinstance(row, list) and row[0] == id for row in content):
            return (ref,)
    return ()
