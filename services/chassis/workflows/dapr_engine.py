"""The workflow engine in the sidecar, over gRPC.

The worker connects once the sidecar is ready, and again whenever its stream ends: a service does
not wait for its sidecar at start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from services.chassis import tracing
from services.chassis.dapr.client import ActorStatus, DaprClient
from services.chassis.errors import OutcomeUnknown, ServiceError, Unavailable
from services.chassis.service import Service
from services.chassis.workflows import sdk
from services.chassis.workflows.engine import (
    NO_ANSWER,
    WorkflowEngine,
    WorkflowStatus,
    problem_of,
)
from services.chassis.workflows.interpreter import interpret
from services.chassis.workflows.plan import Activity, Json, Workflow
from services.chassis.workflows.worker import WorkflowWorker

log = logging.getLogger(__name__)

ENGINE_TIMEOUT = 10.0
"""Seconds within which the engine must answer."""

WORKER_INTERVAL = 0.5
"""Seconds between two attempts to connect the worker."""

ACTORS_INTERVAL = 2.0
"""Seconds between two checks that the engine has actors, while something is wrong."""

HEALTHY_ACTORS_INTERVAL = 6.0
"""Seconds until the next check after one that found nothing wrong."""

_MAX_CHECKS_WITHOUT_ACTORS = 5
"""After so many checks in a row without actors, the sidecar is restarted."""


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
        self._client: Any = None
        self._worker: WorkflowWorker | None = None
        self._ready = False
        self._problem = ""
        self._checks_without_actors = 0

    async def __aenter__(self) -> DaprEngine:
        from dapr import conf
        from dapr.ext.workflow.aio import DaprWorkflowClient

        settings: Any = conf.settings
        settings.DAPR_API_TOKEN = self._token
        settings.DAPR_API_TIMEOUT_SECONDS = ENGINE_TIMEOUT
        self._client = DaprWorkflowClient("127.0.0.1", str(self._port), sdk.logger_options())
        if tracing.is_on():
            from services.chassis.workflows import trace_context

            sdk.add_interceptor(self._client, trace_context.TraceInterceptor())
        self._worker = WorkflowWorker(self._port, self._token, self._programs())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._worker is not None:
            await self._worker.close()
        await sdk.close(self._client)

    @property
    def is_ready(self) -> bool:
        return self._ready

    @property
    def problem(self) -> str:
        """What the engine has no connection to, and what to do; empty if all is well."""
        return self._problem

    # ── calls of the engine ─────────────────────────────────────────────────────────────────

    async def start(self, workflow: str, id: str, input: Json) -> None:
        async with _engine_call():
            await self._client.schedule_new_workflow(workflow, input=input, instance_id=id)

    async def find(self, id: str) -> WorkflowStatus | None:
        async with _engine_call():
            state = await self._client.get_workflow_state(id, fetch_payloads=True)
        return _status_of(state) if state else None

    async def raise_event(self, id: str, event: str, data: Json) -> None:
        async with _engine_call():
            await self._client.raise_workflow_event(id, event, data=data)

    async def terminate(self, id: str) -> None:
        async with _engine_call():
            await self._client.terminate_workflow(id)

    async def purge(self, id: str) -> None:
        async with _engine_call():
            await self._client.purge_workflow(id)

    # ── the worker ──────────────────────────────────────────────────────────────────────────

    async def run_worker(self) -> None:
        """Keep the worker connected. It is `is_ready` while it is.

        Raises `Unavailable` if a sidecar that is ready takes no worker, or loses it.
        """
        while True:
            if await self._sidecar.is_ready():
                await self._work()
            await asyncio.sleep(WORKER_INTERVAL)

    async def _work(self) -> None:
        """Work until the stream ends."""
        import grpc

        if self._worker is None:
            raise RuntimeError("the engine is not entered")
        try:
            await self._worker.run(self._note_connected)
        except grpc.aio.AioRpcError as error:
            reason = error.details() or error.code().name
            raise Unavailable(f"The workflow worker lost its sidecar: {reason}") from error
        finally:
            self._ready = False

    def _note_connected(self) -> None:
        self._ready = True
        log.info("the workflow worker has started")

    async def check_actors(self) -> bool:
        """Keep `problem` current, and restart a sidecar that is stuck. False if nothing is wrong.

        When the last worker goes, Dapr 1.18 removes its actors and waits for their work. An actor
        that waits for a worker waits for ever, and the worker that comes back gets no work
        (docs/dapr-notes.md, 19).
        """
        actors = await self._actors() if self._ready else None
        if actors is not None:
            self._set_problem(problem_of(actors))
        is_stuck = actors is not None and self._has_no_actors(actors)
        self._checks_without_actors = self._checks_without_actors + 1 if is_stuck else 0
        if self._checks_without_actors == _MAX_CHECKS_WITHOUT_ACTORS:
            self._checks_without_actors = 0
            log.warning("the workflow engine is stuck: the sidecar is restarted")
            with suppress(ServiceError):
                await self._sidecar.shut_down()
        return actors is None or is_stuck or bool(self._problem)

    async def _actors(self) -> ActorStatus | None:
        try:
            return await self._sidecar.actors()
        except ServiceError:
            return None

    def _set_problem(self, problem: str) -> None:
        """Remember why no workflow can run, and log it once."""
        if problem and problem != self._problem:
            log.warning("no workflow can run", extra={"why": problem})
        elif self._problem and not problem:
            log.info("workflows run again")
        self._problem = problem

    def _has_no_actors(self, actors: ActorStatus) -> bool:
        """Whether the engine has no actors, though a worker and all that it needs are there."""
        return not self._problem and not any(type.endswith(".workflow") for type in actors.types)

    def _programs(self) -> sdk.Programs:
        """The workflows and activities, registered in the SDK."""
        programs = sdk.Programs()
        for name, activity in self._activities.items():
            programs.runtime.register_activity(_traced(name, activity), name=name)
        for name, workflow in self._workflows.items():
            programs.runtime.register_workflow(interpret(workflow), name=name)
        return programs


def _traced(name: str, activity: Activity) -> Any:
    """An activity as the SDK calls it, in a span of its own."""

    async def call(_: Any, input: Any) -> Any:
        with tracing.span() as span:
            span.describe(f"activity {name}", {"microgram.workflow.activity": name})
            return await activity(input)

    return call


def make_engine(
    service: Service, activities: dict[str, Activity], workflows: dict[str, Workflow]
) -> WorkflowEngine:
    """The engine in a service's own sidecar."""
    settings, sidecar = service.settings, service.sidecar
    token = settings.dapr_api_token.get_secret_value()
    engine = DaprEngine(settings.dapr_grpc_port, token, sidecar, activities, workflows)
    service.background(engine.run_worker, max_backoff=WORKER_INTERVAL)
    service.every(
        ACTORS_INTERVAL,
        engine.check_actors,
        max_backoff=ACTORS_INTERVAL,
        idle_interval=HEALTHY_ACTORS_INTERVAL,
    )
    return engine


