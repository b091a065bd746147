"""Who calls and tells whom, from the spans of the last hour."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tools.dashboard.sources import Sources
from tools.dashboard.stores.spans import SpanRecord

PERIOD = 3_600.0
MAX_SPANS = 10_000
"""The newest ones are looked at: a bound of memory and time."""

_MAX_HOPS = 8
"""Spans of sidecars between two services."""


@dataclass(frozen=True)
class MapNode:
    """A service or a topic. The figures are of what it handled."""

    name: str
    kind: str
    """`service` or `topic`."""
    count: int
    errors: int
    p95_ms: float


@dataclass(frozen=True)
class MapEdge:
    """A relation: a service calls a service, publishes to a topic; a topic is handled by one."""

    source: str
    target: str
    kind: str
    """`call`, `publish` or `handle`."""
    count: int
    per_minute: float
    errors: int
    p95_ms: float


@dataclass(frozen=True)
class ServiceMap:
    """Nodes and edges, and the seconds that they cover."""

    nodes: tuple[MapNode, ...]
    edges: tuple[MapEdge, ...]
    seconds: float


async def read_map(sources: Sources) -> ServiceMap:
    """Return the map of the last hour, from at most `MAX_SPANS` spans. In a thread."""
    return await asyncio.to_thread(build_map, sources)


def build_map(sources: Sources) -> ServiceMap:
    """Return the map of the last hour."""
    spans = sources.spans.newest_spans(sources.now() - PERIOD, MAX_SPANS)
    relations: dict[tuple[str, str, str], list[SpanRecord]] = defaultdict(list)
    handled: dict[tuple[str, str], list[SpanRecord]] = defaultdict(list)
    known = {(span.trace_id, span.span_id): span for span in spans}
    for span in spans:
        if span.kind == "service":
            for relation in _relations(span, known):
                relations[relation].append(span)
            if span.role in ("server", "consumer"):
                handled[span.service, "service"].append(span)
            if span.destination:
                handled[span.destination, "topic"].append(span)
    seconds = _covered_seconds(spans, sources.now())
    edges = tuple(
        MapEdge(*relation, len(of), len(of) / seconds * 60, _errors(of), p95_ms(of))
        for relation, of in sorted(relations.items())
    )
    kinds = {(name, "service") for name, _, kind in relations if kind != "handle"}
    kinds |= {(name, "topic") for name, _, kind in relations if kind == "handle"}
    kinds |= {(name, "topic" if kind == "publish" else "service") for _, name, kind in relations}
    nodes = tuple(
        MapNode(*node, len(handled[node]), _errors(handled[node]), p95_ms(handled[node]))
        for node in sorted({*kinds, *(node for node in handled if node[1] == "service")})
    )
    return ServiceMap(nodes, edges, seconds)


Known = Mapping[tuple[str, str], SpanRecord]
Relation = tuple[str, str, str]


def _relations(span: SpanRecord, known: Known) -> Iterator[Relation]:
    """Yield the relations (source, target, kind) that a span shows."""
    if span.role == "producer" and span.destination:
        yield span.service, span.destination, "publish"
    elif span.role == "consumer" and span.destination:
        yield span.destination, span.service, "handle"
    elif span.role == "server" and (caller := _caller(span, known)):
        yield caller, span.service, "call"


def _caller(span: SpanRecord, known: Known) -> str:
    """Return the service whose call a span serves, through any sidecars; empty for an event."""
    above = known.get((span.trace_id, span.parent_id))
    for _ in range(_MAX_HOPS):
        if above is None:
            return ""
        if above.kind == "service":
            return "" if above.role == "producer" else above.service  # a delivery is no call
        above = known.get((above.trace_id, above.parent_id))
    return ""


def _covered_seconds(spans: Sequence[SpanRecord], now: float) -> float:
    """Return the seconds since the earliest span: less than an hour for a new or busy system."""
    if not spans:
        return PERIOD
    return min(PERIOD, max(1.0, now - min(span.start_ns for span in spans) / 1e9))


def _errors(spans: Sequence[SpanRecord]) -> int:
    return sum(1 for span in spans if span.is_error)


def p95_ms(spans: Sequence[SpanRecord]) -> float:
    """Return the 95th percentile of durations in milliseconds; 0 for none."""
    if not spans:
        return 0.0
    ordered = sorted(span.duration_ns for span in spans)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] / 1e6
