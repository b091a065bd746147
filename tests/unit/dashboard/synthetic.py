"""Answers of the dashboard's queries, made up: every state that a page can show."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tools.dashboard.queries.dapr import (
    ComponentRow,
    DeadLetterList,
    DeadLetterRow,
    FlowRow,
    OutboxRow,
    SubscriptionRow,
    WorkflowRow,
)
from tools.dashboard.queries.map import MapEdge, MapNode, ServiceMap
from tools.dashboard.queries.metrics import MetricSeries
from tools.dashboard.queries.resources import Resource, SystemReport
from tools.dashboard.queries.traces import SpanRow, TraceSummary, TraceTree

AT = 1_796_000_000.0
TRACE = "0af7651916cd43dd8448eb211c80319c"
HOSTILE = '<script>alert("x")</script>'

SERVICES = (
    *("gateway", "auth", "users", "media", "posts", "comments"),
    *("feed", "notifications", "catalog", "orders", "payments"),
)


def system_report(*, is_running: bool = True) -> SystemReport:
    """All services, one with two replicas, one that failed, one that waits, one that is stopped."""
    found = [*_services(), Resource("nats", "server", "nats", "ready", address="127.0.0.1:4222")]
    found.append(Resource("redis", "server", "redis", "external", address="127.0.0.1:6379"))
    found.append(Resource("dashboard", "server", "dashboard", "ready", cpu=0.01, memory=52_000_000))
    replicas = {name: 2 if name == "feed" else 1 for name in SERVICES}
    return SystemReport(
        "/work/run", is_running, "embedded", "http://127.0.0.1:8080", tuple(found), replicas
    )


def _services() -> Iterator[Resource]:
    names = [*SERVICES, "feed.2"]
    for number, name in enumerate(names):
        app_id = name.split(".")[0]
        state, reason, lines = _state(name)
        ports = {"app": 41_000 + number}
        pid = None if state == "stopped" else 1_000 + number
        yield Resource(
            name,
            "service",
            app_id,
            state,
            reason,
            lines,
            number % 3,
            pid,
            "",
            ports,
            0.031,
            64_123_456,
        )
    for number, name in enumerate(names):
        app_id = name.split(".")[0]
        ports = {"http": 42_000 + number, "grpc": 43_000 + number}
        yield Resource(
            f"{name}.daprd",
            "sidecar",
            app_id,
            "ready",
            "",
            (),
            0,
            2_000,
            "",
            ports,
            0.012,
            78_000_000,
        )


def _state(name: str) -> tuple[str, str, tuple[str, ...]]:
    if name == "media":
        lines = ("Traceback (most recent call last):", f"ValueError: {HOSTILE}")
        return "failed", "It exited with 1 five times; the last start was at 12:00:03.", lines
    if name == "orders":
        return "starting", "It waits for placement, which does not answer.", ()
    if name == "payments":
        return "stopped", "", ()
    return "ready", "", ()


def trace_summaries() -> tuple[TraceSummary, ...]:
    """Some traces, one with errors."""
    return (
        TraceSummary(
            TRACE, AT, 84.2, "POST /api/v1/statuses", "gateway", 14, 1, ("gateway", "posts", "feed")
        ),
        TraceSummary("a" * 32, AT - 4, 2.13, HOSTILE, "gateway", 3, 0, ("gateway",)),
    )


def trace_tree(count: int = 0) -> TraceTree:
    """A post: the gateway invokes posts through two sidecars; the event fails in feed."""
    spans = (
        _span("1", "", 0, "POST /api/v1/statuses", "gateway", "server", 0, 84.2),
        _span("2", "1", 1, "invoke posts", "gateway", "client", 4.1, 40.5),
        _span("3", "2", 2, "CallLocal/posts/posts", "gateway", "client", 4.9, 38.2, "sidecar"),
        _span("4", "3", 3, "CallLocal/posts/posts", "posts", "server", 5.6, 36.9, "sidecar"),
        _span("5", "4", 4, "POST /posts", "posts", "server", 6.2, 35.3),
        _span("6", "5", 5, "state_transaction", "posts", "client", 9.4, 12.8),
        _span("7", "5", 5, "publish posts", "posts", "producer", 24.0, 3.1),
        _span("8", "7", 6, "handle posts", "feed", "consumer", 30.2, 54.0, error="no such author"),
    )
    more = tuple(
        _span(f"m{n}", "8", 7 + n % 9, "state_get", "feed", "client", 31 + n / 9, 0.4)
        for n in range(count)
    )
    return TraceTree(trace_summaries()[0], (*spans, *more), is_complete=True)


def _span(
    id: str,
    parent: str,
    depth: int,
    name: str,
    service: str,
    role: str,
    start: float,
    duration: float,
    kind: str = "service",
    error: str = "",
) -> SpanRow:
    attributes = {"http.route": "/posts", "hostile": HOSTILE, "numbers": [1, 2]}
    events = ({"name": "exception", "exception.message": error},) if error else ()
    return SpanRow(
        *(id, parent, depth, name, service, service, kind, role, start, duration),
        *(duration / 2, bool(error), error, attributes, events),
    )


def components() -> tuple[ComponentRow, ...]:
    """Two components in all sidecars, one that a sidecar refused."""
    loaded = [
        ComponentRow(f"{service}.daprd", name, type_, "v1", "loaded")
        for service in SERVICES
        for name, type_ in (("pubsub", "pubsub.jetstream"), ("statestore", "state.sqlite"))
    ]
    reason = f"unknown component type {HOSTILE}"
    failed = ComponentRow("media.daprd", "blobs", "bindings.localstorage", "v1", "failed", reason)
    return (*loaded, failed)


def subscriptions() -> tuple[SubscriptionRow, ...]:
    return tuple(
        SubscriptionRow(f"{service}.daprd", "pubsub", topic, f"/events/{topic}", f"{service}-dead")
        for topic in ("posts", "users")
        for service in ("feed", "notifications", "comments")
    )


def dead_letters() -> DeadLetterList:
    """One letter of feed, and a service that does not answer."""
    event = {"id": "1", "text": HOSTILE, "data": {"id": "12", "version": 3}}
    letter = DeadLetterRow(
        "feed", "abc123", "posts", "Version 3 is unknown.", "2026-11-29T12:00:00Z", event
    )
    return DeadLetterList((letter,), {"media": "connection refused"})


def flows() -> tuple[FlowRow, ...]:
    return (
        FlowRow("posts", "feed", 12, 3.5, 0.1, 0.25),
        FlowRow("users", "notifications", 0, 0, 0, None),
    )


def outbox() -> tuple[OutboxRow, ...]:
    return (OutboxRow("posts", "posts", 3, 95.0), OutboxRow("users", "users", 0, 0))


def workflows() -> tuple[WorkflowRow, ...]:
    """One that waits, with its history."""
    history = (
        {"what": "placed", "at": "2026-11-29T12:00:00Z", "why": ""},
        {"what": "reserved", "at": "2026-11-29T12:00:01Z", "why": "It waits for placement."},
    )
    at = history[-1]["at"]
    return (WorkflowRow("orders", "117", "checkout", "reserved", at, "", "running", history),)


def service_map() -> ServiceMap:
    """Calls of the gateway, and topics between services."""
    called = SERVICES[1:]
    calls = [
        MapEdge("gateway", name, "call", 60 * n, 6.0 * n, int(n == 3), 3.2)
        for n, name in enumerate(called, 1)
    ]
    calls += [
        MapEdge("posts", "users", "call", 30, 3.0, 0, 2.2),
        MapEdge("orders", "catalog", "call", 9, 0.9, 0, 2),
    ]
    told = [
        MapEdge(source, topic, "publish", 40, 4.0, 0, 1.1)
        for source, topic in (("posts", "posts"), ("users", "users"), ("catalog", "products"))
    ]
    told += [
        MapEdge(topic, target, "handle", 40, 4.0, int(target == "comments"), 8.0)
        for topic, target in (
            *(("posts", "feed"), ("posts", "notifications"), ("posts", "comments")),
            *(("users", "feed"), ("users", "posts"), ("products", "posts"), ("products", "feed")),
        )
    ]
    topics = ("posts", "users", "products")
    nodes = [MapNode(name, "service", 100, int(name == "users"), 4.0) for name in SERVICES]
    nodes += [MapNode(name, "topic", 40, 0, 2.0) for name in topics]
    return ServiceMap(tuple(nodes), (*calls, *told), 600.0)


def metrics(now: float = AT) -> tuple[MetricSeries, ...]:
    """Waves of an hour, for every service, and one series without samples."""

    def wave(height: float, shift: int) -> tuple[tuple[float, float], ...]:
        return tuple(
            (now - 3_590 + 10 * step, height * (1.2 + math.sin((step + 30 * shift) / 40)))
            for step in range(359)
        )

    kinds = (
        ("requests", "per_second", 20.0),
        ("latency_p95", "seconds", 0.012),
        ("cpu", "cores", 0.2),
    )
    found = [
        MetricSeries(metric, service, unit, wave(height * (1 + number / 6), number), service)
        for metric, unit, height in (
            *kinds,
            ("memory", "bytes", 6e7),
            ("errors", "per_second", 0.0),
        )
        for number, service in enumerate(SERVICES)
    ]
    found.append(MetricSeries("event_lag", "feed posts", "count", wave(3, 1), "feed", "posts"))
    found.append(MetricSeries("dead_letters", "feed", "count", (), "feed"))
    return tuple(found)
