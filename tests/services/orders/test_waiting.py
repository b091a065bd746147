"""An order says why it waits while no workflow can be run, and goes on when it can."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from services.chassis.workflows.engine import NO_ANSWER, PLACEMENT, SCHEDULER, unreachable
from tests.services.orders.harness import OrdersHarness


@pytest.fixture(autouse=True)
def _patience() -> Any:
    with mock.patch("services.orders.application.saga_watchdog.START_TIMEOUT", 0.05):
        yield


async def listed(town: OrdersHarness, token: str, role: str) -> dict[str, Any]:
    (order,) = (await town.request_ok("GET", f"/orders?role={role}", token))["orders"]
    found: dict[str, Any] = order
    return found


@pytest.mark.parametrize("lacks", [PLACEMENT, SCHEDULER])
async def test_who_reads_an_order_that_waits_is_told_why_and_that_nothing_is_lost(
    town: OrdersHarness, caplog: pytest.LogCaptureFixture, lacks: str
) -> None:
    history = town.world.history("orders")
    history.missing_service = lacks
    cart = await town.fill_cart()
    body = town.checkout(cart)
    placed = await town.request_ok("POST", "/checkouts", json=body)
    again = await town.request_ok("POST", "/checkouts", json=body)
    shown = await town.request_ok("GET", f"/orders/{placed['id']}", town.seller)
    rows = [await listed(town, town.buyer, "buyer"), await listed(town, town.seller, "seller")]
    for order in (placed, again, shown, *rows):
        assert order["state"] == "placed"
        assert unreachable(lacks) in order["reason"]
        assert "Nothing is lost" in order["reason"]
    (said,) = (r for r in caplog.records if r.message == "a workflow is started later")
    assert said.__dict__["why"] == unreachable(lacks)
    history.missing_service = ""
    done = await town.wait_until_final(placed["id"])
    assert (done["state"], done["reason"]) == ("completed", "")
    await town.check_consistency()


async def test_an_order_that_is_cancelled_meanwhile_says_both(town: OrdersHarness) -> None:
    town.world.history("orders").missing_service = PLACEMENT
    id = await town.place()
    cancelled = await town.request_ok("POST", f"/orders/{id}/cancel")
    assert cancelled["state"] == "ending"
    assert cancelled["reason"].startswith("cancel_requested. This order waits.")
    town.world.history("orders").missing_service = ""
    assert (await town.wait_until_final(id))["reason"] == "cancel_requested"
    await town.check_consistency()


async def test_a_refund_that_waits_says_so_and_what_is_at_rest_does_not(
    town: OrdersHarness,
) -> None:
    id = await town.place()
    await town.wait_until_final(id)
    town.world.history("orders").missing_service = SCHEDULER
    assert (await town.order(id))["reason"] == ""
    refunding = await town.request_ok("POST", f"/orders/{id}/refund", town.seller)
    assert refunding["state"] == "refunding"
    assert unreachable(SCHEDULER) in refunding["reason"]
    town.world.history("orders").missing_service = ""
    assert (await town.wait_until_final(id))["state"] == "refunded"
    await town.check_consistency()


async def test_an_engine_that_only_does_not_answer_is_a_reason_until_it_does(
    town: OrdersHarness,
) -> None:
    town.orders.sidecar.faults.fail("start")
    waiting = await town.request_ok(
        "POST", "/checkouts", json=town.checkout(await town.fill_cart())
    )
    assert NO_ANSWER in waiting["reason"]
    await town.wait_until_final(waiting["id"])
    assert town.workflows.problem == ""


async def test_what_others_hear_of_an_order_that_waits_has_no_reason(town: OrdersHarness) -> None:
    town.world.history("orders").missing_service = PLACEMENT
    id = await town.place()
    await town.world.settle()
    (told,) = (e for e in town.world.broker.events("orders") if e["subject"] == id)
    assert told["data"]["reason"] == ""
    town.world.history("orders").missing_service = ""
    await town.wait_until_final(id)
