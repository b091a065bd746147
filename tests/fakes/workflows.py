"""A workflow engine in this process: its history outlives the replicas that run it.

Plans are run again from their beginning by whichever replica takes them up, with the answers that
were written down; an activity whose answer was not, is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.chassis.workflows.engine import WorkflowStatus, unreachable
from services.chassis.workflows.plan import (
    Activity,
    CallActivity,
    ContinueAsNew,
    Json,
    Plan,
    Sleep,
    Step,
    StepFailed,
    WaitForEvent,
    Workflow,
)
from tests.fakes.faults import Call, Faults

Answer = tuple[Json, StepFailed | None]


@dataclass(slots=True)
class WorkflowInstance:
    """One workflow: its input, what its steps came to, and how it ended."""

    workflow: str
    input: Json
    answers: list[Answer] = field(default_factory=list)
    events: dict[str, asyncio.Queue[Json]] = field(default_factory=dict)
    run: WorkflowStatus = field(default_factory=lambda: WorkflowStatus("running"))

    def mailbox(self, event: str) -> asyncio.Queue[Json]:
        return self.events.setdefault(event, asyncio.Queue())


class WorkflowHistory:
    """What is kept of all workflows of a service, and which replicas can go on with them.

    `pace` is how many seconds pass for one that a workflow waits: none, unless a test says so.
    With `twice`, every activity is done twice, at the same time. `lacks` is what the engine cannot
    reach: it answers nothing until it can.
    """

    def __init__(self) -> None:
        self.instances: dict[str, WorkflowInstance] = {}
        self.engines: list[FakeEngine] = []
        self.pace = 0.0
        self.twice = False
        self.reached = asyncio.Event()
        self.missing_service = ""

    @property
    def missing_service(self) -> str:
        return self._lacks

    @missing_service.setter
    def missing_service(self, what: str) -> None:
        self._lacks = what
        if what:
            self.reached.clear()
        else:
            self.reached.set()

    def reassign(self) -> None:
        """Have some replica take up what nobody runs."""
        for id, instance in self.instances.items():
            if not instance.run.is_over and not any(id in each.tasks for each in self.engines):
                for engine in self.engines[:1]:
                    engine.resume(id)


class FakeEngine:
    """The engine beside one replica; it dies with that replica's sidecar."""

    def __init__(
        self,
        history: WorkflowHistory,
        faults: Faults,
        activities: Mapping[str, Activity],
        workflows: Mapping[str, Workflow],
    ) -> None:
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._history = history
        self._faults = faults
        self._activities = activities
        self._workflows = workflows
        self._mourning: asyncio.Task[None] | None = None

    async def __aenter__(self) -> FakeEngine:
        self._history.engines.append(self)
        self._history.reassign()
        self._mourning = asyncio.create_task(self._stop_on_death())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._mourning is not None:
            self._mourning.cancel()
        self._leave()

    @property
    def is_ready(self) -> bool:
        return self in self._history.engines

    @property
    def problem(self) -> str:
        return unreachable(self._history.missing_service) if self._history.missing_service else ""

    def _leave(self) -> None:
        if self in self._history.engines:
            self._history.engines.remove(self)
        for task in self.tasks.values():
            task.cancel()
        self.tasks.clear()
        self._history.reassign()

    async def _stop_on_death(self) -> None:
        await self._faults.dead.wait()
        self._leave()

    # ── what is asked of the engine ─────────────────────────────────────────────────────────

    async def start(self, workflow: str, id: str, input: Json) -> None:
        def begin() -> None:
            there = self._history.instances.get(id)
            if there is None or there.run.is_over:
                self._history.instances[id] = WorkflowInstance(workflow, _plain(input))
                self.resume(id)

        await self._history.reached.wait()
        await self._faults.around(Call("start", (id,)), begin)

    async def find(self, id: str) -> WorkflowStatus | None:
        def look() -> WorkflowStatus | None:
            instance = self._history.instances.get(id)
            return instance.run if instance else None

        await self._history.reached.wait()
        return await self._faults.around(Call("find", (id,)), look)

    async def raise_event(self, id: str, event: str, data: Json) -> None:
        def post() -> None:
            if id in self._history.instances:
                self._history.instances[id].mailbox(event).put_nowait(_plain(data))

        await self._faults.around(Call("tell", (id, event)), post)

    async def terminate(self, id: str) -> None:
        def end() -> None:
            instance = self._history.instances.get(id)
            if instance is None or instance.run.is_over:
                return
            instance.run = WorkflowStatus("terminated")
            for engine in self._history.engines:
                if id in engine.tasks:
                    engine.tasks.pop(id).cancel()

        await self._faults.around(Call("terminate", (id,)), end)

    async def purge(self, id: str) -> None:
        def forget() -> None:
            if id in self._history.instances and self._history.instances[id].run.is_over:
                del self._history.instances[id]

        await self._faults.around(Call("purge", (id,)), forget)

    # ── running ─────────────────────────────────────────────────────────────────────────────

    def resume(self, id: str) -> None:
        self.tasks[id] = task = asyncio.create_task(self._run(self._history.instances[id]))
        task.add_done_callback(
            lambda done: self.tasks.pop(id, None) if self.tasks.get(id) is done else None
        )

    async def _run(self, instance: WorkflowInstance) -> None:
        while not instance.run.is_over:
            plan = self._workflows[instance.workflow](instance.input)
            try:
                end = _plain_end(await self._follow(instance, plan))
            except Exception as error:
                instance.run = WorkflowStatus("failed", why=str(error))
                return
            if isinstance(end, ContinueAsNew):
                instance.input = _plain(end.input)
                instance.answers.clear()
            else:
                instance.run = WorkflowStatus("completed", end)

    async def _follow(self, instance: WorkflowInstance, plan: Plan) -> Json:
        number = 0
        answer: Answer = (None, None)
        while True:
            value, failure = answer
            try:
                step = plan.throw(failure) if failure else plan.send(value)
            except StopIteration as end:
                return end.value
            if number == len(instance.answers):
                taken = await self._take(instance, step)
                instance.answers.append(taken)
            answer = instance.answers[number]
            number += 1

    async def _take(self, instance: WorkflowInstance, step: Step) -> Answer:
        match step:
            case Sleep(seconds):
                await asyncio.sleep(seconds * self._history.pace)
                return None, None
            case WaitForEvent(event, seconds):
                mailbox = instance.mailbox(event)
                try:
                    async with asyncio.timeout(seconds * self._history.pace):
                        return await mailbox.get(), None
                except TimeoutError:
                    return None, StepFailed(event, "timeout", "The event did not arrive.")
        return await self._do(step)

    async def _do(self, step: CallActivity) -> Answer:
        failure: Exception | None = None
        pause = step.retry.initial_interval
        for attempt in range(step.retry.max_attempts):
            if attempt:
                await asyncio.sleep(pause * self._history.pace)
                pause = min(pause * step.retry.backoff_coefficient, step.retry.max_interval)
            try:
                do = self._activities[step.activity]
                if self._history.twice:
                    both = (do(_plain(step.input)), do(_plain(step.input)))
                    return _plain((await asyncio.gather(*both))[1]), None
                return _plain(await do(_plain(step.input))), None
            except Exception as error:
                failure = error
        return None, StepFailed(step.activity, type(failure).__name__, str(failure))


def _plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


def _plain_end(value: Any) -> Any:
    return value if isinstance(value, ContinueAsNew) else _plain(value)
