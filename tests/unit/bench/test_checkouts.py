"""What the benchmark says of checkouts, and which orders it starts for that."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from rich.console import Console

from bench.baseline_workflow import FIRST, SECOND, THIRD, BaselineRunner, baseline_workflow
from bench.checkouts import CheckoutResults, MeasuredTurns
from bench.options import CHECKOUTS, parse
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


def sold(per_second: float, failed: tuple[str, ...] = ()) -> CheckoutResults:
    baseline_workflow = MeasuredTurns("bare workflow", 1.0, [0.1] * 10, {"services": 0.1})
    checkouts = MeasuredTurns(
        "checkout", 10 / per_second, [0.2] * 10, {"services": 0.5}, list(failed)
    )
    return CheckoutResults({}, 16, baseline_workflow, checkouts, 0.0, {})


def test_the_ratio_is_of_what_is_done_in_a_second() -> None:
    assert sold(5).ratio == 0.5
    assert sold(5).meets_targets
    assert not sold(4).meets_targets


def test_an_order_that_does_not_complete_is_a_reported_error() -> None:
    outcome = sold(5, ("an order is failed",))
    assert outcome.errors == 1
    console = Console(width=160, record=True, file=None, quiet=False)
    with console.capture() as shown:
        outcome.show(console)
    assert "an order is failed" in shown.get()
    assert "50.0" in shown.get()  # processor milliseconds each


def test_the_option_checkouts_works_with_and_without_a_number() -> None:
    assert parse([]).checkouts == 0
    assert not parse([]).system.with_bare
    assert parse(["--checkouts"]).checkouts == CHECKOUTS
    assert parse(["--checkouts", "32"]).system.with_bare
