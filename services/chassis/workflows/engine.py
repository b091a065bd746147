"""Workflows: plans that go on where they were, whatever dies, run by the sidecar's own engine.

    workflows = Workflows(service)
    workflows.does("reserve", reserve)         # async def reserve(given) -> what JSON can say
    workflows.runs("checkout", checkout)       # see plans.py
    await workflows.start("checkout", order_id, order_id)

Activities run on the service's own event loop, beside its requests. The SDK's worker has a thread
and a loop of its own: it blocks while it connects, and nothing of ours may wait for a sidecar at
start. It is begun once the sidecar is ready, and anew should it ever end.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Literal, Protocol

from services.chassis import telemetry
from services.chassis.dapr.client import ActorStatus, DaprClient
from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable
from services.chassis.service import Service
from services.chassis.workflows.plan import (
    Activity,
    CallActivity,
    ContinueAsNew,
    Json,
    Plan,
    RetryPolicy,
    Sleep,
    Step,
    StepFailed,
    WaitForEvent,
    Workflow,
)

DEADLINE = 10.0
"""Seconds in which the sidecar must answer what is asked of its engine."""

_LOOK = 0.5
"""Seconds between two looks at whether the sidecar is ready, and the worker alive."""

_STOP = 1.5

_HEARING = 2.0
"""Seconds between two looks at whether the engine hands out work."""

_DEAF = 5
"""So many looks in a row at which it does not, and the sidecar is to be started anew."""

PLACEMENT, SCHEDULER = "placement service", "scheduler"

SILENT = (
    "The workflow engine does not answer. The log of this service's sidecar says why; "
    "`./tye-like-run.sh ps` shows whether placement and scheduler run."
)

log = logging.getLogger(__name__)

Status = Literal["running", "completed", "failed", "terminated"]


@dataclass(frozen=True, slots=True)
class WorkflowStatus:
    """How far a workflow is: what it came to, or why it failed."""

    status: Status
    output: Json = None
    why: str = ""

    @property
    def is_over(self) -> bool:
        return self.status != "running"


class WorkflowEngine(Protocol):
    """The port behind which workflows are run: the sidecar's, or a fake with the same suite."""

    async def __aenter__(self) -> WorkflowEngine: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def is_ready(self) -> bool: ...

    @property
    def problem(self) -> str: ...

    async def start(self, workflow: str, id: str, given: Json) -> None: ...

    async def find(self, id: str) -> WorkflowStatus | None: ...

    async def raise_event(self, id: str, event: str, data: Json) -> None: ...

    async def terminate(self, id: str) -> None: ...

    async def purge(self, id: str) -> None: ...


