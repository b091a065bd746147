"""What lists show of orders: made of the news of them, whatever becomes of that, at little cost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.chassis.storage.segmented_list import SegmentedLists
from services.orders.repository import OPEN_LIST
from tests.fakes import Call
from tests.services.orders.harness import BUYER, OrdersHarness, eventually, orders_app
from tests.services.orders.test_saga import MANY

KINDS = ("page:", "buyer:", "seller:", "shop:", "register:", "open:")


def calls_about(town: OrdersHarness, *kinds: str) -> list[str]:
    calls = town.orders.sidecar.state.faults.calls
    return [call.name for call in calls if any(key.startswith(kinds) for key in call.about)]


async def told(town: OrdersHarness, id: str) -> list[dict[str, Any]]:
    """The news of an order so far, in the order of its versions."""
    events = [event for event in town.world.broker.events("orders") if event["subject"] == id]
    return sorted(events, key=lambda event: int(event["entityversion"]))


async def hears(town: OrdersHarness, event: dict[str, Any]) -> list[str]:
    """What calls about lists it takes to hear some news."""
    town.orders.sidecar.state.faults.calls.clear()
    answer = await town.orders.call("POST", "/events/orders", caller="", json=event)
    assert answer.json()["status"] == "SUCCESS"
    return calls_about(town, *KINDS, "order:")


async def opened(town: OrdersHarness) -> list[str]:
    rows = await SegmentedLists(town.world.state("orders"), "open").all(OPEN_LIST)
    return [row[0] for row in rows]


async def waiting(town: OrdersHarness) -> str:
    town.shop_services.pending = MANY
    id = await town.place("tok_pending")

    async def waits() -> bool:
        return bool((await town.order(id))["state"] == "waiting")

    await eventually(waits)
    return id


async def test_an_order_is_listed_with_one_write_and_gets_one_page(town: OrdersHarness) -> None:
    await town.wait_until_final(await town.place())
    await town.check_consistency()
    town.world.broker.hold()
    id = await town.place()

    async def completed() -> bool:
        return bool((await town.order(id))["state"] == "completed")

    await eventually(completed)

    async def published() -> bool:
        return len(await told(town, id)) == 3

    await eventually(published)
    placed, paying, done = await told(town, id)
    assert await hears(town, placed) == ["get_many", "transact"]
    assert await hears(town, paying) == []
    assert await hears(town, done) == ["compare_and_set"]
    assert await hears(town, placed) == []
    town.world.broker.release()
    await town.check_consistency()


async def test_another_process_only_sees_that_an_order_is_listed(town: OrdersHarness) -> None:
    id = await town.place()
    await town.wait_until_final(id)
    await town.check_consistency()
    await town.restart()
    _, paying, done = await told(town, id)
    assert await hears(town, paying) == ["get_many", "transact"], "it may be open again"
    await town.check_open_orders()
    assert await opened(town) == []
    await town.restart()
    assert await hears(town, done) == ["get_many", "compare_and_set", "get"]
    await town.check_consistency()


async def test_a_checkout_writes_intent_and_order_once_and_the_cart_twice(
    town: OrdersHarness,
) -> None:
    body = town.checkout(await town.fill_cart())
    town.orders.sidecar.faults.fail("start")
    town.orders.sidecar.state.faults.calls.clear()
    await town.request_ok("POST", "/checkouts", json=body)
    assert calls_about(town, "intent:", "cart:", "order:") == [
        *(
            "get_many",
            "compare_and_set",
            "compare_and_set",
            "compare_and_set",
            "get",
            "compare_and_set",
        ),
    ]


async def test_what_was_never_at_rest_is_shown_as_its_log_says(town: OrdersHarness) -> None:
    id = await waiting(town)
    await town.world.settle()
    assert town.world.state("orders").peek(f"page:{id}") is None
    page = await town.request_ok("GET", "/orders")
    assert page["orders"] == [await town.order(id)]
    town.shop_services.pending = 0
    await town.wait_until_final(id)
    await town.check_consistency()
    assert (await town.request_ok("GET", "/orders"))["orders"] == [await town.order(id)]


@pytest.mark.parametrize(
    ("call", "about", "after"),
    [
        ("get_many", "buyer:", False),
        ("transact", "seller:", False),
        ("transact", "seller:", True),
        ("compare_and_set", "buyer:", False),
        ("compare_and_set", "buyer:", True),
        ("compare_and_set", "page:", False),
        ("compare_and_set", "page:", True),
    ],
)
async def test_a_crash_while_an_order_is_listed_leaves_nothing_out(
    town: OrdersHarness, call: str, about: str, after: bool
) -> None:
    earlier = await town.place()
    await town.wait_until_final(earlier)
    await town.check_consistency()
    is_first = (call, about) == ("compare_and_set", "buyer:")
    if is_first:
        await town.world.state("orders").delete(f"buyer:{BUYER}")
    sidecar = town.orders.sidecar
    sidecar.state.faults.dead = sidecar.faults.dead
    sidecar.state.faults.crash(call, about=about, after=after)
    id = await town.place()
    await town.wait_until_final(id)

    async def died() -> bool:
        return sidecar.faults.dead.is_set()

    await eventually(died)
    if town.orders.sidecar is sidecar:
        await town.restart()
    await town.world.settle()
    if is_first:
        await SegmentedLists(town.world.state("orders"), "buyer").insert(BUYER, [[earlier]])
    await town.check_consistency()


async def test_news_in_any_order_twice_and_to_two_replicas_make_the_same_lists(
    town: OrdersHarness,
) -> None:
    await town.world.start(orders_app, "orders")
    town.world.broker.copies = 2
    town.world.broker.hold()
    ids = [await town.place(card) for card in ("tok_ok", "tok_declined", "tok_ok", "tok_ok")]

    async def ended() -> bool:
        states = [(await town.order(id))["state"] for id in ids]
        return all(state in ("completed", "declined") for state in states)

    await eventually(ended)
    await town.request_ok("POST", f"/orders/{ids[0]}/refund", town.seller)

    async def refunded() -> bool:
        return bool((await town.order(ids[0]))["state"] == "refunded")

    await eventually(refunded)
    town.world.broker.release(seed=5)
    await town.world.settle()
    await town.check_consistency()


async def test_an_order_that_is_refunded_while_it_is_taken_from_the_open_ones_stays_there(
    town: OrdersHarness,
) -> None:
    id = await town.place()

    async def completed() -> bool:
        return bool((await town.order(id))["state"] == "completed")

    await eventually(completed)
    await town.world.settle(1)
    if id not in await opened(town):
        await SegmentedLists(town.world.state("orders"), "open").insert(OPEN_LIST, [[id]])
    town.shop_services.faults["refund"] = [_never] * 50
    faults = town.orders.sidecar.state.faults

    async def meanwhile(call: Call) -> None:
        if call.name == "compare_and_set" and call.about[0].startswith("open:"):
            faults.before.clear()
            await town.request_ok("POST", f"/orders/{id}/refund", town.seller)

    faults.before.append(meanwhile)
    await town.watchdog().check()
    assert not faults.before, "the watch has taken nothing away"
    assert await opened(town) == [id]
    town.shop_services.faults.clear()
    await town.restart()
    assert (await town.wait_until_final(id))["state"] == "refunded"
    await town.check_consistency()


async def _never(_: Any) -> Any:
    await asyncio.get_running_loop().create_future()
