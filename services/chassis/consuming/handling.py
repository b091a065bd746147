"""Handles one event within the trace of the change that it tells of."""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis import telemetry, tracing
from services.chassis.consuming.events import CloudEvent, Handlers


async def handle(
    topic: str, handlers: Handlers, event: CloudEvent, superseded: Sequence[CloudEvent] = ()
) -> None:
    """Run the handlers of an event. Its span is below the change that the event tells of.

    Links lead to the message that brought the event, and to changes of the same document that it
    contains as well (`superseded`). Raises what the handlers raise.
    """
    message = telemetry.capture()
    telemetry.start_trace({"traceparent": event.traceparent})
    with tracing.span(tracing.CONSUMER) as span:
        if isinstance(span, tracing.Span):
            _describe(span, topic, event)
            if message is not None and message.is_sampled:
                span.link(message)
            for each in superseded[: tracing.MAX_CAUSES - 1]:
                if cause := telemetry.sampled_trace(each.traceparent):
                    span.link(cause)
        await handlers.handle(event)


def _describe(span: tracing.Span, topic: str, event: CloudEvent) -> None:
    span.describe(
        f"process {topic}",
        {
            "messaging.system": "dapr",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic,
            "microgram.event.type": event.type,
            "microgram.event.sequence": event.sequence,
        },
    )
