"""Takes work from the engine in the sidecar, on the service's own event loop.

It replaces the loop around the SDK's worker, and nothing else (decision 66): the SDK replays
workflows, encodes inputs and results, and makes the answers, also those about what is not
registered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from services.chassis import telemetry, tracing
from services.chassis.workflows import sdk

log = logging.getLogger(__name__)

MAX_CONCURRENT_ACTIVITIES = 200
"""Activities of one process that run at the same time; more wait. The SDK has 100 for each core."""

MAX_SENDS = 3
"""How often an answer is sent that the engine does not take."""

RESEND_PAUSE = 0.5
"""Seconds between two of them."""


class WorkflowWorker:
    """Does the turns of workflows, and activities, for as long as the engine's stream lasts."""

    def __init__(self, port: int, token: str, programs: sdk.Programs) -> None:
        self._port = port
        self._token = token
        self._programs = programs
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_ACTIVITIES)
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, on_connected: Callable[[], None]) -> None:
        """Work until the stream ends. Calls `on_connected` when the engine has answered.

        Whether it hands out work shows only with the first item: it sends nothing before. Raises
        `grpc.aio.AioRpcError` if the engine cannot be reached, or breaks the stream. What runs then
        goes on, but the engine does not take its answer: it hands the work out again.
        """
        async with sdk.EngineConnection(self._port, self._token) as engine:
            await engine.hello()
            on_connected()
            async for item in engine.work_items():
                self._begin(item, engine)

    async def close(self) -> None:
        """Cancel what runs. The engine hands it out again."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _begin(self, item: Any, engine: sdk.EngineConnection) -> None:
        match item.WhichOneof("request"):
            case "workflowRequest":
                self._spawn(self._run_turn(item, engine))
            case "activityRequest":
                self._spawn(self._run_activity(item, engine))
            case other:
                log.warning("the workflow engine sent unknown work", extra={"kind": other})

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run_turn(self, item: Any, engine: sdk.EngineConnection) -> None:
        """Replay a workflow. That has no I/O, so it does not block the loop for long."""
        response = self._programs.run_turn(item)
        await _deliver(engine, engine.complete_turn, response, sdk.oversized_turn)

    async def _run_activity(self, item: Any, engine: sdk.EngineConnection) -> None:
        async with self._slots:
            if engine.is_closed:  # what waited for its turn is handed out again
                return
            traceparent = item.activityRequest.parentTraceContext.traceParent
            telemetry.start_trace({"traceparent": _if_recorded(traceparent)})
            response = await self._programs.run_activity(item)
        oversized = self._programs.oversized_activity
        await _deliver(engine, engine.complete_activity, response, oversized)


async def _deliver(
    engine: sdk.EngineConnection,
    send: Callable[[Any], Awaitable[None]],
    response: Any,
    oversized: Callable[[Any, str], Any],
) -> None:
    """Send an answer. If it is too large, a failure is sent in its place.

    The engine waits for it as long as the stream lives. So an answer that does not arrive is sent
    again, and then ends the stream: the engine hands out again what it has no answer to.
    """
    import grpc

    for _ in range(MAX_SENDS):
        try:
            await send(response)
        except grpc.aio.UsageError as error:  # the stream has ended
            _warn(error)
            return
        except grpc.aio.AioRpcError as error:
            match error.code():
                case grpc.StatusCode.RESOURCE_EXHAUSTED:
                    log.exception("an answer is too large for the workflow engine")
                    response = oversized(response, error.details() or "")
                case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.DEADLINE_EXCEEDED:
                    _warn(error)
                    await asyncio.sleep(RESEND_PAUSE)
                case _:  # the engine does not wait for it
                    _warn(error)
                    return
        else:
            return
    engine.end()


def _warn(error: Exception) -> None:
    log.warning("an answer did not reach the workflow engine", extra={"why": str(error)})


def _if_recorded(traceparent: str) -> str:
    """The span of the engine that an activity is below; empty if nothing is recorded."""
    is_recorded = tracing.is_on() and telemetry.sampled_trace(traceparent) is not None
    return traceparent if is_recorded else ""
