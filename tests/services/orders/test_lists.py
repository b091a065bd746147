"""The lists of orders: projected from events, also after crashes, at low cost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.chassis.storage.segmented_list import SegmentedLists
from services.orders.repository import OPEN_LIST
from tests.fakes import Call
from tests.services.orders.harness import BUYER, OrdersHarness, eventually, orders_app
from tests.services.orders.test_saga import MANY

KINDS = ("buyer:", "seller:", "shop:", "register:", "open:")


def calls_about(harness: OrdersHarness, *kinds: str) -> list[str]:
    calls = harness.orders.sidecar.state.faults.calls
    return [call.name for call in calls if any(key.startswith(kinds) for key in call.about)]


async def published_views(harness: OrdersHarness, id: str) -> list[dict[str, Any]]:
    """The events of an order so far, by version."""
    events = [event for event in harness.cluster.broker.events("orders") if event["subject"] == id]
    return sorted(events, key=lambda event: int(event["entityversion"]))


async def state_calls(harness: OrdersHarness, event: dict[str, Any]) -> list[str]:
    """The state calls about lists that an event costs."""
    harness.orders.sidecar.state.faults.calls.clear()
    assert await harness.orders.deliver("orders", event) == "SUCCESS"
    return calls_about(harness, *KINDS, "order:")


async def opened(harness: OrdersHarness) -> list[str]:
    rows = await SegmentedLists(harness.cluster.state("orders"), "open").all(OPEN_LIST)
    return [row[0] for row in rows]


async def waiting(harness: OrdersHarness) -> str:
    harness.shop_services.pending = MANY
    id = await harness.place("tok_pending")

    async def waits() -> bool:
        return bool((await harness.order(id))["state"] == "waiting")

    await eventually(waits)
    return id


async def test_an_order_is_listed_with_one_write(
    harness: OrdersHarness,
) -> None:
    await harness.wait_until_final(await harness.place())
    await harness.check_consistency()
    harness.cluster.broker.hold()
    id = await harness.place()

    async def completed() -> bool:
        return bool((await harness.order(id))["state"] == "completed")

    await eventually(completed)

    async def published() -> bool:
        return len(await published_views(harness, id)) == 3

    await eventually(published)
    placed, paying, done = await published_views(harness, id)
    assert await state_calls(harness, placed) == ["get_many", "transact"]
    assert await state_calls(harness, paying) == []
    assert await state_calls(harness, done) == []
    assert await state_calls(harness, placed) == []
    harness.cluster.broker.release()
    await harness.check_consistency()


async def test_another_process_only_reads_that_an_order_is_listed(harness: OrdersHarness) -> None:
    id = await harness.place()
    await harness.wait_until_final(id)
    await harness.check_consistency()
    await harness.restart()
    _, paying, done = await published_views(harness, id)
    assert await state_calls(harness, paying) == ["get_many", "transact"], "it may be open again"
    await harness.check_open_orders()
    assert await opened(harness) == []
    await harness.restart()
    assert await state_calls(harness, done) == ["get_many"]
    await harness.check_consistency()


async def test_a_checkout_writes_intent_and_order_once_and_the_cart_twice(
    harness: OrdersHarness,
) -> None:
    body = harness.checkout(await harness.fill_cart())
    harness.orders.sidecar.faults.fail("start")
    harness.orders.sidecar.state.faults.calls.clear()
    await harness.request_ok("POST", "/checkouts", json=body)
    await harness.cluster.settle(1)
    made = calls_about(harness, "intent:", "cart:", "order:")
    assert made[:3] == ["get_many", "compare_and_set", "transact"], "the cart is claimed"
    # The order is written with its journal entry, and taken out of the cart.
    assert sorted(made[3:]) == ["compare_and_set", "get", "transact"]


async def test_an_unfinished_order_is_listed_from_its_log(harness: OrdersHarness) -> None:
    id = await waiting(harness)
    await harness.cluster.settle()
    page = await harness.request_ok("GET", "/orders")
    assert page["orders"] == [await harness.order(id)]
    harness.shop_services.pending = 0
    await harness.wait_until_final(id)
    await harness.check_consistency()
    assert (await harness.request_ok("GET", "/orders"))["orders"] == [await harness.order(id)]


@pytest.mark.parametrize(
    ("call", "about", "after"),
    [
        ("get_many", "buyer:", False),
        ("transact", "seller:", False),
        ("transact", "seller:", True),
        ("compare_and_set", "buyer:", False),
        ("compare_and_set", "buyer:", True),
    ],
)
async def test_a_crash_while_an_order_is_listed_loses_nothing(
    harness: OrdersHarness, call: str, about: str, after: bool
) -> None:
    earlier = await harness.place()
    await harness.wait_until_final(earlier)
    await harness.check_consistency()
    is_first = (call, about) == ("compare_and_set", "buyer:")
    if is_first:
        await harness.cluster.state("orders").delete(f"buyer:{BUYER}")
    sidecar = harness.orders.sidecar
    sidecar.state.faults.dead = sidecar.faults.dead
    sidecar.state.faults.crash(call, about=about, after=after)
    id = await harness.place()
    await harness.wait_until_final(id)

    async def died() -> bool:
        return sidecar.faults.dead.is_set()

    await eventually(died)
    if harness.orders.sidecar is sidecar:
        await harness.restart()
    await harness.cluster.settle()
    if is_first:
        await SegmentedLists(harness.cluster.state("orders"), "buyer").insert(BUYER, [[earlier]])
    await harness.check_consistency()


async def test_events_in_any_order_repeated_and_on_two_replicas_make_the_same_lists(
    harness: OrdersHarness,
) -> None:
    await harness.cluster.start(orders_app, "orders")
    harness.cluster.broker.copies = 2
    harness.cluster.broker.hold()
    ids = [await harness.place(card) for card in ("tok_ok", "tok_declined", "tok_ok", "tok_ok")]

    async def ended() -> bool:
        states = [(await harness.order(id))["state"] for id in ids]
        return all(state in ("completed", "declined") for state in states)

    await eventually(ended)
    await harness.request_ok("POST", f"/orders/{ids[0]}/refund", harness.seller)

    async def refunded() -> bool:
        return bool((await harness.order(ids[0]))["state"] == "refunded")

    await eventually(refunded)
    harness.cluster.broker.release(seed=5)
    await harness.cluster.settle()
    await harness.check_consistency()


async def test_an_order_that_is_refunded_while_it_is_removed_from_the_open_list_stays_in_it(
    harness: OrdersHarness,
) -> None:
    id = await harness.place()

    async def completed() -> bool:
        return bool((await harness.order(id))["state"] == "completed")

    await eventually(completed)
    await harness.cluster.settle(1)
    if id not in await opened(harness):
        await SegmentedLists(harness.cluster.state("orders"), "open").insert(OPEN_LIST, [[id]])
    harness.shop_services.faults["refund"] = [_never] * 50
    faults = harness.orders.sidecar.state.faults

    async def meanwhile(call: Call) -> None:
        if call.name == "compare_and_set" and call.about[0].startswith("open:"):
            faults.before.clear()
            await harness.request_ok("POST", f"/orders/{id}/refund", harness.seller)

    faults.before.append(meanwhile)
    await harness.watchdog().check()
    assert not faults.before, "the watchdog has removed nothing"
    assert await opened(harness) == [id]
    harness.shop_services.faults.clear()
    await harness.restart()
    assert (await harness.wait_until_final(id))["state"] == "refunded"
    await harness.check_consistency()


async def _never(_: Any) -> Any:
    await asyncio.get_running_loop().create_future()
