"""Which traces are sampled, and which spans they have."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from services.chassis import telemetry, tracing
from services.chassis.dapr.call_groups import CallGroups, Request
from services.chassis.errors import Unavailable
from services.chassis.http.middleware import SidecarMiddleware
from services.chassis.http.responses import exception_handler, render_error
from services.chassis.periodic import BackgroundWork
from services.chassis.sampling import MAX_TRACES_PER_SECOND, RateBound, Sampler
from services.chassis.tracing import MAX_CAUSES
from tests.fakes import asgi
from tests.fakes.spans import RecordedSpans, recorded_spans, trace_id

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"


@pytest.fixture
def spans() -> Iterator[RecordedSpans]:
    with recorded_spans() as recorded:
        yield recorded


class Clock:
    def __init__(self) -> None:
        self.now = 1.0

    def __call__(self) -> float:
        return self.now


# ── the decision ────────────────────────────────────────────────────────────────────────────


def test_a_share_of_new_traces_is_sampled() -> None:
    clock = Clock()
    assert not any(Sampler(0.0, clock).sample() for _ in range(1_000))
    sampler, sampled = Sampler(0.5, clock), 0
    for _ in range(1_000):
        clock.now += 1
        sampled += sampler.sample()
    assert 400 < sampled < 600


def test_load_does_not_raise_the_number_of_traces_above_its_bound() -> None:
    clock = Clock()
    sampler = Sampler(1.0, clock)
    assert sum(sampler.sample() for _ in range(500)) == MAX_TRACES_PER_SECOND
    clock.now += 1
    assert sum(sampler.sample() for _ in range(500)) == MAX_TRACES_PER_SECOND


def test_without_tracing_nothing_is_sampled_and_no_span_is_made() -> None:
    assert not tracing.sample()
    telemetry.start_trace({"traceparent": SAMPLED})
    assert tracing.span() is tracing.NO_SPAN
    assert tracing.work("x") is tracing.NO_SPAN


def test_the_number_of_spans_has_a_bound(
    spans: RecordedSpans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "_spans", RateBound(3, Clock()))
    telemetry.start_trace({"traceparent": SAMPLED})
    for _ in range(10):
        with tracing.span():
            pass
    assert len(spans.all()) == 3


# ── requests ────────────────────────────────────────────────────────────────────────────────


def app_of(respond: Any, *, public: bool = False) -> SidecarMiddleware:
    handle = exception_handler(render_error)
    return SidecarMiddleware(respond, "token", public=public, insecure=False, handle=handle)


async def get(app: SidecarMiddleware, path: str = "/x", **headers: str) -> asgi.Response:
    return await asgi.call(app, "GET", path, headers=headers)


def responding(status: int = 200, content_type: str = "text/plain", seen: Any = None) -> Any:
    async def respond(scope: Any, _: Any, send: Any) -> None:
        if seen is not None:
            seen.append(telemetry.current())
        headers = [(b"content-type", content_type.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return respond


async def test_a_client_cannot_choose_its_trace_or_that_it_is_sampled(
    spans: RecordedSpans,
) -> None:
    seen: list[telemetry.Trace] = []
    app = app_of(responding(seen=seen), public=True)
    for _ in range(MAX_TRACES_PER_SECOND * 5):
        await get(app, traceparent=SAMPLED, tracestate="a=b")
    assert TRACE not in {trace.trace_id for trace in seen}
    assert {trace.tracestate for trace in seen} == {""}
    # The test may last longer than a second, in which as many more are sampled.
    assert len(spans.all()) < len(seen)
    assert all(span.parent is None for span in spans.all())
    sampled = {trace.trace_id for trace in seen if trace.is_sampled}
    assert {trace_id(span) for span in spans.all()} == sampled


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/static/a.js"])
async def test_health_checks_scrapes_and_static_files_begin_no_trace(
    path: str, spans: RecordedSpans
) -> None:
    await get(app_of(responding(), public=True), path)
    assert spans.all() == []


async def test_a_service_follows_the_decision_of_its_caller(spans: RecordedSpans) -> None:
    seen: list[telemetry.Trace] = []
    app = app_of(responding(seen=seen))
    for given in (SAMPLED, UNSAMPLED, ""):
        await get(app, **{"dapr-api-token": "token", "traceparent": given})
    (span,) = spans.all()
    assert trace_id(span) == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == SPAN
    assert [trace.is_sampled for trace in seen] == [True, False, False]
    assert [trace.trace_id == TRACE for trace in seen] == [True, True, False]
    assert seen[0].span_id == f"{span.context.span_id:016x}"


async def test_a_program_with_the_token_of_the_sidecar_begins_a_trace(
    spans: RecordedSpans,
) -> None:
    app = app_of(responding(), public=True)
    await get(app, **{"dapr-api-token": "token"})
    await get(app, **{"dapr-api-token": "token", "traceparent": UNSAMPLED})
    await get(app_of(responding()), **{"dapr-api-token": "token"})
    assert len(spans.all()) == 1


async def test_a_response_has_the_request_id_of_its_trace(spans: RecordedSpans) -> None:
    answer = await get(app_of(responding(), public=True))
    assert answer.headers["x-request-id"] == trace_id(spans.one("GET"))[:16]


async def test_a_failed_request_says_so_without_its_text(spans: RecordedSpans) -> None:
    async def fail(*_: Any) -> None:
        raise ValueError("a secret")

    await get(app_of(fail, public=True), "/x?token=secret")
    span = spans.one("GET")
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 500,
        "error.type": "500",
    }
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert "secret" not in span.to_json()


async def test_a_refused_request_is_no_error_of_the_service(spans: RecordedSpans) -> None:
    await get(app_of(responding(404), public=True))
    assert spans.one("GET").status.status_code == StatusCode.UNSET


async def test_the_span_of_a_stream_ends_when_the_stream_begins(spans: RecordedSpans) -> None:
    ended: list[int] = []

    async def stream(_: Any, __: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        ended.append(len(spans.all()))
        await send({"type": "http.response.body", "body": b""})

    await get(app_of(stream, public=True))
    assert ended == [1]
    assert len(spans.all()) == 1


# ── spans ───────────────────────────────────────────────────────────────────────────────────


async def test_what_happens_within_a_span_is_below_it(spans: RecordedSpans) -> None:
    trace = telemetry.start_trace({"traceparent": SAMPLED, "x-request-id": "r"})
    trace.user_id = "7"
    with tracing.span() as outer:
        outer.describe("outer", {})
        inside = telemetry.current()
        assert (inside.trace_id, inside.request_id, inside.user_id) == (TRACE, "r", "7")
        with tracing.span() as inner:
            inner.describe("inner", {})
    assert telemetry.current() is trace
    assert spans.parent(spans.one("inner")) == "outer"


async def test_an_exception_is_the_error_of_its_span(spans: RecordedSpans) -> None:
    telemetry.start_trace({"traceparent": SAMPLED})

    def fail() -> None:
        with tracing.span() as span:
            span.describe("failing", {})
            raise Unavailable("of anna@example.org")

    with pytest.raises(Unavailable):
        fail()
    failed = spans.one("failing")
    assert (failed.attributes or {})["error.type"] == "Unavailable"
    assert failed.status.status_code == StatusCode.ERROR
    assert "anna" not in failed.to_json()


def test_something_shared_has_a_span_in_each_trace_that_caused_it(spans: RecordedSpans) -> None:
    causes = [f"00-{number:032x}-{SPAN}-01" for number in range(1, 100)]
    given = [causes[0], *causes, "", "nonsense", UNSAMPLED]
    with tracing.SpanGroup(given, tracing.PRODUCER, "publish posts", {}):
        assert telemetry.current().trace_id == causes[0][3:35]
    assert len(spans.named("publish posts")) == MAX_CAUSES
    assert telemetry.capture() is None


# ── calls that share a request ──────────────────────────────────────────────────────────────


async def test_calls_that_share_a_request_keep_their_spans(spans: RecordedSpans) -> None:
    during: list[telemetry.Trace | None] = []

    async def run(group: list[Request[int]]) -> None:
        during.append(telemetry.capture())
        for request in group:
            request.succeed(request.asked)

    calls = CallGroups(run, lambda span, asked: span.describe(f"call {asked}", {}))

    async def ask(number: int, flags: str) -> None:
        telemetry.start_trace({"traceparent": f"00-{number:032x}-{SPAN}-{flags}"})
        assert await calls.submit(number) == number

    await asyncio.gather(ask(1, "00"), ask(2, "01"), ask(3, "01"))
    assert sorted(spans.names()) == ["call 2", "call 3"]
    first, second = spans.one("call 2"), spans.one("call 3")
    assert [trace_id(span)[-1] for span in (first, second)] == ["2", "3"]
    (trace,) = during
    assert trace is not None
    assert trace.span_id == f"{first.context.span_id:016x}"
    assert [link.context.span_id for link in second.links] == [first.context.span_id]
    assert not first.links


# ── background work ─────────────────────────────────────────────────────────────────────────


async def run_once(work: Any) -> None:
    background = BackgroundWork("sweep", work, interval=60.0)
    running = asyncio.create_task(background.run(at_start=True))
    await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_background_work_has_a_trace_only_if_it_does_something(
    spans: RecordedSpans,
) -> None:
    async def rest() -> None:
        with tracing.span() as span:
            span.describe("poll", {})

    async def act() -> None:
        await rest()
        tracing.note_effect()
        tracing.note_effect()
        with tracing.span() as span:
            span.describe("write", {})

    await run_once(rest)
    assert spans.all() == []
    await run_once(act)
    assert spans.names() == ["write", "work sweep"]
    assert spans.one("work sweep").parent is None
    assert spans.parent(spans.one("write")) == "work sweep"


async def test_background_work_that_fails_has_an_error(spans: RecordedSpans) -> None:
    async def act() -> None:
        tracing.note_effect()
        raise Unavailable("not now")

    await run_once(act)
    assert spans.one("work sweep").status.status_code == StatusCode.ERROR
