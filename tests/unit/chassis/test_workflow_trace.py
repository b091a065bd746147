"""The trace goes to the workflow engine; how it comes back is in test_workflow_worker.py."""

from __future__ import annotations

from typing import Any

import pytest
from grpc.aio import ClientCallDetails

from services.chassis import telemetry
from services.chassis.workflows.trace_context import TraceInterceptor
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
