from __future__ import annotations

import time

from opentelemetry.trace import SpanKind

from tests.unit.dashboard.spans import message, span
from tools.dashboard.collect.otlp import decode
from tools.dashboard.queries.map import build_map
from tools.dashboard.sources import Sources


def test_the_map_shows_calls_through_sidecars_and_events_through_topics(sources: Sources) -> None:
    at = time.time_ns() - 60 * 10**9
    topic = {"messaging.destination.name": "posts"}
    home = span("GET /", "gateway", at=at)
    call = span("GET /timelines/home", "gateway", home, kind=SpanKind.CLIENT, at=at)
    sidecar = span("/v1.0/invoke", "gateway", call, instance="gateway.daprd", at=at)
    other = span("CallLocal/feed", "feed", sidecar, instance="feed.daprd", at=at)
    served = span("GET /timelines/home", "feed", other, at=at, error="slow", seconds=0.25)
    sent = span("publish posts", "posts", home, kind=SpanKind.PRODUCER, attributes=topic, at=at)
    handled = span("process posts", "feed", home, kind=SpanKind.CONSUMER, attributes=topic, at=at)
    old = span("GET /old", "media", at=at - 3_700 * 10**9)
    spans = [old, home, call, sidecar, other, served, sent, handled]
    sources.spans.add(list(decode(message(spans))))
    found = build_map(sources)
    edges = {(edge.source, edge.target, edge.kind): edge for edge in found.edges}
    assert {*edges} == {
        ("gateway", "feed", "call"),
        ("posts", "posts", "publish"),
        ("posts", "feed", "handle"),
    }
    edge = edges["gateway", "feed", "call"]
    assert (edge.count, edge.errors, edge.p95_ms) == (1, 1, 250.0)
    assert 0.9 < edge.per_minute <= 1.0
    nodes = {(node.name, node.kind): node.count for node in found.nodes}
    assert nodes == {
        ("feed", "service"): 2,
        ("gateway", "service"): 1,
        ("posts", "service"): 0,
        ("posts", "topic"): 2,
    }


def test_the_delivery_of_an_event_is_no_call(sources: Sources) -> None:
    at = time.time_ns() - 60 * 10**9
    topic = {"messaging.destination.name": "posts"}
    sent = span("publish posts", "posts", kind=SpanKind.PRODUCER, attributes=topic, at=at)
    sidecar = span("pubsub/posts", "feed", sent, instance="feed.daprd", at=at)
    delivered = span("POST /events/posts", "feed", sidecar, at=at)
    sources.spans.add(list(decode(message([sent, sidecar, delivered]))))
    kinds = [edge.kind for edge in build_map(sources).edges]
    assert kinds == ["publish"]


def test_without_spans_the_map_is_empty(sources: Sources) -> None:
    found = build_map(sources)
    assert (found.nodes, found.edges) == ((), ())
