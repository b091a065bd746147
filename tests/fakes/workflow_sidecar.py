"""A sidecar that hands out work of the workflow engine, over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from dapr.ext.workflow._durabletask.internal import helpers, protos
from dapr.ext.workflow._durabletask.internal import orchestrator_service_pb2_grpc as rpc
from google.protobuf.empty_pb2 import Empty


class WorkflowSidecar(rpc.TaskHubSidecarServiceServicer):
    """Hands out what is put in `work`, and keeps the answers. None in `work` ends the stream.

    `max_length` is how many bytes an answer may have. `refuses` makes it take none; `busy` is how
    many of the next ones it does not take.
    """

    def __init__(self) -> None:
        self.work: asyncio.Queue[Any] = asyncio.Queue()
        self.answers: asyncio.Queue[Any] = asyncio.Queue()
        self.tokens: list[str] = []
        self.streams = 0
        self.max_length = 1_000_000
        self.refuses = False
        self.busy = 0
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[WorkflowSidecar]:
        server = grpc.aio.server()
        rpc.add_TaskHubSidecarServiceServicer_to_server(self, server)  # type: ignore[no-untyped-call]
        self.port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield self
        finally:
            await server.stop(None)

    async def Hello(self, _: Any, context: Any) -> Any:  # noqa: N802
        self._note_token(context)
        return Empty()

    async def GetWorkItems(self, _: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        self._note_token(context)
        self.streams += 1
        while (item := await self.work.get()) is not None:
            yield item

    async def CompleteOrchestratorTask(self, answer: Any, context: Any) -> Any:  # noqa: N802
        return await self._keep(answer, context)

    async def CompleteActivityTask(self, answer: Any, context: Any) -> Any:  # noqa: N802
        return await self._keep(answer, context)

    async def _keep(self, answer: Any, context: Any) -> Any:
        self._note_token(context)
        if self.refuses:
            await context.abort(grpc.StatusCode.UNKNOWN, "unknown instance ID/task ID combo")
        if self.busy:
            self.busy -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        if answer.ByteSize() > self.max_length:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max")
        self.answers.put_nowait(answer)
        return protos.CompleteTaskResponse()

    def _note_token(self, context: Any) -> None:
        self.tokens += [v for k, v in context.invocation_metadata() if k == "dapr-api-token"]


def first_turn(workflow: str, id: str, input: str) -> Any:
    """The first turn of a workflow, with an encoded input."""
    events = [
        helpers.new_workflow_started_event(),
        helpers.new_execution_started_event(workflow, id, input),
    ]
    request = protos.WorkflowRequest(instanceId=id, newEvents=events)
    return protos.WorkItem(workflowRequest=request, completionToken=f"token of {id}")


def activity(name: str, input: str, traceparent: str = "") -> Any:
    """An activity, with an encoded input."""
    request = protos.ActivityRequest(
        name=name,
        input=helpers.get_string_value(input),
        taskId=7,
        workflowInstance=protos.WorkflowInstance(instanceId="one"),
        parentTraceContext=protos.TraceContext(traceParent=traceparent),
    )
    return protos.WorkItem(activityRequest=request, completionToken=f"token of {name}")