@asynccontextmanager
async def _engine_call() -> AsyncIterator[None]:
    """Gives a call of the engine a timeout, and turns its errors into ours."""
    import grpc

    try:
        async with asyncio.timeout(ENGINE_TIMEOUT):
            yield
    except TimeoutError as error:
        raise OutcomeUnknown(NO_ANSWER) from error
    except grpc.aio.AioRpcError as error:
        failure = _service_error(error.code().name, error.details() or "")
        if failure is not None:
            raise failure from error


def _service_error(code: str, details: str) -> ServiceError | None:
    """The error for a refusal; None if the refusal means that nothing needs to be done."""
    lowered = details.lower()
    if code == "ALREADY_EXISTS" or "already exists" in lowered:
        return None
    if code == "NOT_FOUND" or "no such instance" in lowered:
        return None
    if code == "UNAVAILABLE" and "connect" in lowered:
        return Unavailable(f"The workflow engine cannot be reached: {details}")
    return OutcomeUnknown(f"The workflow engine: {code}: {details}")


def _status_of(state: Any) -> WorkflowStatus:
    import orjson

    name = state.runtime_status.name
    output = orjson.loads(state.serialized_output) if state.serialized_output else None
    why = state.failure_details.message if state.failure_details else ""
    if name in ("COMPLETED", "FAILED", "TERMINATED"):
        return WorkflowStatus(name.lower(), output, why)
    return WorkflowStatus("running")
