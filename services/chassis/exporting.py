"""The export of spans in a running service, as OpenTelemetry's variables say."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Self

from services.chassis import tracing

FLUSH_TIMEOUT = 0.5
"""Seconds for the last spans at the end of a process."""


class Exporting:
    """Exports spans while it is entered, as OpenTelemetry's variables say; off without them."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")

    async def __aenter__(self) -> Self:
        if self._endpoint:
            from services.chassis.span_recorder import SpanRecorder, create_processor

            ratio = _ratio(os.environ.get("OTEL_TRACES_SAMPLER_ARG", ""))
            tracing.start(SpanRecorder(self._service, create_processor(self._endpoint)), ratio)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send the last spans, within `FLUSH_TIMEOUT`."""
        recorder = tracing.recorder()
        tracing.stop()
        if recorder is None:
            return
        closed = asyncio.Event()
        loop = asyncio.get_running_loop()
        recorder.close(lambda: loop.call_soon_threadsafe(closed.set))
        with suppress(TimeoutError):
            await asyncio.wait_for(closed.wait(), FLUSH_TIMEOUT)


def _ratio(text: str) -> float:
    """The share of OTEL_TRACES_SAMPLER_ARG. Absent it is 1, as OpenTelemetry has it."""
    try:
        return min(1.0, max(0.0, float(text or 1)))
    except ValueError:
        raise SystemExit(f"OTEL_TRACES_SAMPLER_ARG must be from 0 to 1, not {text}.") from None
