"""Passes the trace to the workflow engine, and takes it back in activities.

The engine keeps the trace in which a workflow was started, as long as that is sampled, and tells
the worker the span of each activity (docs/dapr-notes.md). The SDK makes that the parent of a span
that it starts with OpenTelemetry's global provider. The one below records nothing, and only makes
the engine's span the current one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from grpc.aio import ClientCallDetails, UnaryUnaryClientInterceptor
from opentelemetry import trace

from services.chassis import telemetry


class TraceInterceptor(UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc has no types
    """Adds the `traceparent` of a sampled trace to calls of the engine."""

    async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        """Call the engine."""
        current = telemetry.capture()
        if current is not None and current.is_sampled:
            metadata = [*(details.metadata or ()), ("traceparent", current.traceparent)]
            details = ClientCallDetails(
                details.method,
                details.timeout,
                metadata,
                details.credentials,
                details.wait_for_ready,
            )
        return await continuation(details, request)


class _Tracer(trace.NoOpTracer):
    def start_span(self, name: str, context: Any = None, *args: Any, **kwargs: Any) -> trace.Span:
        return trace.NonRecordingSpan(trace.get_current_span(context).get_span_context())

    @contextmanager
    def start_as_current_span(  # type: ignore[override]  # it has a decorator of its own
        self, name: str, context: Any = None, *args: Any, **kwargs: Any
    ) -> Iterator[trace.Span]:
        with trace.use_span(self.start_span(name, context)) as span:
            yield span


class ParentProvider(trace.TracerProvider):
    """Makes the parent of a span current, instead of a span."""

    def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
        return _Tracer()


def use_spans_of_engine() -> None:
    """Make the span of an activity current where the SDK calls the activity."""
    trace.set_tracer_provider(ParentProvider())


def activity_traceparent() -> str:
    """The `traceparent` of the activity that the SDK calls now; empty if it is not sampled."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
