"""The trace goes to the workflow engine, and comes back to activities."""

from __future__ import annotations

from typing import Any

import pytest
from grpc.aio import ClientCallDetails
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.chassis import telemetry
from services.chassis.workflows.trace_context import (
    ParentProvider,
    TraceInterceptor,
    activity_traceparent,
)
from tests.unit.chassis.test_tracing import SAMPLED, UNSAMPLED


@pytest.mark.parametrize(
    ("given", "sent"),
    [(SAMPLED, [("a", "b"), ("traceparent", SAMPLED)]), (UNSAMPLED, [("a", "b")]), ("", None)],
)
async def test_only_a_sampled_trace_is_told_to_the_engine(given: str, sent: Any) -> None:
    seen: list[Any] = []

    async def call(details: Any, request: Any) -> Any:
        seen.append(list(details.metadata) if details.metadata else None)
        return request

    if given:
        telemetry.start_trace({"traceparent": given})
    metadata = [("a", "b")] if given else None
    details = ClientCallDetails("method", 1.0, metadata, None, None)
    interceptor = TraceInterceptor()
    assert await interceptor.intercept_unary_unary(call, details, "request") == "request"
    assert seen == [sent]


@pytest.mark.parametrize(("given", "taken"), [(SAMPLED, SAMPLED), (UNSAMPLED, ""), ("", "")])
def test_an_activity_is_below_the_span_of_the_engine(given: str, taken: str) -> None:
    """As the SDK's worker calls it."""
    context = TraceContextTextMapPropagator().extract(carrier={"traceparent": given})
    tracer = ParentProvider().get_tracer("sdk")
    with tracer.start_as_current_span("activity: reserve", context=context, attributes={}):
        assert activity_traceparent() == taken
    assert activity_traceparent() == ""
