"""Every step of the saga, with everything that can go wrong there: the order comes to its end.

And then money, stock and what is shown agree with that end, for all orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.chassis.errors import OutcomeUnknown, Unavailable
from services.chassis.storage.segmented_list import SegmentedLists
from tests.fakes import World
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


async def is_declined(town: OrdersHarness) -> str:
    return await town.place("tok_declined")


async def is_cancelled(town: OrdersHarness) -> str:
    """An order that its buyer cancels while the payment is pending."""
    town.shop_services.pending = MANY
    id = await town.place("tok_pending")

    async def waits() -> bool:
        return bool((await town.order(id))["state"] == "waiting")

    await eventually(waits)
    assert (await town.request_ok("POST", f"/orders/{id}/cancel"))["state"] == "ending"
    return id


ENDINGS: dict[str, tuple[Callable[[OrdersHarness], Awaitable[str]], tuple[str, ...]]] = {
    "completed": (OrdersHarness.place, FORWARD),
    "declined": (is_declined, ("reserve", "authorize", *BACK)),
    "cancelled": (is_cancelled, BACK),
}
TABLE = [
    (end, step, wrong) for end, (_, steps) in ENDINGS.items() for step in steps for wrong in WRONG
]


def misdeed(town: OrdersHarness, wrong: str) -> Fault:
    return town.crash if wrong == "kills the process" else ONCE[wrong]


@pytest.mark.parametrize(("end", "step", "wrong"), TABLE, ids=lambda value: value)
async def test_one_mishap_changes_nothing_of_the_end(
    town: OrdersHarness, end: str, step: str, wrong: str
) -> None:
    town.shop_services.faults[step] = [misdeed(town, wrong)]
    id = await ENDINGS[end][0](town)
    assert (await town.wait_until_final(id))["state"] == end
    await town.check_consistency()


@pytest.mark.parametrize("wrong", ["fails", "is lost", "times out"])
@pytest.mark.parametrize("step", FORWARD[:3])
async def test_a_step_that_goes_on_failing_turns_the_order_back(
    town: OrdersHarness, step: str, wrong: str
) -> None:
    town.shop_services.faults[step] = [ONCE[wrong]] * MANY
    order = await town.wait_until_final(await town.place())
    assert order["state"] == "failed"
    assert not order["paid"]
    assert "no answer" in order["reason"]
    await town.check_consistency()


@pytest.mark.parametrize("wrong", ["fails", "is lost", "times out"])
@pytest.mark.parametrize("step", ["capture", *BACK])
async def test_what_must_be_gone_through_is_tried_until_it_works(
    town: OrdersHarness, step: str, wrong: str
) -> None:
    town.shop_services.faults[step] = [ONCE[wrong]] * 50
    id = await town.place("tok_ok" if step == "capture" else "tok_declined")
    order = await town.wait_until_final(id)
    assert order["state"] == ("completed" if step == "capture" else "declined")
    await town.check_consistency()


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("step", REFUND)
async def test_one_mishap_changes_nothing_of_a_refund(
    town: OrdersHarness, step: str, wrong: str
) -> None:
    id = await town.place()
    await town.wait_until_final(id)
    town.shop_services.faults[step] = [misdeed(town, wrong)]
    assert await town.request_until_answered("POST", f"/orders/{id}/refund", town.seller) == id

    async def refunded() -> bool:
        return bool((await town.wait_until_final(id))["state"] == "refunded")

    await eventually(refunded)
    await town.check_consistency()


@pytest.mark.parametrize("card", ["tok_ok", "tok_declined"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 4))
async def test_it_dies_around_any_commit_of_the_order(
    town: OrdersHarness, card: str, moment: str, commit: int
) -> None:
    cart = await town.fill_cart()
    body = town.checkout(cart, card)
    sidecar = town.orders.sidecar
    sidecar.state.faults.dead = sidecar.faults.dead
    sidecar.state.faults.crash(
        "compare_and_set", about="order:", nth=commit, after=moment == "after"
    )
    id = await town.request_until_answered("POST", "/checkouts", json=body)
    order = await town.wait_until_final(id)
    assert sidecar.faults.dead.is_set()
    assert order["state"] == ("completed" if card == "tok_ok" else "declined")
    await town.check_consistency()
    assert len(town.world.state("orders").keys("order:")) == 1


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
"""Where a checkout may be cut off: the first swap of the cart is what decides."""


@pytest.mark.parametrize("retried", [True, False], ids=["retried", "left alone"])
@pytest.mark.parametrize(("about", "commit", "moment"), CUTS)
async def test_a_checkout_that_is_cut_off_loses_neither_cart_nor_order(
    town: OrdersHarness, about: str, commit: int, moment: str, *, retried: bool
) -> None:
    body = town.checkout(await town.fill_cart())
    sidecar = town.orders.sidecar
    sidecar.state.faults.dead = sidecar.faults.dead
    sidecar.state.faults.crash("compare_and_set", about=about, nth=commit, after=moment == "after")
    if retried:
        id = await town.request_until_answered("POST", "/checkouts", json=body)
    else:
        await town.survive(town.request_ok("POST", "/checkouts", json=body))
        await town.world.settle(3)
    assert sidecar.faults.dead.is_set()
    cart = await town.request_ok("GET", "/cart")
    ids = [key.removeprefix("order:") for key in town.world.state("orders").keys("order:")]
    taken = retried or CUTS.index((about, commit, moment)) >= CUTS.index(("cart:", 1, "after"))
    assert (len(ids), len(cart["lines"])) == ((1, 0) if taken else (0, 1))
    for id in ids:
        assert (await town.wait_until_final(id))["state"] == "completed"
    if retried:
        assert ids == [id]
    else:
        again = await town.request_ok("POST", "/checkouts", json=body)
        assert not ids or ids == [again["id"]]
    assert town.world.state("orders").peek(f"cart:{BUYER}")["data"]["order"] is None
    await town.check_consistency()


async def test_everything_done_twice_at_once_is_done_once(town: OrdersHarness) -> None:
    town.world.history("orders").twice = True
    ids = [await town.place(card) for card in ("tok_ok", "tok_declined", "tok_ok")]
    ends = [(await town.wait_until_final(id))["state"] for id in ids]
    assert ends == ["completed", "declined", "completed"]
    await town.request_ok("POST", f"/orders/{ids[0]}/refund", town.seller)
    assert (await town.wait_until_final(ids[0]))["state"] == "refunded"
    await town.check_consistency()


@pytest.mark.parametrize("error", [Unavailable("no engine"), OutcomeUnknown("no engine")])
async def test_an_order_whose_workflow_was_never_begun_is_found(
    town: OrdersHarness, error: Exception
) -> None:
    town.orders.sidecar.faults.fail("start", error=error)
    id = await town.place()
    assert (await town.order(id))["state"] == "placed"
    assert (await town.wait_until_final(id))["state"] == "completed"
    await town.check_consistency()


async def test_an_order_whose_workflow_was_lost_by_the_engine_is_begun_anew(
    town: OrdersHarness,
) -> None:
    town.shop_services.faults["capture"] = [town.crash]
    id = await town.place()

    async def dead() -> bool:
        return town.orders.sidecar.faults.dead.is_set()

    await eventually(dead)
    town.world.history("orders").instances.clear()
    assert (await town.wait_until_final(id))["state"] == "completed"
    await town.check_consistency()


async def test_one_damaged_order_does_not_stop_the_watchdog(town: OrdersHarness) -> None:
    town.orders.sidecar.faults.fail("start", error=Unavailable("no engine"))
    id = await town.place()
    damaged = str(int(id) - 1)
    state = town.world.state("orders")
    await state.set(f"order:{damaged}", {"schema": 1, "version": 1, "data": {"id": damaged}})
    open_orders = SegmentedLists(state, "open")
    await open_orders.insert("all", [[damaged]])
    assert (await town.wait_until_final(id))["state"] == "completed"
    await town.check_open_orders()
    assert [row[0] for row in await open_orders.all("all")] == [damaged]


async def test_two_replicas_share_the_work(town: OrdersHarness) -> None:
    from tests.services.orders.harness import orders_app

    await town.world.start(orders_app, "orders")
    ids = [await town.place() for _ in range(6)]
    assert [(await town.wait_until_final(id))["state"] for id in ids] == ["completed"] * 6
    await town.check_consistency()


async def test_a_payment_that_stays_pending_is_given_up(town: OrdersHarness) -> None:
    town.shop_services.pending = MANY
    order = await town.wait_until_final(await town.place("tok_pending"))
    assert order["state"] == "failed"
    assert "still pending" in order["reason"]
    await town.check_consistency()


async def test_a_payment_that_was_pending_goes_through(town: OrdersHarness) -> None:
    town.shop_services.pending = 3
    order = await town.wait_until_final(await town.place("tok_pending"))
    assert order["state"] == "completed"
    assert [entry["what"] for entry in order["history"]] == [
        *("placed", "reserved", "payment_pending"),
        *("authorized", "confirmed", "capturing", "completed"),
    ]
    await town.check_consistency()


async def test_a_capture_that_is_refused_gives_everything_back(town: OrdersHarness) -> None:
    order = await town.wait_until_final(await town.place("tok_uncapturable"))
    assert (order["state"], order["reason"]) == ("failed", "The card has expired.")
    await town.check_consistency()


async def test_a_refund_that_is_refused_can_be_asked_for_again(town: OrdersHarness) -> None:
    id = await town.place("tok_unrefundable")
    await town.wait_until_final(id)
    await town.request_ok("POST", f"/orders/{id}/refund", town.seller)
    order = await town.wait_until_final(id)
    assert (order["state"], order["reason"]) == ("completed", "The account is closed.")
    town.shop_services.payments[id] |= {"card": "tok_ok", "reason": ""}
    await town.request_ok("POST", f"/orders/{id}/refund", town.seller)
    assert (await town.wait_until_final(id))["state"] == "refunded"
    await town.check_consistency()


async def test_a_hundred_buyers_of_ten_pieces_end_with_ten_orders() -> None:
    async with World() as world:
        town = await OrdersHarness.start(world)
        variant = town.variant(stock=10)
        cart = await town.fill_cart(variant, 1)
        item = {"product": variant, "variant": variant, "quantity": 1}
        tokens = [world.token(str(10**17 + n), "read:shop write:shop") for n in range(100)]

        async def buy(token: str) -> str:
            await town.request_ok("PUT", "/cart", token, json={"items": [item]})
            answer = await town.request("POST", "/checkouts", token, json=town.checkout(cart))
            if answer.status == 409:
                return "out of stock"
            id = answer.json()["id"]

            async def rests() -> bool:
                found = await town.request_ok("GET", f"/orders/{id}", token)
                return bool(found["state"] in ("completed", "failed"))

            await eventually(rests)
            state: str = (await town.request_ok("GET", f"/orders/{id}", token))["state"]
            return state

        ends = await asyncio.gather(*map(buy, tokens))
        assert ends.count("completed") == 10
        assert town.shop_services.stock[variant] == 0
