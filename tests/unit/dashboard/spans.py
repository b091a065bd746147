"""Spans and OTLP messages, made by the SDK as services make them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

SECOND = 1_000_000_000
_IDS = RandomIdGenerator()


def span(
    name: str,
    service: str = "posts",
    parent: ReadableSpan | None = None,
    *,
    kind: SpanKind = SpanKind.SERVER,
    start: float = 0.0,
    seconds: float = 1.0,
    error: str = "",
    instance: str = "",
    at: int = 1_700_000_000 * SECOND,
    attributes: dict[str, Any] | None = None,
) -> ReadableSpan:
    """A span that begins `start` seconds after `at`."""
    trace_id = parent.context.trace_id if parent else _IDS.generate_trace_id()
    resource = {"service.name": service, "service.instance.id": instance or service}
    return ReadableSpan(
        name,
        SpanContext(trace_id, _IDS.generate_span_id(), False, TraceFlags(1)),
        parent=parent.context if parent else None,
        resource=Resource(resource),
        attributes=attributes or {},
        kind=kind,
        status=Status(StatusCode.ERROR, error) if error else Status(),
        start_time=at + int(start * SECOND),
        end_time=at + int((start + seconds) * SECOND),
    )


def trace_id(of: ReadableSpan) -> str:
    return f"{of.context.trace_id:032x}"


def message(spans: Sequence[ReadableSpan]) -> bytes:
    """The body of an export request."""
    return bytes(encode_spans(spans).SerializeToString())


def simple_traces(count: int, size: int = 0) -> Iterable[ReadableSpan]:
    """Many traces of one span, each a second after the one before."""
    for number in range(count):
        yield span(f"GET /{number}", start=number, attributes={"padding": "x" * size})
