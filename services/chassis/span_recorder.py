"""Records spans with the SDK of OpenTelemetry, and exports them by OTLP over HTTP.

Only `Exporting` imports this, so that a service without tracing has none of it in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from threading import Thread
from typing import Any

import requests
from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from services.chassis.telemetry import Trace

EXPORT_INTERVAL = 1_000
"""Milliseconds between two exports."""

EXPORT_TIMEOUT = 3.0
"""Seconds of one export with its retries."""

QUEUE_SIZE = 2_048
"""Spans that wait for the export. Beyond that the oldest go."""

BATCH_SIZE = 512

_KINDS = tuple(otel.SpanKind(number) for number in range(5))
_ROOT: ContextVar[Trace | None] = ContextVar("root", default=None)
"""The trace whose root span is started."""

log = logging.getLogger(__name__)


class _IdGenerator(RandomIdGenerator):
    """Gives a root span the ids that its trace has already."""

    def generate_trace_id(self) -> int:
        root = _ROOT.get()
        return int(root.trace_id, 16) if root else super().generate_trace_id()

    def generate_span_id(self) -> int:
        root = _ROOT.get()
        return int(root.span_id, 16) if root else super().generate_span_id()


class SpanRecorder:
    """Starts the spans of a service, and gives those that have ended to a processor."""

    def __init__(self, service: str, processor: SpanProcessor) -> None:
        self._provider = TracerProvider(
            # `tracing` asks only for spans of sampled traces.
            sampler=ALWAYS_ON,
            resource=Resource.create({"service.name": service}),
            shutdown_on_exit=False,
            id_generator=_IdGenerator(),
            span_limits=SpanLimits(max_span_attributes=32, max_links=16, max_events=0),
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("microgram")

    def start(self, trace: Trace, kind: int, began_at: int | None) -> otel.Span:
        """Start a span below the one that a trace names, or the root of a new trace."""
        if trace.is_new:
            token = _ROOT.set(trace)
            try:
                return self._start(otel.INVALID_SPAN, kind, began_at)
            finally:
                _ROOT.reset(token)
        return self._start(otel.NonRecordingSpan(self.context_of(trace)), kind, began_at)

    def _start(self, parent: otel.Span, kind: int, began_at: int | None) -> otel.Span:
        context = otel.set_span_in_context(parent)
        return self._tracer.start_span("", context, _KINDS[kind], start_time=began_at)

    @staticmethod
    def context_of(trace: Trace) -> otel.SpanContext:
        """The span that a trace names, as OpenTelemetry has it."""
        flags = otel.TraceFlags(otel.TraceFlags.SAMPLED if trace.is_sampled else 0)
        return otel.SpanContext(
            int(trace.trace_id, 16), int(trace.span_id, 16), is_remote=True, trace_flags=flags
        )

    @staticmethod
    def traceparent(span: otel.Span) -> str:
        """The `traceparent` of what happens within a span."""
        context = span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"

    @staticmethod
    def fail(span: otel.Span, kind: str) -> None:
        """Give a span an error. Its text is left out: it may say anything."""
        span.set_attribute("error.type", kind)
        span.set_status(otel.StatusCode.ERROR)

    def close(self, on_closed: Callable[[], object]) -> None:
        """Begin to export the last spans; call back, from another thread, when that is done."""

        def run() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the caller waits no more, and its event loop is closed
                on_closed()

        Thread(target=run, name="SpanRecorder.close", daemon=True).start()


def create_processor(endpoint: str) -> SpanProcessor:
    """Exports in a thread to a receiver of OTLP, with the headers of OTEL_EXPORTER_OTLP_HEADERS."""
    for name in ("opentelemetry", "urllib3"):  # else a line for each batch
        logging.getLogger(name).setLevel(logging.CRITICAL)
    session = requests.Session()
    session.trust_env = False  # no proxy, and no netrc, for a receiver that was named
    url = f"{endpoint.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(url, timeout=EXPORT_TIMEOUT, session=session)
    return BatchSpanProcessor(
        LoggedExporter(exporter, endpoint),
        max_queue_size=QUEUE_SIZE,
        schedule_delay_millis=EXPORT_INTERVAL,
        max_export_batch_size=BATCH_SIZE,
    )


class LoggedExporter(SpanExporter):
    """Logs once that spans cannot be exported, and once that they can be again."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export; what cannot be exported is lost."""
        result = self._exporter.export(spans)
        is_failing = result is not SpanExportResult.SUCCESS
        if is_failing != self._is_failing:
            self._is_failing = is_failing
            extra: dict[str, Any] = {"endpoint": self._endpoint}
            if is_failing:
                log.warning("spans cannot be exported, and are lost", extra=extra)
            else:
                log.info("spans are exported again", extra=extra)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
