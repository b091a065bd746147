"""Spans reach a receiver of OTLP, and one that is away costs nothing but a line in the log."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from services.chassis import telemetry, tracing
from services.chassis.exporting import FLUSH_TIMEOUT, Exporting
from services.chassis.span_recorder import LoggedExporter
from tests.fakes.otlp import otlp_receiver
from tests.fakes.waiting import until
from tests.unit.chassis.test_tracing import SAMPLED, TRACE


@pytest.fixture(autouse=True)
def exporters_end() -> Iterator[None]:
    """Let no exporter outlive its test, and give the loggers of libraries their levels again.

    An exporter that tries again draws random numbers in its thread. Hypothesis takes these for
    random numbers of a strategy of the next test.
    """
    names = ("opentelemetry", "urllib3")
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for thread in threading.enumerate():
        if "Otel" in thread.name or "SpanRecorder" in thread.name:
            thread.join(30)
            assert not thread.is_alive(), thread.name
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def record(name: str) -> None:
    telemetry.start_trace({"traceparent": SAMPLED})
    with tracing.span(tracing.SERVER) as span:
        span.describe(name, {"http.route": "/x"})
    telemetry.resume(None)


def point_to(monkeypatch: pytest.MonkeyPatch, endpoint: str, bearer: str = "a token") -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{bearer}")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=posts.2")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")


async def test_the_last_spans_are_sent_when_the_service_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with otlp_receiver() as receiver:
        point_to(monkeypatch, receiver.endpoint, "a%20token")
        async with Exporting("posts"):
            record("GET /x")
        await until(lambda: len(receiver.spans()) == 1)
        (span,) = receiver.spans(TRACE)
    assert (span.service, span.instance, span.scope) == ("posts", "posts.2", "microgram")
    assert (span.name, span.attributes) == ("GET /x", {"http.route": "/x"})
    assert not tracing.is_on()


async def test_without_an_endpoint_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    async with Exporting("posts"):
        assert not tracing.is_on()


async def test_the_ratio_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(monkeypatch, "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "some")
    with pytest.raises(SystemExit, match="OTEL_TRACES_SAMPLER_ARG"):
        async with Exporting("posts"):
            pass


class ScriptedExporter(SpanExporter):
    def __init__(self, *results: SpanExportResult) -> None:
        self._results = list(results)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._results.pop(0)


def test_a_receiver_that_is_away_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    works, fails = SpanExportResult.SUCCESS, SpanExportResult.FAILURE
    results = (works, fails, fails, fails, works, works, fails)
    exporter = LoggedExporter(ScriptedExporter(*results), "http://127.0.0.1:1")
    for _ in results:
        exporter.export([])
    assert [record.getMessage() for record in caplog.records] == [
        "spans cannot be exported, and are lost",
        "spans are exported again",
        "spans cannot be exported, and are lost",
    ]


async def test_libraries_log_nothing_of_a_receiver_that_refuses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with otlp_receiver("another") as receiver:
        point_to(monkeypatch, receiver.endpoint)
        async with Exporting("posts"):
            record("GET /x")
        await until(lambda: receiver.refused)
        await until(lambda: caplog.records)
    assert {record.name for record in caplog.records} == {"services.chassis.span_recorder"}


async def test_a_receiver_that_does_not_answer_delays_neither_requests_nor_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        point_to(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        async with Exporting("posts"):
            began = time.process_time()
            for _ in range(tracing.MAX_SPANS_PER_SECOND):
                record("GET /x")
            assert time.process_time() - began < 5
            began = time.monotonic()
        # As long as its bound, and what a busy machine adds; the exporter's own is 3 s.
        assert time.monotonic() - began < FLUSH_TIMEOUT + 2
    assert all(thread.daemon for thread in threading.enumerate() if "Otel" in thread.name)
