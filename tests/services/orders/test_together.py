"""Orders that are placed at the same time share a workflow, and each ends as if it were alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from services.chassis.errors import OutcomeUnknown, Unavailable
from services.orders.application import checkout_starts
from services.orders.domain import saga
from tests.fakes import FakeCluster
from tests.fakes.workflows import WorkflowInstance
from tests.services.orders.harness import (
    DEADLINE,
    OrdersHarness,
    eventually,
    fails_before,
    happens_twice,
    is_lost,
    times_out_after,
)

FORWARD = ("reserve", "authorize", "confirm", "capture")
WRONG = {
    "fails": fails_before,
    "is lost": is_lost,
    "times out": times_out_after,
    "is done twice": happens_twice,
}
BUYERS = 4


@pytest.fixture
async def harness(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OrdersHarness]:
    """Orders that wait for a start however long it takes on a busy machine."""
    monkeypatch.setattr(checkout_starts, "PATIENCE", DEADLINE)
    monkeypatch.setattr(checkout_starts, "START_TIMEOUT", DEADLINE)
    async with FakeCluster() as cluster:
        yield await OrdersHarness.start(cluster)


async def placed_at_once(harness: OrdersHarness, cards: Sequence[str]) -> list[str]:
    """The orders of as many buyers; the first starts its workflow alone, and the others wait."""
    engine = harness.cluster.history("orders")
    engine.missing_service = "placement"  # no start is answered
    placing = []
    for number, card in enumerate(cards):
        placing.append(asyncio.create_task(harness.place(card, token=harness.new_buyer())))

        async def is_written(count: int = number + 1) -> bool:
            return len(harness.cluster.state("orders").keys("order:")) == count

        await eventually(is_written)
    engine.missing_service = ""
    return await asyncio.gather(*placing)


def workflows(harness: OrdersHarness, name: str) -> dict[str, WorkflowInstance]:
    instances = harness.cluster.history("orders").instances
    return {id: instance for id, instance in instances.items() if instance.workflow == name}


async def test_orders_that_wait_share_a_workflow(harness: OrdersHarness) -> None:
    ids = await placed_at_once(harness, ["tok_ok"] * BUYERS)
    for id in ids:
        assert (await harness.wait_until_final(id))["state"] == "completed"
    (shared,) = workflows(harness, saga.CHECKOUT_TOGETHER).values()
    assert shared.input == {"orders": ids[1:]}
    assert list(workflows(harness, saga.CHECKOUT)) == ids[:1]
    assert workflows(harness, saga.CHECKOUT_BY_STEPS) == {}
    assert {step: harness.shop_services.calls.count(step) for step in FORWARD} == dict.fromkeys(
        FORWARD, BUYERS
    )
    await harness.check_consistency()


async def test_orders_that_follow_each_other_have_workflows_of_their_own(
    harness: OrdersHarness,
) -> None:
    ids = [await harness.place() for _ in range(3)]
    assert list(workflows(harness, saga.CHECKOUT)) == ids
    for id in ids:
        await harness.wait_until_final(id)
    assert workflows(harness, saga.CHECKOUT_TOGETHER) == {}


async def test_an_order_that_cannot_be_completed_goes_on_by_itself(
    harness: OrdersHarness,
) -> None:
    harness.shop_services.pending = 3
    ids = await placed_at_once(harness, ["tok_ok", "tok_ok", "tok_declined", "tok_pending"])
    ends = [(await harness.wait_until_final(id))["state"] for id in ids]
    assert ends == ["completed", "completed", "declined", "completed"]
    (shared,) = workflows(harness, saga.CHECKOUT_TOGETHER).values()
    assert shared.input == {"orders": ids[1:]}
    assert sorted(workflows(harness, saga.CHECKOUT_BY_STEPS)) == sorted(ids[2:])
    await harness.check_consistency()


@pytest.mark.parametrize("wrong", [*WRONG, "kills the process"])
@pytest.mark.parametrize("step", FORWARD)
async def test_one_fault_does_not_change_the_outcomes(
    harness: OrdersHarness, step: str, wrong: str
) -> None:
    """The fault is that of the second order: the first has a workflow of its own."""

    async def passes(effect):  # type: ignore[no-untyped-def]
        return effect()

    fault = harness.crash if wrong == "kills the process" else WRONG[wrong]
    harness.shop_services.faults[step] = [passes, fault]
    ids = await placed_at_once(harness, ["tok_ok"] * BUYERS)
    assert [(await harness.wait_until_final(id))["state"] for id in ids] == ["completed"] * BUYERS
    await harness.check_consistency()


@pytest.mark.parametrize(
    "failure", [Unavailable("no engine"), OutcomeUnknown("no answer")], ids=["refused", "lost"]
)
async def test_the_watchdog_starts_orders_whose_shared_workflow_was_not(
    harness: OrdersHarness, failure: Exception
) -> None:
    harness.orders.sidecar.faults.fail("start", nth=2, error=failure)
    ids = await placed_at_once(harness, ["tok_ok"] * BUYERS)
    assert [(await harness.wait_until_final(id))["state"] for id in ids] == ["completed"] * BUYERS
    await harness.check_consistency()


async def test_a_shared_workflow_is_that_of_each_of_its_orders(harness: OrdersHarness) -> None:
    harness.shop_services.faults["authorize"] = [held := Held(), held, held]
    placing = asyncio.create_task(placed_at_once(harness, ["tok_ok"] * 3))
    await eventually(held.is_reached)
    rows = (await harness.orders.operate("GET", "/workflows")).json()["workflows"]
    assert [(row["state"], row["status"]) for row in rows] == [("placed", "running")] * 3
    held.go_on.set()
    for id in await placing:
        await harness.wait_until_final(id)


class Held:
    """A step that waits until the test lets it go on."""

    def __init__(self) -> None:
        self.waiting = 0
        self.go_on = asyncio.Event()

    async def __call__(self, effect):  # type: ignore[no-untyped-def]
        self.waiting += 1
        await self.go_on.wait()
        return effect()

    async def is_reached(self) -> bool:
        return self.waiting == 3
