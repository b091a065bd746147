"""An order says why it waits while no workflow can run, and continues later."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from services.chassis.workflows.engine import NO_ANSWER, PLACEMENT, SCHEDULER, unreachable
from tests.services.orders.harness import OrdersHarness


@pytest.fixture(autouse=True)
def _patience() -> Any:
    application = "services.orders.application"
    with (
        mock.patch(f"{application}.saga_watchdog.START_TIMEOUT", 0.05),
        mock.patch(f"{application}.checkout_starts.START_TIMEOUT", 0.05),
    ):
        yield


async def listed(harness: OrdersHarness, token: str, role: str) -> dict[str, Any]:
    (order,) = (await harness.request_ok("GET", f"/orders?role={role}", token))["orders"]
    found: dict[str, Any] = order
    return found


@pytest.mark.parametrize("lacks", [PLACEMENT, SCHEDULER])
async def test_a_waiting_order_says_why_it_waits_and_that_nothing_is_lost(
    harness: OrdersHarness, caplog: pytest.LogCaptureFixture, lacks: str
) -> None:
    history = harness.cluster.history("orders")
    history.missing_service = lacks
    cart = await harness.fill_cart()
    body = harness.checkout(cart)
    placed = await harness.request_ok("POST", "/checkouts", json=body)
    again = await harness.request_ok("POST", "/checkouts", json=body)
    shown = await harness.request_ok("GET", f"/orders/{placed['id']}", harness.seller)
    rows = [
        await listed(harness, harness.buyer, "buyer"),
        await listed(harness, harness.seller, "seller"),
    ]
    for order in (placed, again, shown, *rows):
        assert order["state"] == "placed"
        assert unreachable(lacks) in order["reason"]
        assert "Nothing is lost" in order["reason"]
    (said,) = (r for r in caplog.records if r.message == "a workflow is started later")
    assert said.__dict__["why"] == unreachable(lacks)
    history.missing_service = ""
    done = await harness.wait_until_final(placed["id"])
    assert (done["state"], done["reason"]) == ("completed", "")
    await harness.check_consistency()


async def test_an_order_that_is_cancelled_while_it_waits_says_both(harness: OrdersHarness) -> None:
    harness.cluster.history("orders").missing_service = PLACEMENT
    id = await harness.place()
    cancelled = await harness.request_ok("POST", f"/orders/{id}/cancel")
    assert cancelled["state"] == "ending"
    assert cancelled["reason"].startswith("cancel_requested. This order waits.")
    harness.cluster.history("orders").missing_service = ""
    assert (await harness.wait_until_final(id))["reason"] == "cancel_requested"
    await harness.check_consistency()


async def test_a_waiting_refund_says_why_and_a_final_order_does_not(
    harness: OrdersHarness,
) -> None:
    id = await harness.place()
    await harness.wait_until_final(id)
    harness.cluster.history("orders").missing_service = SCHEDULER
    assert (await harness.order(id))["reason"] == ""
    refunding = await harness.request_ok("POST", f"/orders/{id}/refund", harness.seller)
    assert refunding["state"] == "refunding"
    assert unreachable(SCHEDULER) in refunding["reason"]
    harness.cluster.history("orders").missing_service = ""
    assert (await harness.wait_until_final(id))["state"] == "refunded"
    await harness.check_consistency()


async def test_an_engine_without_an_answer_is_a_reason_until_it_answers(
    harness: OrdersHarness,
) -> None:
    harness.orders.sidecar.faults.fail("start")
    waiting = await harness.request_ok(
        "POST", "/checkouts", json=harness.checkout(await harness.fill_cart())
    )
    assert NO_ANSWER in waiting["reason"]
    await harness.wait_until_final(waiting["id"])
    assert harness.workflows.problem == ""


async def test_the_event_of_a_waiting_order_has_no_reason(harness: OrdersHarness) -> None:
    harness.cluster.history("orders").missing_service = PLACEMENT
    id = await harness.place()
    await harness.cluster.settle()
    (published,) = (e for e in harness.cluster.broker.events("orders") if e["subject"] == id)
    assert published["data"]["reason"] == ""
    harness.cluster.history("orders").missing_service = ""
    await harness.wait_until_final(id)


async def test_the_operator_sees_the_workflows_of_orders_that_are_not_final(
    harness: OrdersHarness,
) -> None:
    history = harness.cluster.history("orders")
    done = await harness.place()
    await harness.wait_until_final(done)
    history.missing_service = PLACEMENT
    waiting = await harness.place()
    answer = (await harness.orders.operate("GET", "/workflows")).json()
    (row,) = answer["workflows"]
    assert (row["id"], row["name"], row["state"]) == (waiting, "checkout", "placed")
    assert (row["status"], row["why"]) == ("unknown", unreachable(PLACEMENT))
    assert [event["what"] for event in row["history"]] == ["placed"]
    assert answer["more"] is False
    history.missing_service = ""
    await harness.wait_until_final(waiting)
    assert (await harness.orders.operate("GET", "/workflows")).json()["workflows"] == []
    for caller in ("gateway", "payments"):
        assert (await harness.orders.call("GET", "/workflows", caller=caller)).status == 403
