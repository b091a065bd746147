"""Uses of private names of the Dapr SDK. All of them are in this file.

`CHECKED_RELEASE` is the release that they were checked against. tests/unit/chassis/test_sdk.py
fails if another one is installed, or a name is missing.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

CHECKED_RELEASE = "1.18.3"

_WORKER_THREAD = "WorkerRunLoop"
"""The name of the thread of the SDK's worker, of which a process has one."""


def is_worker_alive() -> bool:
    """Whether the SDK's worker runs. It ends by itself when its stream breaks."""
    return any(thread.name == _WORKER_THREAD for thread in threading.enumerate())


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
