"""Traces: a list with filters, and one trace as a tree with self times."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from tools.dashboard.sources import Sources
from tools.dashboard.stores.spans import MAX_TRACE_SPANS, SpanRecord, TraceRecord

DEFAULT_LIMIT = 50
MAX_LIMIT = 1_000
FOLLOW_INTERVAL = 1.0

MAX_SEARCH_SECONDS = 2.0
"""How long one request searches for a text; older traces are left out."""

_PAGE = 200


@dataclass(frozen=True)
class TraceFilter:
    """Which traces are wanted; an empty value means any.

    `service` takes part in the trace; `text` is in the name of a span or among its attributes,
    without case; `min_ms` is the shortest duration of the whole trace; `errors`: only with errors.
    """

    service: str = ""
    text: str = ""
    min_ms: float = 0.0
    errors: bool = False
    limit: int = DEFAULT_LIMIT


@dataclass(frozen=True)
class TraceSummary:
    """A trace in a list. `at` is its begin in seconds since 1970."""

    trace_id: str
    at: float
    duration_ms: float
    name: str
    """Of its first span."""
    service: str
    spans: int
    errors: int
    services: tuple[str, ...]


@dataclass(frozen=True)
class SpanRow:
    """A span in the tree of its trace."""

    span_id: str
    parent_id: str
    depth: int
    name: str
    service: str
    instance: str
    kind: str
    """`service` or `sidecar`."""
    role: str
    """`server`, `client`, `producer`, `consumer` or `internal`."""
    start_ms: float
    """After the begin of the trace."""
    duration_ms: float
    self_ms: float
    """Its duration without the time that its children cover."""
    is_error: bool
    message: str
    """The description of its status."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class TraceTree:
    """A trace: its spans in the order of the tree, a parent before its children."""

    summary: TraceSummary
    spans: tuple[SpanRow, ...]
    is_complete: bool
    """False if it has more spans than are shown."""


async def list_traces(sources: Sources, wanted: TraceFilter) -> tuple[TraceSummary, ...]:
    """Return the newest traces that match, newest first. Searches bounded parts of the store."""
    return await asyncio.to_thread(find_traces, sources, wanted)


async def read_trace(sources: Sources, trace_id: str) -> TraceTree | None:
    """Return one trace, or None if it is not known."""
    return await asyncio.to_thread(find_trace, sources, trace_id)


async def follow_traces(sources: Sources, wanted: TraceFilter) -> AsyncIterator[TraceSummary]:
    """Yield the newest traces that match, oldest first, then traces as their spans arrive.

    A trace comes again when it gets more spans. There is no end.
    """
    last = await asyncio.to_thread(sources.spans.last_id)
    for summary in reversed(await list_traces(sources, wanted)):
        yield summary
    while True:
        await asyncio.sleep(FOLLOW_INTERVAL)
        changed, last = await asyncio.to_thread(_changed, sources, wanted, last)
        for summary in changed:
            yield summary


def _changed(sources: Sources, wanted: TraceFilter, last: int) -> tuple[list[TraceSummary], int]:
    spans = sources.spans
    now, ids = spans.last_id(), spans.traces_since(last)
    where, values = _condition(wanted)
    found = [spans.newest_traces(f"trace_id = ? AND {where}", [id, *values], 1) for id in ids]
    records = [each for records in found for each in records]
    return [_summary(each) for each in records if _has_text(sources, each, wanted.text)], now


def find_traces(sources: Sources, wanted: TraceFilter) -> tuple[TraceSummary, ...]:
    """Return the newest traces that match, newest first."""
    found: list[TraceSummary] = []
    where, values = _condition(wanted)
    deadline = time.monotonic() + MAX_SEARCH_SECONDS
    after: tuple[int, str] | None = None
    while time.monotonic() < deadline:
        page = sources.spans.newest_traces(where, values, _PAGE, after)
        matching = (each for each in page if _has_text(sources, each, wanted.text))
        found += map(_summary, itertools.islice(matching, wanted.limit - len(found)))
        if len(page) < _PAGE or len(found) == wanted.limit:
            break
        after = page[-1].start_ns, page[-1].trace_id
    return tuple(found)


def _condition(wanted: TraceFilter) -> tuple[str, list[object]]:
    where = "end_ns - start_ns >= ?"
    given: list[object] = [int(wanted.min_ms * 1e6)]
    if wanted.errors:
        where += " AND errors > 0"
    if wanted.service:
        where += " AND instr(',' || services || ',', ?) > 0"
        given.append(f",{wanted.service},")
    return where, given


def _has_text(sources: Sources, record: TraceRecord, text: str) -> bool:
    sought = text.lower()
    if not sought or sought in record.name.lower() or sought in record.trace_id:
        return True
    return any(
        sought in each.name.lower() or sought in each.attributes.lower()
        for each in sources.spans.spans_of(record.trace_id)
    )


def _summary(record: TraceRecord) -> TraceSummary:
    return TraceSummary(
        record.trace_id,
        record.start_ns / 1e9,
        (record.end_ns - record.start_ns) / 1e6,
        record.name,
        record.service,
        record.spans,
        record.errors,
        tuple(sorted(record.services.split(","))),
    )


def find_trace(sources: Sources, trace_id: str) -> TraceTree | None:
    """Return one trace, or None if it is not known."""
    record = sources.spans.trace(trace_id)
    if record is None:
        return None
    spans = sources.spans.spans_of(trace_id)
    rows = tuple(
        _row(span, depth, record.start_ns, children) for span, depth, children in in_tree(spans)
    )
    return TraceTree(_summary(record), rows, len(spans) < MAX_TRACE_SPANS)


Children = list[SpanRecord]


def in_tree(spans: Sequence[SpanRecord]) -> Iterator[tuple[SpanRecord, int, Children]]:
    """Yield each span with its depth and its children, a parent before its children.

    A span whose parent is not known is a root. Spans that are their own ancestors are left out.
    """
    known = {span.span_id for span in spans}
    children: dict[str, Children] = defaultdict(list)
    for span in sorted(spans, key=lambda each: each.start_ns):
        children[span.parent_id if span.parent_id in known else ""].append(span)
    waiting = [(span, 0) for span in reversed(children[""])]
    while waiting:
        span, depth = waiting.pop()
        own = children.get(span.span_id, [])
        yield span, depth, own
        waiting += [(each, depth + 1) for each in reversed(own)]


def _row(span: SpanRecord, depth: int, began: int, children: Children) -> SpanRow:
    return SpanRow(
        span.span_id,
        span.parent_id,
        depth,
        span.name,
        span.service,
        span.instance,
        span.kind,
        span.role,
        (span.start_ns - began) / 1e6,
        span.duration_ns / 1e6,
        self_time(span, children) / 1e6,
        bool(span.is_error),
        span.message,
        orjson.loads(span.attributes),
        tuple(orjson.loads(span.events)),
    )


def self_time(span: SpanRecord, children: Children) -> int:
    """Return the nanoseconds of a span in which none of its children runs.

    Children are ordered by their start. What they do after the span has ended does not count.
    """
    end = span.start_ns + span.duration_ns
    covered, reached = 0, span.start_ns
    for child in children:
        begins = max(child.start_ns, reached)
        ends = min(child.start_ns + child.duration_ns, end)
        if ends > begins:
            covered += ends - begins
            reached = ends
    return span.duration_ns - covered
