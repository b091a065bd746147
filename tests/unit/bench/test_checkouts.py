"""Which orders and workflows the benchmark starts, and what it records of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from rich.progress import Progress

from bench import checkouts as module
from bench.api_client import BenchClient, BenchPerson
from bench.baseline_workflow import FIRST, SECOND, THIRD, BaselineRunner, baseline_workflow
from bench.checkouts import BASELINES_PER_CHECKOUT, CheckoutTurns
from bench.measurement import Measurement, UsageProbe
from bench.options import CHECKOUTS, parse
from bench.process_usage import ProcessUsage
from bench.scenarios import BARE_WORKFLOW, CHECKOUT
from bench.system import BenchSystem
from services.chassis.workflows.plan import CallActivity, Workflow

Activity = Callable[[str], Awaitable[str]]


class Workflows:
    """Does at once what an engine does durably."""

    def __init__(self) -> None:
        self.activities: dict[str, Activity] = {}
        self.workflow: Workflow | None = None
        self.running = self.most = 0

    def register_activity(self, name: str, activity: Activity) -> None:
        self.activities[name] = activity

    def register_workflow(self, name: str, workflow: Workflow) -> None:
        assert name == "bare"
        self.workflow = workflow

    async def start(self, name: str, id: str, input: str, *, expect_absent: bool) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        assert self.workflow is not None
        for step in self.workflow(input):
            assert isinstance(step, CallActivity)
            await self.activities[step.activity](step.input)
        self.running -= 1


def test_a_baseline_workflow_has_three_activities() -> None:
    steps = [step.activity for step in baseline_workflow("x") if isinstance(step, CallActivity)]
    assert steps == [FIRST, SECOND, THIRD]


async def test_a_number_of_workflows_run_with_a_given_concurrency() -> None:
    workflows = Workflows()
    took = await BaselineRunner(workflows).run(20, 4)  # type: ignore[arg-type]
    assert (len(took), workflows.most) == (20, 4)


class FakeShop:
    """Answers each question of an order with the next state; every fifth order fails."""

    def __init__(self) -> None:
        self.carts: list[str] = []
        self.orders: dict[str, list[str]] = {}

    async def app_token(self) -> str:
        return "app"

    async def register(self, username: str, app_token: str) -> BenchPerson:
        return BenchPerson(username, f"token of {username}", username)

    async def request(self, method: str, path: str, person: BenchPerson, **body: Any) -> Any:
        if path.endswith("/cart"):
            self.carts.append(person.id)
        elif "/checkouts?wait=" in path:
            number = len(self.orders) + 1
            self.orders[str(number)] = ["failed" if number % 5 == 0 else "completed", "placed"]
            return {"id": str(number), "state": "placed"}
        elif method == "GET":
            return {"state": self.orders[path.rpartition("/")[2]].pop()}
        return {"id": "1", "variants": [{"id": "2"}]}


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> CheckoutTurns:
    async def run_baselines(self: CheckoutTurns, count: int) -> list[float]:
        return [0.1] * count

    async def wait_until_idle(usage: ProcessUsage) -> float:
        return 0.5

    monkeypatch.setattr(module, "_POLL_INTERVAL", 0.0)
    monkeypatch.setattr(module, "wait_until_idle", wait_until_idle)
    monkeypatch.setattr(CheckoutTurns, "_run_baselines", run_baselines)
    probe = UsageProbe(ProcessUsage({}))
    return CheckoutTurns(
        cast("BenchClient", FakeShop()), cast("BenchSystem", None), probe, in_flight=4
    )


async def run(turns: CheckoutTurns) -> tuple[Measurement, Measurement, list[str]]:
    ticks: list[str] = []
    await turns.prepare(20, Progress(disable=True))
    bought, bare = await turns.run(20, 2, ticks.append)
    return bought, bare, ticks


async def test_checkouts_and_twice_as_many_bare_workflows_alternate(turns: CheckoutTurns) -> None:
    bought, bare, ticks = await run(turns)
    assert ticks == [BARE_WORKFLOW, CHECKOUT] * 3  # one turn to warm up
    assert (bought.kind, bought.in_flight, bare.kind) == (CHECKOUT, 4, BARE_WORKFLOW)
    assert len(bare.took) == 20 * BASELINES_PER_CHECKOUT
    assert bought.digesting == [0.5, 0.5]


async def test_an_order_that_does_not_complete_is_an_error(turns: CheckoutTurns) -> None:
    bought, _, _ = await run(turns)
    assert bought.errors == 4
    assert len(bought.took) == 16
    assert bought.samples[0] == "an order is failed"


def test_checkouts_are_measured_where_orders_runs_bare_workflows_too() -> None:
    assert parse([]).checkouts == CHECKOUTS
    assert parse([]).system.with_bare
    assert not parse(["--kinds", "floor,home"]).system.with_bare
    assert CHECKOUT not in parse(["--url", "http://127.0.0.1:1"]).kinds
    with pytest.raises(SystemExit):
        parse(["--running", ".run", "--kinds", "floor,checkout"])
