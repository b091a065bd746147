"""Uses of private names of the Dapr SDK. All of them are in this file.

`CHECKED_RELEASE` is the release that they were checked against. tests/unit/chassis/test_sdk.py
fails if another one is installed, or a name is missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any, Self

CHECKED_RELEASE = "1.18.3"

CALL_TIMEOUT = 10.0
"""Seconds within which the engine must take an answer."""


class Programs:
    """Workflows and activities, registered in the SDK's runtime and run by its worker's parts.

    The worker is never started: it would read the engine's stream in threads of its own.
    """

    def __init__(self) -> None:
        from dapr.ext.workflow import WorkflowRuntime

        self.runtime = WorkflowRuntime(logger_options=logger_options())
        self._worker: Any = self.runtime._WorkflowRuntime__worker  # type: ignore[attr-defined]

    def run_turn(self, item: Any) -> Any:
        """Replay the workflow of a work item. Gives the answer, also if the workflow fails."""
        turn = _Turn()
        self._worker._execute_orchestrator(item.workflowRequest, turn, item.completionToken)
        return turn.response

    async def run_activity(self, item: Any) -> Any:
        """Run the activity of a work item. Gives the answer, also if the activity fails."""
        worker, request, token = self._worker, item.activityRequest, item.completionToken
        instance = request.workflowInstance.instanceId
        try:
            result = await worker._activity_executor.execute_async(
                worker._registry.get_activity(request.name),
                instance,
                request.name,
                request.taskId,
                request.input.value,
                request.taskExecutionId,
                propagated_history=worker._propagated_history(request),
            )
            return worker._build_activity_result_response(request, instance, result, token)
        except Exception as error:
            return worker._build_activity_failure_response(request, instance, error, token)

    def oversized_activity(self, response: Any, why: str) -> Any:
        """The answer in the place of an activity's that is too large: the activity fails."""
        return self._worker._build_activity_failure_response(
            response, response.instanceId, _oversized(why), response.completionToken
        )


class _Turn:
    """Takes the answer that the SDK's worker makes, in the place of its connection."""

    response: Any = None

    def CompleteOrchestratorTask(self, response: Any) -> None:  # noqa: N802 (the name of the call)
        self.response = response


def oversized_turn(response: Any, why: str) -> Any:
    """The answer in the place of a turn's that is too large: the workflow fails."""
    from dapr.ext.workflow._durabletask.internal import helpers, protos

    status: Any = protos.ORCHESTRATION_STATUS_FAILED
    reason = helpers.new_failure_details(_oversized(why))
    return protos.WorkflowResponse(
        instanceId=response.instanceId,
        actions=[helpers.new_complete_workflow_action(-1, status, "", reason)],
        completionToken=response.completionToken,
    )


def _oversized(why: str) -> Exception:
    return RuntimeError(f"The engine takes no message so large: {why}")


class EngineConnection:
    """A connection to the engine: the calls of a worker, each with the sidecar's token.

    `is_closed` says that its work is over: the engine hands it out again on another one.
    """

    def __init__(self, port: int, token: str) -> None:
        from dapr.ext.workflow._durabletask.aio.internal.shared import get_grpc_aio_channel
        from dapr.ext.workflow._durabletask.internal import orchestrator_service_pb2_grpc as rpc
        from dapr.ext.workflow._durabletask.internal.shared import DEFAULT_GRPC_KEEPALIVE_OPTIONS

        self._channel: Any = get_grpc_aio_channel(
            f"127.0.0.1:{port}", options=DEFAULT_GRPC_KEEPALIVE_OPTIONS
        )
        self._stub: Any = rpc.TaskHubSidecarServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self._metadata = (("dapr-api-token", token),) if token else ()
        self._stream: Any = None
        self.is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.is_closed = True
        await self._channel.close()

    def end(self) -> None:
        """End `work_items`, and with them the work of this connection."""
        if not self.is_closed:
            self.is_closed = True
            self._stream.cancel()

    async def hello(self) -> None:
        """Raises `grpc.aio.AioRpcError` if the engine cannot be reached."""
        from google.protobuf.empty_pb2 import Empty

        await self._stub.Hello(Empty(), metadata=self._metadata, timeout=CALL_TIMEOUT)

    async def work_items(self) -> AsyncIterator[Any]:
        """What there is to do, for as long as the stream lasts."""
        from dapr.ext.workflow._durabletask.internal import protos

        request = protos.GetWorkItemsRequest()
        self._stream = self._stub.GetWorkItems(request, metadata=self._metadata)
        try:
            async for item in self._stream:
                yield item
        except asyncio.CancelledError:  # of the stream, by `end`; or of who reads it
            task = asyncio.current_task()
            if not self.is_closed or (task and task.cancelling()):
                raise

    async def complete_turn(self, response: Any) -> None:
        """Send the answer to a turn. Raises `grpc.aio.AioRpcError`."""
        call = self._stub.CompleteOrchestratorTask
        await call(response, metadata=self._metadata, timeout=CALL_TIMEOUT)

    async def complete_activity(self, response: Any) -> None:
        """Send the answer to an activity. Raises `grpc.aio.AioRpcError`."""
        call = self._stub.CompleteActivityTask
        await call(response, metadata=self._metadata, timeout=CALL_TIMEOUT)


async def close(client: Any) -> None:
    """Close the channel of a `DaprWorkflowClient`, which has no public way to do so."""
    await client._DaprWorkflowClient__obj.aclose()


def add_interceptor(client: Any, interceptor: Any) -> None:
    """Add one to a `DaprWorkflowClient` that has made no call yet."""
    client._DaprWorkflowClient__obj._interceptors.append(interceptor)


def task_failed_error() -> type[Any]:
    """The exception by which a task that failed reaches a workflow function."""
    from dapr.ext.workflow._durabletask.task import TaskFailedError

    failed: type[Any] = TaskFailedError
    return failed


def logger_options() -> Any:
    """Options by which the SDK logs as the service does, from warnings up."""
    from dapr.ext.workflow.logger import LoggerOptions

    for name in ("client", "worker"):
        logging.getLogger(f"durabletask-{name}").setLevel(logging.WARNING)
    for name in ("DaprWorkflowClient", "DaprWorkflowContext", "WorkflowRuntime"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return LoggerOptions(log_level="WARNING", log_handler=logging.NullHandler())
