"""Notifications of orders and payments: once, for the parties, and only if requested."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.chassis.ids import SnowflakeGenerator
from services.contracts.orders import Order
from services.payments.adapters.webhooks import SECRET_NAME
from tests.fakes import Call, FakeCluster, RunningReplica, until
from tests.services.notifications.harness import NotificationsHarness, NotificationsUser
from tests.services.payments.harness import WEBHOOK_SECRET, payments_app

_ids = SnowflakeGenerator()
SHOP = "order,payment"
SALE = ("placed", "reserved", "authorized", "confirmed", "capturing", "completed")


@pytest.fixture
async def payments_replica(harness: NotificationsHarness) -> RunningReplica:
    harness.cluster.secrets[SECRET_NAME] = WEBHOOK_SECRET
    return await harness.cluster.start(payments_app, "payments")


async def step(payments_replica: RunningReplica, order: str, name: str, **body: Any) -> None:
    answer = await payments_replica.call(
        "POST", f"/payments/{order}/{name}", caller="orders", json=body
    )
    assert answer.status == 200, answer.text


async def pays(
    payments_replica: RunningReplica, buyer: NotificationsUser, seller: NotificationsUser
) -> str:
    order = _ids.next()
    terms: dict[str, Any] = {"buyer": buyer.id, "seller": seller.id, "card": "tok_ok"}
    await step(payments_replica, order, "authorize", amount=900, currency="EUR", **terms)
    await step(payments_replica, order, "capture")
    return order


async def of_orders(person: NotificationsUser, **params: str) -> list[tuple[str, str, str, str]]:
    """Return the notifications of orders as type, account, order and outcome."""
    found = (await person.page(**{"types": SHOP, **params}))["notifications"]
    assert all(each["post"] is None for each in found)
    return [(each["type"], each["account"], each["order"], each["what"]) for each in found]


async def test_a_seller_is_notified_of_a_capture_and_a_buyer_of_every_refund(
    harness: NotificationsHarness, payments_replica: RunningReplica
) -> None:
    ann, ben = await harness.add_users(2)
    order = await pays(payments_replica, ben, ann)
    await harness.cluster.settle()
    assert await of_orders(ann) == [("payment", ben.id, order, "captured")]
    assert await of_orders(ben) == []
    await step(payments_replica, order, "refund", amount=100, key="a")
    await step(payments_replica, order, "refund", amount=200, key="b")
    await harness.cluster.settle()
    assert await of_orders(ben) == [("payment", ann.id, order, "refunded")] * 2
    assert len(await of_orders(ann)) == 1


async def test_each_cause_is_notified_once_in_any_order_of_events(
    harness: NotificationsHarness, payments_replica: RunningReplica
) -> None:
    ann, ben = await harness.add_users(2)
    harness.cluster.broker.hold()
    harness.cluster.broker.copies = 3
    orders = [await pays(payments_replica, ben, ann) for _ in range(3)]
    for order in orders:
        await step(payments_replica, order, "refund", key="all")
    harness.cluster.broker.release(seed=3)
    await harness.cluster.settle()
    await harness.restart()
    await harness.cluster.settle()
    assert sorted(each[2] for each in await of_orders(ann)) == sorted(orders)
    assert sorted(each[2] for each in await of_orders(ben)) == sorted(orders)
    events = harness.cluster.broker.events("notifications")
    published = {(event["subject"], event["data"]["id"]) for event in events}
    assert len(published) == 2 * len(orders)


async def test_a_declined_card_moves_no_money_and_causes_no_notification(
    harness: NotificationsHarness, payments_replica: RunningReplica
) -> None:
    ann, ben = await harness.add_users(2)
    terms: dict[str, Any] = {"buyer": ben.id, "seller": ann.id, "card": "tok_declined"}
    await step(payments_replica, _ids.next(), "authorize", amount=900, currency="EUR", **terms)
    await step(payments_replica, _ids.next(), "void")
    await harness.cluster.settle()
    assert await of_orders(ann) == await of_orders(ben) == []


async def test_lists_hold_what_mastodon_does_not_have_only_where_it_is_asked_for(
    harness: NotificationsHarness, payments_replica: RunningReplica
) -> None:
    ann, ben = await harness.add_users(2)
    post = await ann.create_post()
    await ben.react(post)
    order = await pays(payments_replica, ben, ann)
    await harness.cluster.settle()
    assert await ann.notified() == [("favourite", ben.id, post)]
    assert await ann.notified(exclude_types="mention") == [("favourite", ben.id, post)]
    assert await ann.unread() == 1
    assert await ann.unread(types="payment") == 1
    assert len(await ann.notified(types="payment,favourite")) == 2
    assert await of_orders(ann, exclude_types="payment") == []
    groups = (await ann.page("groups"))["groups"]
    assert [group["type"] for group in groups] == ["favourite"]
    (group,) = (await ann.page("groups", types="payment"))["groups"]
    assert (group["order"], group["what"], group["post"]) == (order, "captured", None)
    (id,) = await ann.ids(types="payment")
    one = await ann.page(f"notifications/{id}")
    assert (one["type"], one["order"]) == ("payment", order)
    await ann.dismiss(f"notifications/{id}/dismiss")
    assert await of_orders(ann) == []


async def test_payments_of_muted_and_blocked_accounts_are_notified(
    harness: NotificationsHarness, payments_replica: RunningReplica
) -> None:
    ann, ben = await harness.add_users(2)
    await ann.set_relationship(ben, "mute")
    await ann.set_relationship(ben, "block")
    await harness.cluster.settle()
    order = await pays(payments_replica, ben, ann)
    await harness.cluster.settle()
    assert await of_orders(ann) == [("payment", ben.id, order, "captured")]


# ── orders ──────────────────────────────────────────────────────────────────────────────────


async def say(
    harness: NotificationsHarness,
    order: str,
    buyer: NotificationsUser,
    seller: NotificationsUser,
    *happened: str,
) -> None:
    """Publish an event as orders does."""
    await harness.cluster.broker.publish("orders", [order_event(order, buyer, seller, *happened)])


def order_event(
    order: str, buyer: NotificationsUser, seller: NotificationsUser, *happened: str
) -> dict[str, Any]:
    """Return the event data of an order with this history."""
    at = "2026-05-10T05:12:31.402Z"
    data = {
        "id": order,
        "buyer": buyer.id,
        "seller": seller.id,
        "shop": "5",
        "lines": [],
        "total": 900,
        "currency": "EUR",
        "state": "placed",
        "history": [{"what": what, "at": at} for what in happened],
        "created_at": at,
    }
    version = len(happened)
    return {
        "id": f"{order}:{version}",
        "type": "order.changed",
        "source": "orders",
        "subject": order,
        "stream": "s",
        "sequence": version,
        "entityversion": version,
        "data": Order.model_validate(data).model_dump(),
    }


async def test_buyer_and_seller_are_notified_of_a_sale_once(harness: NotificationsHarness) -> None:
    ann, ben = await harness.add_users(2)
    order = _ids.next()
    for count in (1, 2, 6, 5, 6, 3):
        await say(harness, order, ben, ann, *SALE[:count])
    await say(harness, order, ben, ann, *SALE, "refund_requested", "restocked", "refunded")
    await harness.cluster.settle()
    assert await of_orders(ann) == [("order", ben.id, order, "completed")]
    assert await of_orders(ben) == [("order", ann.id, order, "completed")]


async def test_a_sale_is_notified_with_one_read_and_one_write_for_each_party(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    for _ in range(2):
        order = _ids.next()
        calls = harness.notifications.sidecar.state.faults.calls
        calls.clear()
        await say(harness, order, ben, ann, *SALE)
        await harness.cluster.broker.idle()
        used = [
            call.name
            for call in calls
            if any(key.startswith(("notification:", "notifications:")) for key in call.about)
        ]
        await harness.cluster.settle()
    assert sorted(used) == ["get_many", "transact", "transact"]  # both documents, then both lists
    calls.clear()
    await say(harness, order, ben, ann, *SALE[:5])
    await harness.cluster.broker.idle()
    assert not [call for call in calls if call.about[0].startswith("notification")]


async def test_concurrent_events_share_calls_and_do_not_conflict(
    harness: NotificationsHarness,
) -> None:
    ann, ben = await harness.add_users(2)
    await say(harness, _ids.next(), ben, ann, *SALE)
    await harness.cluster.settle()
    calls = harness.notifications.sidecar.state.faults.calls
    calls.clear()
    orders = sorted(_ids.next() for _ in range(8))
    for order in orders:
        await say(harness, order, ben, ann, *SALE)
    await harness.cluster.broker.idle()
    used = [call.name for call in calls if call.about[0].startswith("notifications:")]
    assert used == ["transact"] * 2  # of the first order, and of those that came meanwhile
    for person in (ann, ben):
        assert sorted(each[2] for each in await of_orders(person))[1:] == orders


async def test_a_list_that_cannot_be_read_stops_only_its_owner(
    harness: NotificationsHarness,
) -> None:
    ann, ben, cid = await harness.add_users(3)
    state = harness.cluster.state("notifications")
    await state.set(f"notifications:{cid.id}", {"schema": 1, "version": 1, "data": {}})
    first, broken, last = (_ids.next() for _ in range(3))
    events = [
        order_event(first, ben, ann, *SALE),
        order_event(broken, cid, ann, *SALE),
        order_event(last, ben, ann, *SALE),
    ]
    await harness.cluster.broker.publish("orders", events)
    await harness.cluster.settle()
    wanted = [("order", ann.id, order, "completed") for order in (first, last)]
    assert sorted(await of_orders(ben)) == sorted(wanted)
    assert {order for _, _, order, _ in await of_orders(ann)} >= {first, last}


@pytest.mark.parametrize(
    ("call", "about", "nth", "after"),
    [
        ("get_many", "notification:", 1, False),
        ("compare_and_set", "notification:", 1, True),
        ("compare_and_set", "notification:", 2, False),
        ("compare_and_set", "notification:", 2, True),
        ("transact", "notifications:", 1, False),
        ("transact", "notifications:", 1, True),
        ("compare_and_set", "notifications:", 1, True),
    ],
)
@pytest.mark.parametrize("like", ["sqlite", "redis"])
async def test_a_crash_during_a_sale_notifies_both_parties_once(
    like: str, call: str, about: str, nth: int, after: bool
) -> None:
    async with FakeCluster(like=like) as cluster:
        harness = await NotificationsHarness.start(cluster)
        ann, ben, cid = await harness.add_users(3)
        await say(harness, _ids.next(), ben, ann, *SALE)
        await harness.cluster.settle()
        order, buyer = _ids.next(), cid if call == "compare_and_set" else ben
        sidecar = harness.notifications.sidecar
        sidecar.state.faults.dead = sidecar.faults.dead
        if like == "sqlite" and about == "notification:":
            nth = 1  # both documents are created in one call
        sidecar.state.faults.crash(call, about=about, nth=nth, after=after)
        await say(harness, order, buyer, ann, *SALE)
        await asyncio.wait_for(sidecar.faults.dead.wait(), 20)
        await harness.restart()
        await say(harness, order, buyer, ann, *SALE)
        await harness.cluster.settle()
        assert (await of_orders(ann))[0] == ("order", buyer.id, order, "completed")
        assert (await of_orders(buyer))[0] == ("order", ann.id, order, "completed")
        assert len(await of_orders(ann)) == 2


async def test_a_notification_dismissed_during_a_repeated_event_stays_dismissed(
    harness: NotificationsHarness,
) -> None:
    """The event comes twice: the second run reads before the first has written, and lists after."""
    ann, ben = await harness.add_users(2)
    order, first = _ids.next(), harness.notifications
    await harness.add_replica()
    held = asyncio.Event()

    async def waits(call: Call) -> None:
        if call.about[0].startswith("notifications:") and call.name in (
            "compare_and_set",
            "transact",
        ):
            first.sidecar.state.faults.before.clear()
            await held.wait()

    first.sidecar.state.faults.before.append(waits)
    event = order_event(order, ben, ann, *SALE)
    late = asyncio.create_task(first.deliver("orders", event))
    await until(lambda: not first.sidecar.state.faults.before)
    await harness.notifications.deliver("orders", event)
    (id,) = await ann.ids(types="order")
    await ann.dismiss(f"notifications/{id}/dismiss")
    held.set()
    assert await late == "SUCCESS"
    await harness.cluster.settle()
    assert await of_orders(ann) == []
    assert await of_orders(ben) == [("order", ann.id, order, "completed")]


@pytest.mark.parametrize("end", ["cancelled", "declined", "failed"])
async def test_a_failed_order_is_notified_to_its_buyer_only(
    harness: NotificationsHarness, end: str
) -> None:
    ann, ben = await harness.add_users(2)
    order = _ids.next()
    for _ in range(2):
        await say(harness, order, ben, ann, "placed", "voided", "released", end)
    await harness.cluster.settle()
    assert await of_orders(ben) == [("order", ann.id, order, end)]
    assert await of_orders(ann) == []