class Workflows:
    """The workflows of one service, and what they may have done."""

    def __init__(self, service: Service) -> None:
        self._activities: dict[str, Activity] = {}
        self._workflows: dict[str, Workflow] = {}
        self._is_silent = False
        self._engine: WorkflowEngine = make_engine(service, self._activities, self._workflows)
        service.manage(self._engine)

    def register_activity(self, name: str, activity: Activity) -> None:
        """Say how an activity is done."""
        self._activities[name] = activity

    def register_workflow(self, name: str, workflow: Workflow) -> None:
        """Say what a workflow is."""
        self._workflows[name] = workflow

    @property
    def is_ready(self) -> bool:
        """Whether the engine hands work to this process."""
        return self._engine.is_ready

    @property
    def problem(self) -> str:
        """Why no workflow is run now, and what to do, in whole sentences; empty if all is well."""
        return self._engine.problem or (SILENT if self._is_silent else "")

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Note whether the engine has done what it was asked for, as long as somebody waited."""
        try:
            yield
        except (ServiceError, asyncio.CancelledError):
            self._is_silent = True
            raise
        self._is_silent = False

    async def start(
        self, workflow: str, id: str, given: Json = None, *, fresh: bool = False
    ) -> None:
        """Have a workflow run, unless there is one of this id: also one that is over.

        Two of the same id may be started only where the first has been purged, or in the moment in
        which it ends. `fresh` says that there is likely none, and saves the question.
        """
        with self._noting():
            if fresh or await self._engine.find(id) is None:
                await self._engine.start(workflow, id, given)

    async def restart(self, workflow: str, id: str, given: Json = None) -> None:
        """Have a workflow run, unless one of this id is running."""
        with self._noting():
            run = await self._engine.find(id)
            if run is None or run.is_over:
                await self._engine.start(workflow, id, given)

    async def find(self, id: str) -> WorkflowStatus | None:
        """How far a workflow is; None where there is none of this id."""
        return await self._engine.find(id)

    async def raise_event(self, id: str, event: str, data: Json = None) -> None:
        """Give a workflow an event; one that is over or unknown hears nothing."""
        await self._engine.raise_event(id, event, data)

    async def terminate(self, id: str) -> None:
        """End a workflow where it is. What an activity of it is doing, goes on."""
        await self._engine.terminate(id)

    async def purge(self, id: str) -> None:
        """Forget a workflow that is over."""
        await self._engine.purge(id)


class DaprEngine:
    """The engine in the sidecar, over gRPC."""

    def __init__(
        self,
        port: int,
        token: str,
        sidecar: DaprClient,
        activities: dict[str, Activity],
        workflows: dict[str, Workflow],
    ) -> None:
        self._port = port
        self._token = token
        self._sidecar = sidecar
        self._activities = activities
        self._workflows = workflows
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Any = None
        self._runtime: Any = None
        self._ready = False
        self._trouble = ""
        self._watches: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> DaprEngine:
        from dapr import conf
        from dapr.ext.workflow.aio import DaprWorkflowClient

        settings: Any = conf.settings
        settings.DAPR_API_TOKEN = self._token
        settings.DAPR_API_TIMEOUT_SECONDS = DEADLINE
        self._loop = asyncio.get_running_loop()
        self._client = DaprWorkflowClient("127.0.0.1", str(self._port), _quiet())
        self._watches = [
            asyncio.create_task(self._keep_working()),
            asyncio.create_task(self._keep_heard()),
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ready = False
        for watch in self._watches:
            watch.cancel()
        stopping = asyncio.to_thread(self._runtime.shutdown) if self._runtime else asyncio.sleep(0)
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping, _STOP)
        # The SDK's client cannot be closed by itself.
        await self._client._DaprWorkflowClient__obj.aclose()

    @property
    def is_ready(self) -> bool:
        return self._ready

    @property
    def problem(self) -> str:
        """What the sidecar lacks for its engine to run."""
        return self._trouble

    # ── what is asked of the engine ─────────────────────────────────────────────────────────

    async def start(self, workflow: str, id: str, given: Json) -> None:
        async with _asking():
            await self._client.schedule_new_workflow(workflow, input=given, instance_id=id)

    async def find(self, id: str) -> WorkflowStatus | None:
        async with _asking():
            state = await self._client.get_workflow_state(id, fetch_payloads=True)
        return _run_of(state) if state else None

    async def raise_event(self, id: str, event: str, data: Json) -> None:
        async with _asking():
            await self._client.raise_workflow_event(id, event, data=data)

    async def terminate(self, id: str) -> None:
        async with _asking():
            await self._client.terminate_workflow(id)

    async def purge(self, id: str) -> None:
        async with _asking():
            await self._client.purge_workflow(id)

    # ── the worker ──────────────────────────────────────────────────────────────────────────

    async def _keep_working(self) -> None:
        while True:
            if not _is_working():
                self._ready = False
                if await self._sidecar.is_ready():
                    await self._work()
            await asyncio.sleep(_LOOK)

    async def _keep_heard(self) -> None:
        """Know what the engine lacks, and have a sidecar that is stuck started anew.

        When the last worker goes, dapr 1.18 takes its actors away and waits for what they do. One
        that waits for a worker waits for ever, and the worker that comes back is given nothing
        (docs/dapr-notes.md, 19).
        """
        deaf = 0
        while True:
            await asyncio.sleep(_HEARING)
            actors = await self._actors() if self._ready else None
            if actors is not None:
                self._note(missing(actors))
            deaf = deaf + 1 if actors is not None and self._is_deaf(actors) else 0
            if deaf == _DEAF:
                log.warning("the workflow engine is stuck: the sidecar is asked to end")
                with suppress(ServiceError):
                    await self._sidecar.shut_down()
                deaf = 0

    async def _actors(self) -> ActorStatus | None:
        try:
            return await self._sidecar.actors()
        except ServiceError:
            return None

    def _note(self, trouble: str) -> None:
        """Keep what the engine lacks, and say so once."""
        if trouble and trouble != self._trouble:
            log.warning("no workflows are run", extra={"why": trouble})
        elif self._trouble and not trouble:
            log.info("workflows are run again")
        self._trouble = trouble

    def _is_deaf(self, actors: ActorStatus) -> bool:
        """Whether the engine has no actors, though there is a worker and all that it needs."""
        return not self._trouble and not any(type.endswith(".workflow") for type in actors.types)

    async def _work(self) -> None:
        from dapr.ext.workflow import WorkflowRuntime

        self._runtime = runtime = WorkflowRuntime("127.0.0.1", str(self._port), _quiet())
        for name, activity in self._activities.items():
            runtime.register_activity(self._callable(activity), name=name)
        for name, workflow in self._workflows.items():
            runtime.register_workflow(_interpreter(workflow), name=name)
        try:
            await asyncio.to_thread(runtime.start)
        except RuntimeError as error:
            log.warning("cannot take up workflows yet", extra={"why": str(error)})
            return
        self._ready = True
        log.info("workflows are taken up")

    def _callable(self, activity: Activity) -> Any:
        """An activity as the worker calls it, from its own loop in its own thread."""
        loop = self._loop
        if loop is None:
            raise RuntimeError("the engine is not entered")

        async def here(given: Any) -> Any:
            telemetry.start_trace({})
            return await activity(given)

        async def call(_: Any, given: Any) -> Any:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(here(given), loop))

        return call


def make_engine(
    service: Service, activities: dict[str, Activity], workflows: dict[str, Workflow]
) -> WorkflowEngine:
    """The engine in a service's own sidecar."""
    settings, sidecar = service.settings, service.sidecar
    token = settings.dapr_api_token.get_secret_value()
    return DaprEngine(settings.dapr_grpc_port, token, sidecar, activities, workflows)


