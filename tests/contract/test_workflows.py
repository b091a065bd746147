"""What the chassis requires of workflows, on the fakes and on the sidecar's engine."""

from __future__ import annotations

import secrets
import time
from typing import Any

import pytest

from services.chassis.dapr.client import DaprClient
from services.chassis.errors import ServiceError
from tests.contract.echo_app import WORKER
from tests.contract.systems import RealSystem, SystemUnderTest, await_value

PATIENCE = 120.0
"""Seconds in which a workflow must continue after a kill."""


class Worker:
    """Call the app that runs workflows through another sidecar until it answers."""

    def __init__(self, sidecar: DaprClient) -> None:
        self._sidecar = sidecar

    async def ask(self, method: str, path: str, **given: Any) -> Any:
        async def answered() -> tuple[bool, Any]:
            try:
                reply = await self._sidecar.invoke(
                    WORKER, f"workflows/{path}", method=method, deadline=30.0, **given
                )
            except ServiceError as failure:
                return False, failure
            return True, reply.json()

        return (await await_value(answered, lambda answer: answer[0], within=PATIENCE))[1]

    async def start(self, plan: str, given: Any, id: str = "") -> str:
        id = id or secrets.token_hex(6)
        await self.ask("POST", f"{plan}/{id}", json=given)
        return id

    async def end(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = await await_value(
            lambda: self.ask("GET", id),
            lambda run: run is not None and run["status"] != "running",
            within=PATIENCE,
        )
        return found

    async def tally(self, name: str) -> int:
        count: int = await self.ask("GET", f"tallies/{name}")
        return count


@pytest.fixture
def worker(sidecar: DaprClient) -> Worker:
    return Worker(sidecar)


async def test_a_workflow_does_its_steps_in_order_and_ends_with_a_value(worker: Worker) -> None:
    name = secrets.token_hex(4)
    run = await worker.end(await worker.start("chain", name))
    assert run == {"status": "completed", "output": [f"{name}-{w}" for w in "abc"], "why": ""}
    assert [await worker.tally(f"{name}-{w}") for w in "abc"] == [1, 1, 1]


async def test_what_is_not_there_is_none(worker: Worker) -> None:
    assert await worker.ask("GET", secrets.token_hex(6)) is None


@pytest.mark.parametrize("times", [0, 1, 4])
async def test_an_activity_that_fails_is_tried_again(worker: Worker, times: int) -> None:
    given = {"name": secrets.token_hex(4), "times": times}
    run = await worker.end(await worker.start("flaky", given))
    assert run["output"] == times + 1


async def test_an_activity_that_goes_on_failing_fails_in_the_plan(worker: Worker) -> None:
    name = secrets.token_hex(4)
    given = {"name": name, "times": 99}
    run = await worker.end(await worker.start("flaky", given))
    assert run["output"] == {"failed": "stumble", "kind": "Unavailable"}
    assert await worker.tally(name) == 6


async def test_a_timer_wakes_neither_early_nor_never(worker: Worker) -> None:
    began = time.monotonic()
    run = await worker.end(await worker.start("timer", 1.0))
    assert run["output"] == "woken"
    assert time.monotonic() - began >= 1.0


async def test_events_are_waited_for_and_kept_until_then(worker: Worker) -> None:
    id = await worker.start("letter", 30.0)
    await worker.ask("PUT", f"{id}/go", json={"first": 1})
    await worker.ask("PUT", f"{id}/go", json={"second": 2})
    assert (await worker.end(id))["output"] == [{"first": 1}, {"second": 2}]


async def test_an_event_that_does_not_come_is_a_timeout(worker: Worker) -> None:
    assert (await worker.end(await worker.start("letter", 0.5)))["output"] == "timeout"


async def test_an_event_for_nobody_is_no_error(worker: Worker) -> None:
    await worker.ask("PUT", f"{secrets.token_hex(6)}/go", json=1)


async def test_an_id_is_started_once(worker: Worker) -> None:
    name = secrets.token_hex(4)
    id = await worker.start("long", name)
    for _ in range(3):
        await worker.start("long", name, id)
        await worker.ask("POST", f"long/{id}?again=true", json=name)
    await worker.end(id)
    await worker.start("long", name, id)
    assert (await worker.end(id))["status"] == "completed"
    assert [await worker.tally(f"{name}-{n}") for n in range(4)] == [1, 1, 1, 1]


async def test_what_is_over_can_be_begun_anew_where_that_is_asked_for(worker: Worker) -> None:
    name = secrets.token_hex(4)
    id = await worker.start("chain", name)
    await worker.end(id)
    await worker.ask("POST", f"chain/{id}?again=true", json=name)
    assert await await_value(
        lambda: worker.tally(f"{name}-c"), lambda count: count == 2, within=PATIENCE
    )


async def test_a_plan_can_begin_itself_anew(worker: Worker) -> None:
    before = await worker.tally("countdown")
    assert (await worker.end(await worker.start("countdown", 3)))["output"] == "zero"
    assert await worker.tally("countdown") == before + 3


async def test_a_plan_that_breaks_has_failed_and_says_why(worker: Worker) -> None:
    run = await worker.end(await worker.start("broken", None))
    assert run["status"] == "failed"
    assert "on purpose" in run["why"]


async def test_a_workflow_can_be_terminated_and_forgotten(worker: Worker) -> None:
    id = await worker.start("timer", 600.0)
    await worker.ask("DELETE", id)
    assert (await worker.end(id))["status"] == "terminated"
    await worker.ask("DELETE", f"{id}?purge=true")
    assert await worker.ask("GET", id) is None


@pytest.mark.parametrize(
    "process", [WORKER, f"{WORKER}.daprd", "scheduler", "placement"], ids=lambda name: name
)
async def test_it_goes_on_after_a_kill(
    system: SystemUnderTest, worker: Worker, process: str
) -> None:
    if not system.is_real and process in ("scheduler", "placement"):
        pytest.skip("the fake engine has no parts")
    name = secrets.token_hex(4)
    id = await worker.start("long", name)
    await await_value(lambda: worker.tally(f"{name}-1"), bool, within=PATIENCE)
    await system.kill(process)
    run = await worker.end(id)
    assert run["output"] == [f"{name}-{number}" for number in range(4)]
    assert all([await worker.tally(f"{name}-{number}") >= 1 for number in range(4)])


async def test_it_goes_on_after_its_service_has_ended_the_sidecar(
    system: SystemUnderTest, worker: Worker
) -> None:
    if not isinstance(system, RealSystem):
        pytest.skip("the fake engine has no sidecar")
    name = secrets.token_hex(4)
    id = await worker.start("long", name)
    await await_value(lambda: worker.tally(f"{name}-1"), bool, within=PATIENCE)
    async with system.sidecar(WORKER) as own:
        await own.shut_down()
    await await_value(
        lambda: system.log(f"{WORKER}.daprd"), lambda log: "Force shutdown requested" in log
    )
    run = await worker.end(id)
    assert run["output"] == [f"{name}-{number}" for number in range(4)]
