"""Every step of the saga with every fault: the order becomes final.

Then money, stock and lists match the outcome of all orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.chassis.errors import OutcomeUnknown, Unavailable
from services.chassis.ids import timestamp
from services.chassis.storage.segmented_list import SegmentedLists
from services.orders.adapters.shop_services import ShopServices
from services.orders.application.checkout_activities import CheckoutActivities
from services.orders.application.order_logs import OrderLogs
from services.orders.application.order_outcomes import OrderOutcomes
from services.orders.repository import Repository
from tests.fakes import FakeCluster
from tests.fakes.workflows import WorkflowInstance
from tests.services.orders.harness import (
    BUYER,
    Fault,
    OrdersHarness,
    eventually,
    fails_before,
    happens_twice,
    is_lost,
    times_out_after,
)

FORWARD = ("reserve", "authorize", "confirm", "capture")
BACK = ("void", "release")
REFUND = ("refund", "restock")
ONCE: dict[str, Fault] = {
    "fails": fails_before,
    "is lost": is_lost,
    "times out": times_out_after,
    "is done twice": happens_twice,
}
WRONG = (*ONCE, "kills the process")
MANY = 400


async def is_declined(harness: OrdersHarness) -> str:
    return await harness.place("tok_declined")


async def is_cancelled(harness: OrdersHarness) -> str:
    """Place an order that its buyer cancels while the payment is pending."""
    harness.shop_services.pending = MANY
    id = await harness.place("tok_pending")

    async def waits() -> bool:
        return bool((await harness.order(id))["state"] == "waiting")

    await eventually(waits)
    assert (await harness.request_ok("POST", f"/orders/{id}/cancel"))["state"] == "ending"
    return id


ENDINGS: dict[str, tuple[Callable[[OrdersHarness], Awaitable[str]], tuple[str, ...]]] = {
    "completed": (OrdersHarness.place, FORWARD),
    "declined": (is_declined, ("reserve", "authorize", *BACK)),
    "cancelled": (is_cancelled, BACK),
}
TABLE = [
    (end, step, wrong) for end, (_, steps) in ENDINGS.items() for step in steps for wrong in WRONG
]


def fault(harness: OrdersHarness, wrong: str) -> Fault:
    return harness.crash if wrong == "kills the process" else ONCE[wrong]


@pytest.mark.parametrize(("end", "step", "wrong"), TABLE, ids=lambda value: value)
async def test_one_fault_does_not_change_the_outcome(
    harness: OrdersHarness, end: str, step: str, wrong: str
) -> None:
    harness.shop_services.faults[step] = [fault(harness, wrong)]
    id = await ENDINGS[end][0](harness)
    assert (await harness.wait_until_final(id))["state"] == end
    await harness.check_consistency()


@pytest.mark.parametrize("wrong", ["fails", "is lost", "times out"])
@pytest.mark.parametrize("step", FORWARD[:3])
async def test_a_step_that_keeps_failing_reverses_the_checkout(
    harness: OrdersHarness, step: str, wrong: str
) -> None:
    harness.shop_services.faults[step] = [ONCE[wrong]] * MANY
    order = await harness.wait_until_final(await harness.place())
    assert order["state"] == "failed"
    assert not order["paid"]
    assert "no answer" in order["reason"]
    await harness.check_consistency()


@pytest.mark.parametrize("wrong", ["fails", "is lost", "times out"])
@pytest.mark.parametrize("step", ["capture", *BACK])
async def test_a_step_that_must_succeed_is_retried_until_it_does(
    harness: OrdersHarness, step: str, wrong: str
) -> None:
    harness.shop_services.faults[step] = [ONCE[wrong]] * 50
    id = await harness.place("tok_ok" if step == "capture" else "tok_declined")
    order = await harness.wait_until_final(id)
    assert order["state"] == ("completed" if step == "capture" else "declined")
    await harness.check_consistency()


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("step", REFUND)
async def test_one_fault_does_not_change_a_refund(
    harness: OrdersHarness, step: str, wrong: str
) -> None:
    id = await harness.place()
    await harness.wait_until_final(id)
    harness.shop_services.faults[step] = [fault(harness, wrong)]
    assert (
        await harness.request_until_answered("POST", f"/orders/{id}/refund", harness.seller) == id
    )

    async def refunded() -> bool:
        return bool((await harness.wait_until_final(id))["state"] == "refunded")

    await eventually(refunded)
    await harness.check_consistency()


@pytest.mark.parametrize("card", ["tok_ok", "tok_declined"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 4))
async def test_a_crash_around_any_commit_of_the_order_changes_nothing(
    harness: OrdersHarness, card: str, moment: str, commit: int
) -> None:
    cart = await harness.fill_cart()
    body = harness.checkout(cart, card)
    sidecar = harness.orders.sidecar
    sidecar.state.faults.dead = sidecar.faults.dead
    sidecar.state.faults.crash(
        "compare_and_set", about="order:", nth=commit, after=moment == "after"
    )
    id = await harness.request_until_answered("POST", "/checkouts", json=body)
    order = await harness.wait_until_final(id)
    assert sidecar.faults.dead.is_set()
    assert order["state"] == ("completed" if card == "tok_ok" else "declined")
    await harness.check_consistency()
    assert len(harness.cluster.state("orders").keys("order:")) == 1


CUTS = [
    ("intent:", 1, "before"),
    ("intent:", 1, "after"),
    ("cart:", 1, "before"),
    ("cart:", 1, "after"),
    ("order:", 1, "before"),
    ("order:", 1, "after"),
    ("cart:", 2, "before"),
    ("cart:", 2, "after"),
]
"""Where a checkout may be interrupted: the first write of the cart decides."""


@pytest.mark.parametrize("retried", [True, False], ids=["retried", "left alone"])
@pytest.mark.parametrize(("about", "commit", "moment"), CUTS)
async def test_an_interrupted_checkout_loses_neither_cart_nor_order(
    harness: OrdersHarness, about: str, commit: int, moment: str, *, retried: bool
) -> None:
    body = harness.checkout(await harness.fill_cart())
    sidecar = harness.orders.sidecar
    sidecar.state.faults.dead = sidecar.faults.dead
    sidecar.state.faults.crash("compare_and_set", about=about, nth=commit, after=moment == "after")
    if retried:
        id = await harness.request_until_answered("POST", "/checkouts", json=body)
    else:
        await harness.survive(harness.request_ok("POST", "/checkouts", json=body))
    await harness.survive(harness.cluster.settle(3))
    assert sidecar.faults.dead.is_set()
    cart = await harness.request_ok("GET", "/cart")
    ids = [key.removeprefix("order:") for key in harness.cluster.state("orders").keys("order:")]
    taken = retried or CUTS.index((about, commit, moment)) >= CUTS.index(("cart:", 1, "after"))
    assert (len(ids), len(cart["lines"])) == ((1, 0) if taken else (0, 1))
    for id in ids:
        assert (await harness.wait_until_final(id))["state"] == "completed"
    if retried:
        assert ids == [id]
    else:
        again = await harness.request_ok("POST", "/checkouts", json=body)
        assert not ids or ids == [again["id"]]
    await harness.cluster.settle()
    assert harness.cluster.state("orders").peek(f"cart:{BUYER}")["data"]["order"] is None
    await harness.check_consistency()


async def test_steps_that_happen_twice_have_one_effect(harness: OrdersHarness) -> None:
    harness.cluster.history("orders").twice = True
    ids = [await harness.place(card) for card in ("tok_ok", "tok_declined", "tok_ok")]
    ends = [(await harness.wait_until_final(id))["state"] for id in ids]
    assert ends == ["completed", "declined", "completed"]
    await harness.request_ok("POST", f"/orders/{ids[0]}/refund", harness.seller)
    assert (await harness.wait_until_final(ids[0]))["state"] == "refunded"
    await harness.check_consistency()


@pytest.mark.parametrize("error", [Unavailable("no engine"), OutcomeUnknown("no engine")])
async def test_an_order_whose_workflow_was_never_started_is_found(
    harness: OrdersHarness, error: Exception
) -> None:
    harness.orders.sidecar.faults.fail("start", error=error)
    id = await harness.place()
    assert (await harness.order(id))["state"] == "placed"
    assert (await harness.wait_until_final(id))["state"] == "completed"
    await harness.check_consistency()


async def test_an_order_whose_workflow_the_engine_lost_is_restarted(
    harness: OrdersHarness,
) -> None:
    harness.shop_services.faults["capture"] = [harness.crash]
    id = await harness.place()

    async def dead() -> bool:
        return harness.orders.sidecar.faults.dead.is_set()

    await eventually(dead)
    harness.cluster.history("orders").instances.clear()
    assert (await harness.wait_until_final(id))["state"] == "completed"
    await harness.check_consistency()


@pytest.mark.parametrize("done", range(4))
async def test_a_workflow_of_an_earlier_release_is_finished(
    harness: OrdersHarness, done: int
) -> None:
    """Its first steps are in its history. Steps that were interrupted are done again."""
    history = harness.cluster.history("orders")
    harness.orders.sidecar.faults.fail("start", error=Unavailable("no engine"))
    id = await harness.place()
    logs = OrderLogs(Repository(harness.orders.service), OrderOutcomes(), now=timestamp)
    shop_services = ShopServices(harness.orders.sidecar)
    activities = CheckoutActivities(logs, shop_services, harness.watchdog().start_by_steps).all()
    marks: list[Any] = []
    instance = WorkflowInstance("checkout", id)
    for step in ("reserve", "authorise", "confirm")[:done]:
        answer = await activities[step]({"order": id, "marks": marks})
        instance.answers.append((answer, None))
        marks += answer.get("marks", [])
    history.instances[id] = instance
    history.reassign()
    assert (await harness.wait_until_final(id))["state"] == "completed"
    assert harness.shop_services.calls.count("reserve") == 1
    assert [entry["what"] for entry in (await harness.order(id))["history"]] == [
        *("placed", "reserved", "authorized", "confirmed", "capturing", "completed")
    ]
    await harness.check_consistency()


async def test_a_workflow_that_waits_for_a_lost_result_is_started_anew(
    harness: OrdersHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = harness.cluster.history("orders")
    history.pace = 1_000.0
    harness.shop_services.pending = MANY
    id = await harness.place("tok_pending")

    async def waits() -> bool:
        return any(id in engine.tasks for engine in history.engines)

    await eventually(waits)
    for engine in history.engines:
        if id in engine.tasks:
            engine.tasks.pop(id).cancel()
    lost = history.instances[id]
    await harness.check_open_orders()
    assert history.instances[id] is lost  # as far as the engine knows, it is running
    history.pace, harness.shop_services.pending = 0.0, 0
    with monkeypatch.context() as patch:
        patch.setattr("services.orders.application.saga_watchdog.STALL_TIMEOUT", -1.0)
        await harness.check_open_orders()
    assert history.instances[id] is not lost
    await harness.wait_until_final(id)
    await harness.check_consistency()


async def test_one_damaged_order_does_not_stop_the_watchdog(harness: OrdersHarness) -> None:
    harness.orders.sidecar.faults.fail("start", error=Unavailable("no engine"))
    id = await harness.place()
    damaged = str(int(id) - 1)
    state = harness.cluster.state("orders")
    await state.set(f"order:{damaged}", {"schema": 1, "version": 1, "data": {"id": damaged}})
    open_orders = SegmentedLists(state, "open")
    await open_orders.insert("all", [[damaged]])
    assert (await harness.wait_until_final(id))["state"] == "completed"
    await harness.check_open_orders()
    assert [row[0] for row in await open_orders.all("all")] == [damaged]


async def test_two_replicas_share_the_work(harness: OrdersHarness) -> None:
    from tests.services.orders.harness import orders_app

    await harness.cluster.start(orders_app, "orders")
    ids = [await harness.place() for _ in range(6)]
    assert [(await harness.wait_until_final(id))["state"] for id in ids] == ["completed"] * 6
    await harness.check_consistency()


async def test_a_payment_that_stays_pending_is_given_up(harness: OrdersHarness) -> None:
    harness.shop_services.pending = MANY
    order = await harness.wait_until_final(await harness.place("tok_pending"))
    assert order["state"] == "failed"
    assert "still pending" in order["reason"]
    await harness.check_consistency()


async def test_a_pending_payment_succeeds_later(harness: OrdersHarness) -> None:
    harness.shop_services.pending = 3
    order = await harness.wait_until_final(await harness.place("tok_pending"))
    assert order["state"] == "completed"
    assert [entry["what"] for entry in order["history"]] == [
        *("placed", "reserved", "payment_pending"),
        *("authorized", "confirmed", "capturing", "completed"),
    ]
    await harness.check_consistency()


async def test_a_refused_capture_gives_everything_back(harness: OrdersHarness) -> None:
    order = await harness.wait_until_final(await harness.place("tok_uncapturable"))
    assert (order["state"], order["reason"]) == ("failed", "The card has expired.")
    await harness.check_consistency()


async def test_a_refused_refund_can_be_requested_again(harness: OrdersHarness) -> None:
    id = await harness.place("tok_unrefundable")
    await harness.wait_until_final(id)
    await harness.request_ok("POST", f"/orders/{id}/refund", harness.seller)
    order = await harness.wait_until_final(id)
    assert (order["state"], order["reason"]) == ("completed", "The account is closed.")
    harness.shop_services.payments[id] |= {"card": "tok_ok", "reason": ""}
    await harness.request_ok("POST", f"/orders/{id}/refund", harness.seller)
    assert (await harness.wait_until_final(id))["state"] == "refunded"
    await harness.check_consistency()


async def test_a_hundred_buyers_of_ten_pieces_get_ten_orders() -> None:
    async with FakeCluster() as cluster:
        harness = await OrdersHarness.start(cluster)
        variant = harness.variant(stock=10)
        cart = await harness.fill_cart(variant, 1)
        item = {"product": variant, "variant": variant, "quantity": 1}
        tokens = [cluster.token(str(10**17 + n), "read:shop write:shop") for n in range(100)]

        async def buy(token: str) -> str:
            await harness.request_ok("PUT", "/cart", token, json={"items": [item]})
            answer = await harness.request("POST", "/checkouts", token, json=harness.checkout(cart))
            if answer.status == 409:
                return "out of stock"
            id = answer.json()["id"]

            async def rests() -> bool:
                found = await harness.request_ok("GET", f"/orders/{id}", token)
                return bool(found["state"] in ("completed", "failed"))

            await eventually(rests)
            state: str = (await harness.request_ok("GET", f"/orders/{id}", token))["state"]
            return state

        ends = await asyncio.gather(*map(buy, tokens))
        assert ends.count("completed") == 10
        assert harness.shop_services.stock[variant] == 0