def missing(actors: ActorStatus) -> str:
    """What keeps workflows from being run, and what to do; empty where nothing does."""
    if actors.has_placement and actors.has_scheduler:
        return ""
    return lacking(SCHEDULER if actors.has_placement else PLACEMENT)


def lacking(what: str) -> str:
    """In words that what the engine needs cannot be reached, and what to do."""
    return (
        f"The workflow engine cannot be reached: the sidecar has no connection to a {what}. "
        "Placement and scheduler must run where the sidecar is told that they are: start them "
        "with `./tye-like-run.sh infra up` for a plain `dapr run -f .`; `./tye-like-run.sh` alone "
        "starts them itself."
    )


def _is_working() -> bool:
    """Whether the SDK's worker, of which a process has one, is alive."""
    return any(thread.name == "WorkerRunLoop" for thread in threading.enumerate())


def _quiet() -> Any:
    """What the SDK says goes the way of all logs, from warnings up."""
    from dapr.ext.workflow.logger import LoggerOptions

    for name in ("client", "worker"):
        logging.getLogger(f"durabletask-{name}").setLevel(logging.WARNING)
    for name in ("DaprWorkflowClient", "DaprWorkflowContext", "WorkflowRuntime"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return LoggerOptions(log_level="WARNING", log_handler=logging.NullHandler())


@asynccontextmanager
async def _asking() -> AsyncIterator[None]:
    """Gives the engine a deadline, and its errors our names."""
    import grpc

    try:
        async with asyncio.timeout(DEADLINE):
            yield
    except TimeoutError as error:
        raise OutcomeUnknown(SILENT) from error
    except grpc.aio.AioRpcError as error:
        failure = _failure(error.code().name, error.details() or "")
        if failure is not None:
            raise failure from error


def _failure(code: str, details: str) -> ServiceError | None:
    """What a refusal means; None for one that only says that it is so already."""
    lowered = details.lower()
    if code == "ALREADY_EXISTS" or "already exists" in lowered:
        return None
    if code == "NOT_FOUND" or "no such instance" in lowered:
        return None
    if code == "UNAVAILABLE" and "connect" in lowered:
        return Unavailable(f"The workflow engine cannot be reached: {details}")
    return OutcomeUnknown(f"The workflow engine: {code}: {details}")


def _run_of(state: Any) -> WorkflowStatus:
    import orjson

    name = state.runtime_status.name
    output = orjson.loads(state.serialized_output) if state.serialized_output else None
    why = state.failure_details.message if state.failure_details else ""
    if name in ("COMPLETED", "FAILED", "TERMINATED"):
        return WorkflowStatus(name.lower(), output, why)
    return WorkflowStatus("running")


# ── plans on the SDK ────────────────────────────────────────────────────────────────────────────


def _interpreter(workflow: Workflow) -> Any:
    """A plan as the SDK runs it: each step a task, each answer sent to the plan."""

    def run(context: Any, given: Any) -> Any:
        plan = workflow(given)
        answer: Any = None
        failure: StepFailed | None = None
        while True:
            try:
                step = plan.throw(failure) if failure else plan.send(answer)
            except StopIteration as end:
                return _end(context, end.value)
            answer, failure = yield from _taken(context, step)

    return run


def _end(context: Any, value: Any) -> Any:
    if isinstance(value, ContinueAsNew):
        context.continue_as_new(value.given)
        return None
    return value


def _taken(context: Any, step: Step) -> Any:
    from dapr.ext.workflow._durabletask.task import TaskFailedError

    try:
        return (yield _task(context, step)), None
    except TaskFailedError as error:
        name = step.activity if isinstance(step, CallActivity) else type(step).__name__
        return None, StepFailed(name, error.details.error_type, error.details.message)
    except TimeoutError:
        name = step.event if isinstance(step, WaitForEvent) else type(step).__name__
        return None, StepFailed(name, "timeout", "The event did not come.")


def _task(context: Any, step: Step) -> Any:
    match step:
        case CallActivity(activity, given, retry):
            return context.call_activity(activity, input=given, retry_policy=_policy(retry))
        case Sleep(seconds):
            return context.create_timer(timedelta(seconds=seconds))
        case WaitForEvent(event, seconds):
            return context.wait_for_external_event(event, timeout=timedelta(seconds=seconds))


def _policy(retry: RetryPolicy) -> Any:
    from dapr.ext.workflow import RetryPolicy

    if retry.attempts == 1:
        return None
    return RetryPolicy(
        first_retry_interval=timedelta(seconds=retry.first),
        max_number_of_attempts=retry.attempts,
        backoff_coefficient=retry.factor,
        max_retry_interval=timedelta(seconds=retry.longest),
    )


__all__ = ["DaprEngine", "Plan", "WorkflowEngine", "WorkflowStatus", "Workflows"]
