"""The worker of the workflow engine, over gRPC; the contract suite runs it on the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest

from services.chassis import telemetry
from services.chassis.errors import Unavailable
from services.chassis.workflows import dapr_engine, worker
from services.chassis.workflows.dapr_engine import DaprEngine
from services.chassis.workflows.plan import Activity, CallActivity, Plan
from tests.fakes.spans import RecordedSpans, recorded_spans
from tests.fakes.workflow_sidecar import WorkflowSidecar, activity, first_turn
from tests.unit.chassis.test_tracing import SAMPLED, TRACE, UNSAMPLED

LIMIT = 20.0
"""Seconds that a test waits for an answer."""


def double(name: str) -> Plan:
    return (yield CallActivity("echo", name))


def huge(length: int) -> Plan:
    return "x" * length
    yield


class Activities:
    """What activities do, and in which trace."""

    def __init__(self) -> None:
        self.traces: list[str] = []
        self.begun = 0
        self.gate = asyncio.Event()

    async def echo(self, given: Any) -> Any:
        self.traces.append(telemetry.current().trace_id)
        return given

    async def fail(self, given: Any) -> Any:
        raise Unavailable(f"not now: {given}")

    async def wait(self, given: Any) -> Any:
        self.begun += 1
        await self.gate.wait()
        return given


class Ready:
    """A sidecar that is ready."""

    async def is_ready(self) -> bool:
        return True


@pytest.fixture
async def sidecar() -> AsyncIterator[WorkflowSidecar]:
    async with WorkflowSidecar().listening() as listening:
        yield listening


@pytest.fixture
def activities() -> Activities:
    return Activities()


@pytest.fixture
async def engine(
    sidecar: WorkflowSidecar, activities: Activities, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DaprEngine]:
    """The engine of a service, with its worker connected to the sidecar."""
    monkeypatch.setattr(dapr_engine, "WORKER_INTERVAL", 0.01)
    monkeypatch.setattr(worker, "RESEND_PAUSE", 0.01)
    dapr: Any = Ready()
    named: dict[str, Activity] = {
        "echo": activities.echo,
        "fail": activities.fail,
        "wait": activities.wait,
    }
    async with DaprEngine(
        sidecar.port, "secret", dapr, named, {"double": double, "huge": huge}
    ) as engine:
        working = asyncio.create_task(engine.run_worker())
        yield engine
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


@pytest.fixture
def spans() -> Iterator[RecordedSpans]:
    with recorded_spans() as recorded:
        yield recorded


async def answer(sidecar: WorkflowSidecar, *work: Any) -> Any:
    """What the worker answers to work."""
    for item in work:
        sidecar.work.put_nowait(item)
    async with asyncio.timeout(LIMIT):
        return await sidecar.answers.get()


async def until(condition: Any) -> None:
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 (the worker tells nobody)
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("engine")
async def test_a_turn_answers_with_what_the_workflow_does_next(sidecar: WorkflowSidecar) -> None:
    given = await answer(sidecar, first_turn("double", "one", '"a"'))
    assert (given.instanceId, given.completionToken) == ("one", "token of one")
    (action,) = given.actions
    assert (action.scheduleTask.name, action.scheduleTask.input.value) == ("echo", '"a"')


@pytest.mark.usefixtures("engine")
async def test_an_activity_answers_with_its_result(sidecar: WorkflowSidecar) -> None:
    given = await answer(sidecar, activity("echo", '{"a": 1}'))
    assert (given.instanceId, given.taskId) == ("one", 7)
    assert (given.completionToken, given.result.value) == ("token of echo", '{"a": 1}')
    assert not given.HasField("failureDetails")


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("name", "kind", "why"),
    [
        ("fail", "Unavailable", "not now: 1"),
        ("gone", "ActivityNotRegisteredError", "'gone' was not registered"),
    ],
)
async def test_an_activity_that_fails_or_is_unknown_answers_why(
    sidecar: WorkflowSidecar, name: str, kind: str, why: str
) -> None:
    failure = (await answer(sidecar, activity(name, "1"))).failureDetails
    assert failure.errorType == kind
    assert why in failure.errorMessage


@pytest.mark.usefixtures("engine")
async def test_an_unknown_workflow_fails(sidecar: WorkflowSidecar) -> None:
    (action,) = (await answer(sidecar, first_turn("gone", "one", "1"))).actions
    assert action.completeWorkflow.failureDetails.errorType == "OrchestratorNotRegisteredError"


@pytest.mark.usefixtures("engine")
async def test_an_activity_whose_result_is_too_large_fails(sidecar: WorkflowSidecar) -> None:
    sidecar.max_length = 10_000
    given = await answer(sidecar, activity("echo", '"' + "x" * 20_000 + '"'))
    assert (given.taskId, given.completionToken) == (7, "token of echo")
    assert "larger than max" in given.failureDetails.errorMessage


@pytest.mark.usefixtures("engine")
async def test_a_workflow_whose_turn_is_too_large_fails(sidecar: WorkflowSidecar) -> None:
    sidecar.max_length = 10_000
    given = await answer(sidecar, first_turn("huge", "one", "20000"))
    (action,) = given.actions
    assert (given.instanceId, given.completionToken) == ("one", "token of one")
    assert "larger than max" in action.completeWorkflow.failureDetails.errorMessage


@pytest.mark.usefixtures("engine")
async def test_an_answer_that_is_refused_stops_nothing(
    sidecar: WorkflowSidecar, caplog: pytest.LogCaptureFixture
) -> None:
    sidecar.refuses = True
    sidecar.work.put_nowait(activity("echo", "1"))
    await until(lambda: "an answer did not reach the workflow engine" in caplog.messages)
    sidecar.refuses = False
    assert (await answer(sidecar, activity("echo", "2"))).result.value == "2"


async def test_an_answer_that_is_not_taken_at_once_is_sent_again(
    sidecar: WorkflowSidecar, engine: DaprEngine
) -> None:
    sidecar.busy = worker.MAX_SENDS - 1
    given = await answer(sidecar, activity("echo", "1"))
    assert (given.completionToken, given.result.value) == ("token of echo", "1")
    sidecar.busy = worker.MAX_SENDS - 1
    given = await answer(sidecar, first_turn("double", "one", '"a"'))
    assert given.completionToken == "token of one"
    assert (sidecar.streams, engine.is_ready) == (1, True)


@pytest.mark.usefixtures("engine")
async def test_an_answer_that_cannot_be_sent_ends_the_stream(
    sidecar: WorkflowSidecar, activities: Activities
) -> None:
    """So that the engine hands its work out again; with it what still runs, or waits."""
    sidecar.busy = worker.MAX_SENDS
    sidecar.work.put_nowait(activity("wait", "1"))
    sidecar.work.put_nowait(activity("echo", "2"))
    await until(lambda: sidecar.streams == 2)
    activities.gate.set()
    given = await answer(sidecar, activity("echo", "3"))
    assert given.result.value == "3"
    assert sidecar.answers.empty()


@pytest.mark.usefixtures("engine")
async def test_an_activity_that_waits_as_the_stream_ends_does_not_run(
    sidecar: WorkflowSidecar, activities: Activities
) -> None:
    """The engine hands it out again, and it would run twice."""
    for _ in range(worker.MAX_CONCURRENT_ACTIVITIES + 5):
        sidecar.work.put_nowait(activity("wait", "1"))
    await until(lambda: activities.begun == worker.MAX_CONCURRENT_ACTIVITIES)
    sidecar.work.put_nowait(first_turn("double", "one", '"a"'))
    await answer(sidecar)  # so all of these are read
    sidecar.work.put_nowait(None)
    await until(lambda: sidecar.streams == 2)
    activities.gate.set()
    assert (await answer(sidecar, activity("echo", "2"))).result.value == "2"
    assert activities.begun == worker.MAX_CONCURRENT_ACTIVITIES


async def test_every_call_has_the_token_of_the_sidecar(
    sidecar: WorkflowSidecar, engine: DaprEngine
) -> None:
    await answer(sidecar, activity("echo", "1"))
    await answer(sidecar, first_turn("double", "one", '"a"'))
    assert sidecar.tokens == ["secret"] * 4
    assert engine.is_ready


async def test_a_stream_that_ends_is_opened_again(
    sidecar: WorkflowSidecar, engine: DaprEngine, activities: Activities
) -> None:
    """What ran before goes on, and its answer is not sent: the engine hands it out again."""
    sidecar.work.put_nowait(activity("wait", "1"))
    await until(lambda: activities.begun == 1)
    sidecar.work.put_nowait(None)
    given = await answer(sidecar, activity("echo", "2"))
    assert (sidecar.streams, given.result.value) == (2, "2")
    activities.gate.set()
    assert (await answer(sidecar, activity("wait", "3"))).result.value == "3"
    assert sidecar.answers.empty()
    assert engine.is_ready


async def test_a_sidecar_that_is_ready_and_takes_no_worker_is_a_failure() -> None:
    """It counts as one of the background work, which names it if it goes on."""
    dapr: Any = Ready()
    async with DaprEngine(1, "", dapr, {}, {}) as engine:
        async with asyncio.timeout(LIMIT):
            with pytest.raises(Unavailable, match="lost its sidecar"):
                await engine.run_worker()
        assert not engine.is_ready


@pytest.mark.usefixtures("engine")
async def test_only_so_many_activities_run_at_once(
    sidecar: WorkflowSidecar, activities: Activities, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turns do not wait for them."""
    for _ in range(worker.MAX_CONCURRENT_ACTIVITIES + 5):
        sidecar.work.put_nowait(activity("wait", "1"))
    given = await answer(sidecar, first_turn("double", "one", '"a"'))
    assert given.instanceId == "one"
    await until(lambda: activities.begun == worker.MAX_CONCURRENT_ACTIVITIES)
    activities.gate.set()
    await until(lambda: activities.begun == worker.MAX_CONCURRENT_ACTIVITIES + 5)


async def test_an_engine_that_closes_cancels_its_activities(
    sidecar: WorkflowSidecar, activities: Activities
) -> None:
    dapr: Any = Ready()
    async with DaprEngine(sidecar.port, "", dapr, {"wait": activities.wait}, {}) as engine:
        working = asyncio.create_task(engine.run_worker())
        sidecar.work.put_nowait(activity("wait", "1"))
        await until(lambda: activities.begun == 1)
        working.cancel()
    activities.gate.set()
    assert sidecar.answers.empty()
    assert not [task for task in asyncio.all_tasks() if "_run_activity" in str(task.get_coro())]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(("given", "is_below"), [(SAMPLED, True), (UNSAMPLED, False), ("", False)])
async def test_an_activity_is_below_the_span_of_the_engine_if_that_is_recorded(
    sidecar: WorkflowSidecar,
    activities: Activities,
    spans: RecordedSpans,
    given: str,
    is_below: bool,
) -> None:
    await answer(sidecar, activity("echo", "1", given))
    assert (activities.traces == [TRACE]) is is_below
