"""Passes the trace to the workflow engine.

The engine keeps the trace in which a workflow was started, as long as that is sampled, and tells
the worker the span of each activity (docs/dapr-notes.md, 24).
"""

from __future__ import annotations

from typing import Any

from grpc.aio import ClientCallDetails, UnaryUnaryClientInterceptor

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
