"""A checkout waits for the outcome of its order, if its buyer wants to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from services.chassis.errors import Unavailable
from services.orders.application.order_outcomes import OrderOutcomes
from services.orders.application.order_queries import OrderReader
from tests.services.orders.harness import OrdersHarness, eventually, orders_app
from tests.services.orders.test_saga import MANY


async def checkout(harness: OrdersHarness, wait: float, card: str = "tok_ok") -> dict[str, Any]:
    body = harness.checkout(await harness.fill_cart(), card)
    order: dict[str, Any] = await harness.request_ok(
        "POST", "/checkouts", json=body, params={"wait": str(wait)}
    )
    return order


@pytest.mark.parametrize(("card", "state"), [("tok_ok", "completed"), ("tok_declined", "declined")])
async def test_a_checkout_that_waits_is_answered_with_its_outcome(
    harness: OrdersHarness, card: str, state: str
) -> None:
    order = await checkout(harness, 5, card)
    assert order["state"] == state
    assert order == await harness.order(order["id"])


async def test_a_repeat_of_a_final_order_does_not_wait(harness: OrdersHarness) -> None:
    body = harness.checkout(await harness.fill_cart())
    first = await harness.request_ok("POST", "/checkouts", json=body, params={"wait": "5"})
    assert (
        await harness.request_ok("POST", "/checkouts", json=body, params={"wait": "5"})
    ) == first


async def test_a_checkout_waits_no_longer_than_it_is_told(harness: OrdersHarness) -> None:
    harness.cluster.history("orders").pace = 1_000.0
    harness.shop_services.pending = MANY
    assert (await checkout(harness, 0.05, "tok_pending"))["state"] in ("placed", "waiting")


@pytest.mark.parametrize("wait", ["-1", "5.1", "nan", "soon"])
async def test_nobody_waits_for_ever(harness: OrdersHarness, wait: str) -> None:
    body = harness.checkout(await harness.fill_cart())
    answer = await harness.request("POST", "/checkouts", json=body, params={"wait": wait})
    assert answer.status == 422
    assert not harness.cluster.state("orders").keys("order:")


async def test_the_outcome_that_this_process_wrote_is_not_read_again(
    harness: OrdersHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def show(*_: object) -> Any:
        raise AssertionError("the order was read")

    monkeypatch.setattr(OrderReader, "show", show)
    assert (await checkout(harness, 5))["state"] == "completed"


async def test_an_order_whose_outcome_cannot_be_read_is_answered_as_it_was_placed(
    harness: OrdersHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_final = OrderOutcomes.note_final
    monkeypatch.setattr(OrderOutcomes, "note_final", lambda self, id, _: note_final(self, id))

    async def unreadable(effect: Callable[[], Any]) -> Any:
        harness.orders.sidecar.state.faults.fail("get", about="order:", error=Unavailable("no"))
        return effect()

    harness.shop_services.faults["capture"] = [unreadable]
    order = await checkout(harness, 5)
    assert order["state"] in ("placed", "completed")
    assert (await harness.wait_until_final(order["id"]))["state"] == "completed"


async def test_an_order_that_another_process_ends_is_read_again(
    harness: OrdersHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.orders.application.order_outcomes.RECHECK_INTERVAL", 0.01)
    monkeypatch.setattr(OrderOutcomes, "note_final", lambda *_: None)
    await harness.cluster.start(orders_app, "orders")
    assert (await checkout(harness, 5))["state"] == "completed"


async def test_everybody_who_waits_for_an_order_is_woken() -> None:
    outcomes = OrderOutcomes()
    waiting = [asyncio.create_task(outcomes.wait("1", 60)) for _ in range(3)]
    await asyncio.sleep(0)
    outcomes.note_final("1", {"id": "1"})
    assert await asyncio.wait_for(asyncio.gather(*waiting), 0.5) == [{"id": "1"}] * 3


async def test_who_comes_after_those_who_waited_does_not_wait() -> None:
    outcomes = OrderOutcomes()
    waiting = asyncio.create_task(outcomes.wait("1", 60))
    await asyncio.sleep(0)
    outcomes.note_final("1", {"id": "1"})
    assert await waiting == {"id": "1"}
    assert await asyncio.wait_for(outcomes.wait("1", 60), 0.5) is None


async def test_an_outcome_before_the_wait_is_remembered_once() -> None:
    outcomes = OrderOutcomes()
    outcomes.note_final("1", {"id": "1"})
    assert await asyncio.wait_for(outcomes.wait("1", 60), 0.5) is None
    again = asyncio.create_task(outcomes.wait("1", 60))

    async def waits() -> bool:
        return len(outcomes._waiting) == 1

    await eventually(waits)
    assert not again.done()
    again.cancel()
