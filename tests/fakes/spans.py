"""Records spans in memory, as they would be exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.chassis import telemetry, tracing
from services.chassis.span_recorder import SpanRecorder


class RecordedSpans:
    """The spans that have ended, in that order."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        """The only span of a name."""
        found = self.named(name)
        assert len(found) == 1, [span.name for span in self.all()]
        return found[0]

    def names(self) -> list[str]:
        return [span.name for span in self.all()]

    def parent(self, span: ReadableSpan) -> str:
        """The name of a span's parent; empty if it is a root, or its parent is not here."""
        known = {each.context.span_id: each.name for each in self.all()}
        return known.get(span.parent.span_id, "") if span.parent else ""


@contextmanager
def recorded_spans(ratio: float = 1.0) -> Iterator[RecordedSpans]:
    """Record spans in this process, and sample a share of new traces."""
    exporter = InMemorySpanExporter()
    telemetry.resume(None)
    tracing.start(SpanRecorder("test", SimpleSpanProcessor(exporter)), ratio)
    try:
        yield RecordedSpans(exporter)
    finally:
        tracing.stop()


def trace_id(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}"
