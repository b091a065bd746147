from __future__ import annotations

import gzip
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from tests.unit.dashboard.asgi import OWNER, DashboardAnswer, running, send
from tests.unit.dashboard.spans import message, simple_traces, span, trace_id
from tools.dashboard.app import create_app
from tools.dashboard.collect import otlp
from tools.dashboard.collect.otlp import decode
from tools.dashboard.queries.traces import TraceFilter, find_trace, find_traces
from tools.dashboard.settings import Settings, derived_token
from tools.dashboard.sources import Sources
from tools.dashboard.stores import spans as span_store
from tools.dashboard.stores.spans import SpanStore

SENDER = {
    "authorization": f"Bearer {derived_token('the-token-of-the-owner', 'otlp')}",
    "content-type": "application/x-protobuf",
}


def store(sources: Sources, spans: Sequence[ReadableSpan]) -> None:
    sources.spans.add(list(decode(message(spans))))


def names(sources: Sources, **wanted: object) -> list[str]:
    return [each.name for each in find_traces(sources, TraceFilter(**wanted))]  # type: ignore[arg-type]


# ── receiving ───────────────────────────────────────────────────────────────────────────────────


async def test_spans_are_stored_when_the_receiver_answers_200(settings: Settings) -> None:
    root = span("GET /posts", attributes={"http.route": "/posts"})
    body = message([root, span("state get", "posts", root, kind=SpanKind.CLIENT)])
    async with running(create_app(settings)) as app:
        assert (await send(app, "POST", "/v1/traces", SENDER, body)).status == 200
        packed = {**SENDER, "content-encoding": "gzip"}
        again = await send(app, "POST", "/v1/traces", packed, gzip.compress(body))
        assert again.status == 200
        listed = (await send(app, "GET", "/api/traces")).json()["traces"]
        assert [(each["name"], each["spans"]) for each in listed] == [("GET /posts", 2)]
        tree = (await send(app, "GET", f"/api/traces/{trace_id(root)}")).json()
        assert [each["role"] for each in tree["spans"]] == ["server", "client"]
        assert (await send(app, "GET", f"/api/traces/{'0' * 32}")).status == 404


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"authorization": "Bearer wrong"}, b"", 401),
        (OWNER, b"", 401),  # the token of the owner is not what services hold
        ({"content-type": "application/json"}, b"{}", 415),
        ({"content-encoding": "br"}, b"", 415),
        ({}, b"\xff\xff\xff", 400),
        ({"content-encoding": "gzip"}, b"no gzip", 400),
        ({"content-encoding": "gzip"}, gzip.compress(bytes(otlp.MAX_BODY_BYTES + 1)), 400),
        ({}, bytes(otlp.MAX_BODY_BYTES + 1), 413),
    ],
)
async def test_what_is_no_export_of_spans_is_refused(
    settings: Settings, headers: dict[str, str], body: bytes, status: int
) -> None:
    async with running(create_app(settings)) as app:
        assert (await send(app, "POST", "/v1/traces", {**SENDER, **headers}, body)).status == status


async def test_a_burst_is_refused_beyond_a_bound_and_nothing_acknowledged_is_lost(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    bodies = [
        message([span(f"GET /{number}", attributes={"padding": "x" * 2_000})])
        for number in range(50)
    ]
    monkeypatch.setattr(otlp, "MAX_WAITING_BYTES", 5 * len(bodies[0]))
    async with running(create_app(settings)) as app:
        sent: list[DashboardAnswer] = await asyncio.gather(
            *(send(app, "POST", "/v1/traces", SENDER, body) for body in bodies)
        )
        statuses = [answer.status for answer in sent]
        assert {*statuses} == {200, 503}
        assert len(names(app.state.sources, limit=100)) == statuses.count(200)


def test_a_span_is_bounded_and_of_its_service_or_sidecar() -> None:
    many = {f"key{number}": "v" * 5_000 for number in range(100)}
    (plain,) = decode(message([span("x" * 900, error="broken", attributes=many)]))
    assert len(plain.name) == 200
    assert len(plain.attributes) < 64 * 2_100
    assert (plain.is_error, plain.message, plain.kind) == (True, "broken", "service")
    (sidecar,) = decode(message([span("CallLocal", "posts", instance="posts.daprd")]))
    assert (sidecar.service, sidecar.kind) == ("posts", "sidecar")


# ── the ring ────────────────────────────────────────────────────────────────────────────────────


def test_the_file_keeps_its_size_and_loses_the_oldest_traces_first(tmp_path: Path) -> None:
    ring = SpanStore(tmp_path, max_bytes=1_000_000)
    spans = list(decode(message(list(simple_traces(600, size=1_900)))))
    for start in range(0, 600, 50):
        ring.add(spans[start : start + 50])
        assert ring.used_bytes() <= 1_000_000
    kept = [each.name for each in ring.newest_traces(limit=1_000)]
    assert 100 < len(kept) < 600
    assert kept == [f"GET /{number}" for number in range(599, 599 - len(kept), -1)]
    assert {each.name for each in ring.all_spans()} == {*kept}
    ring.database.close()
    assert (tmp_path / "spans.db").stat().st_size < 1_500_000


def test_traces_are_kept_over_a_restart_and_added_to(tmp_path: Path) -> None:
    root = span("GET /posts")
    for each in (root, span("publish", parent=root, start=2.0)):
        ring = SpanStore(tmp_path)
        ring.add(list(decode(message([each]))))
        ring.database.close()
    summary = SpanStore(tmp_path).trace(trace_id(root))
    assert summary is not None
    assert (summary.spans, summary.end_ns - summary.start_ns) == (2, 3_000_000_000)


def test_a_trace_without_an_end_does_not_grow_without_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_store, "MAX_TRACE_SPANS", 10)
    root, ring = span("root"), SpanStore(tmp_path)
    for _ in range(5):
        ring.add(list(decode(message([span("child", parent=root) for _ in range(7)]))))
    assert len(ring.spans_of(trace_id(root))) == 10


