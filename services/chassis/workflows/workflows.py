"""The workflows of a service: plans that continue where they stopped after any crash.

    workflows = Workflows(service)
    workflows.register_activity("reserve", reserve)     # async def reserve(input) -> JSON
    workflows.register_workflow("checkout", checkout)   # see plan.py
    await workflows.start("checkout", order_id, order_id)

The names of workflows and activities are stored in the history of every workflow that runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from services.chassis.errors import ServiceError
from services.chassis.service import Service
from services.chassis.workflows.dapr_engine import make_engine
from services.chassis.workflows.engine import NO_ANSWER, WorkflowEngine, WorkflowStatus
from services.chassis.workflows.plan import Activity, Json, Workflow

log = logging.getLogger(__name__)


class Workflows:
    """The workflows of one service, and their activities."""

    def __init__(self, service: Service) -> None:
        self._activities: dict[str, Activity] = {}
        self._workflows: dict[str, Workflow] = {}
        self._has_no_answer = False
        self._engine: WorkflowEngine = make_engine(service, self._activities, self._workflows)
        service.manage(self._engine)

    def register_activity(self, name: str, activity: Activity) -> None:
        """Register the function that does an activity."""
        self._activities[name] = activity

    def register_workflow(self, name: str, workflow: Workflow) -> None:
        """Register the function that makes a workflow's plan."""
        self._workflows[name] = workflow

    @property
    def is_ready(self) -> bool:
        """Whether the engine hands work to this process."""
        return self._engine.is_ready

    @property
    def problem(self) -> str:
        """Why no workflow can run, and what to do, in whole sentences; empty if all is well."""
        return self._engine.problem or (NO_ANSWER if self._has_no_answer else "")

    @contextmanager
    def _watch_answers(self) -> Iterator[None]:
        """Remember whether the engine answered."""
        try:
            yield
        except (ServiceError, asyncio.CancelledError):
            self._has_no_answer = True
            raise
        self._has_no_answer = False

    async def start(
        self, workflow: str, id: str, input: Json = None, *, expect_absent: bool = False
    ) -> None:
        """Start a workflow, unless one with this id exists, running or over.

        A second one can start only if the first was purged, or ends at that moment. The hint
        `expect_absent` (none exists, probably) saves one call.
        """
        with self._watch_answers():
            if expect_absent or await self._engine.find(id) is None:
                await self._engine.start(workflow, id, input)

    async def restart(self, workflow: str, id: str, input: Json = None) -> None:
        """Start a workflow, unless one with this id is running."""
        with self._watch_answers():
            run = await self._engine.find(id)
            if run is None or run.is_over:
                await self._engine.start(workflow, id, input)

    async def end_running(self, id: str) -> None:
        """End a workflow that is running, so that `restart` starts it anew; none does no harm.

        The engine ends it within a moment: until then `restart` finds it running.
        """
        with self._watch_answers():
            run = await self._engine.find(id)
            if run is not None and not run.is_over:
                log.warning("a workflow that did not go on is started anew", extra={"id": id})
                await self._engine.terminate(id)

    async def find(self, id: str) -> WorkflowStatus | None:
        """The status of a workflow; None if none has this id."""
        return await self._engine.find(id)

    async def raise_event(self, id: str, event: str, data: Json = None) -> None:
        """Raise an event for a workflow; one that is over or unknown ignores it."""
        await self._engine.raise_event(id, event, data)

    async def terminate(self, id: str) -> None:
        """End a workflow at once. An activity that is running continues."""
        await self._engine.terminate(id)

    async def purge(self, id: str) -> None:
        """Delete a workflow that is over."""
        await self._engine.purge(id)