@pytest.mark.parametrize("while_open", [False, True])
def test_a_damaged_file_is_moved_aside_and_a_new_one_begins(
    tmp_path: Path, while_open: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ring = SpanStore(tmp_path)
    spans = list(decode(message(list(simple_traces(200, size=500)))))
    ring.add(spans)
    if not while_open:
        ring.database.close()
        ring = SpanStore(tmp_path)
    else:
        with ring.database.writing() as connection:
            connection.execute("PRAGMA cache_size = 1")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = tmp_path / "spans.db"
    content = bytearray(path.read_bytes())
    content[100:] = b"\xaa" * (len(content) - 100)
    with path.open("r+b") as file:
        file.write(content)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):  # the batch that meets the damage may be lost: its sender tries again
            try:
                ring.add(spans)
                break
            except sqlite3.DatabaseError:
                pass
    assert len(ring.newest_traces(limit=1_000)) == 200
    assert (tmp_path / "spans.db.damaged").exists()
    assert "moved to" in caplog.text


# ── queries ─────────────────────────────────────────────────────────────────────────────────────


def test_filters_choose_by_service_text_duration_and_errors(sources: Sources) -> None:
    slow = span("GET /slow", "gateway", seconds=5, start=1)
    called = span("GET /cards", "feed", slow, error="boom", attributes={"user.name": "Zoe"})
    quick = span("GET /quick", "gateway", seconds=0.01, start=2)
    store(sources, [slow, called, quick])
    assert names(sources) == ["GET /quick", "GET /slow"]
    assert names(sources, limit=1) == ["GET /quick"]
    assert names(sources, service="feed") == ["GET /slow"]
    assert names(sources, service="fee") == []
    assert names(sources, text="zoe") == ["GET /slow"]
    assert names(sources, text="QUICK") == ["GET /quick"]
    assert names(sources, text=trace_id(quick)) == ["GET /quick"]
    assert names(sources, min_ms=100) == ["GET /slow"]
    assert names(sources, errors=True) == ["GET /slow"]


def test_a_trace_is_a_tree_with_self_times(sources: Sources) -> None:
    root = span("root", "gateway", seconds=10)
    first = span("first", "posts", root, start=1, seconds=4)
    overlapping = span("overlapping", "feed", root, start=3, seconds=4)
    late = span("late", "feed", root, start=9, seconds=5)  # goes on after its parent has ended
    inner = span("inner", "posts", first, start=2, seconds=1)
    lost = span("lost", "media", span("never sent", parent=root), start=2, seconds=1)
    store(sources, [late, inner, lost, overlapping, first, root])
    tree = find_trace(sources, trace_id(root))
    assert tree is not None
    assert [(each.name, each.depth, each.self_ms) for each in tree.spans] == [
        ("root", 0, 3_000),
        ("first", 1, 3_000),
        ("inner", 2, 1_000),
        ("overlapping", 1, 4_000),
        ("late", 1, 5_000),
        ("lost", 0, 1_000),
    ]
    assert tree.summary.services == ("feed", "gateway", "media", "posts")
    assert tree.is_complete


async def test_following_yields_a_trace_again_when_it_grows(settings: Settings) -> None:
    from tools.dashboard.queries.traces import follow_traces

    sources, root = Sources.create(settings), span("root")
    store(sources, [root])
    coming = follow_traces(sources, TraceFilter())
    assert (await anext(coming)).spans == 1
    store(sources, [span("child", parent=root)])
    assert (await anext(coming)).spans == 2
