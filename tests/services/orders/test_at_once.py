"""Two concurrent commands of a buyer have the result of one of their orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

import pytest
from hypothesis import given

from services.chassis.ids import SnowflakeGenerator
from services.orders.domain.orders import CANCEL_REQUESTED, FINAL_STATES, REFUND_REQUESTED
from tests.fakes import FakeCluster, RunningReplica
from tests.services.at_once import (
    APART,
    CHOICES,
    AtOnce,
    Command,
    Opened,
    examples,
    pairs,
    refusal,
    running,
)
from tests.services.orders.harness import PRICE, OrdersHarness, orders_app

_ids = SnowflakeGenerator()

Outcome = dict[str, Any]


@dataclass
class BuyerClient:
    """A buyer with a cart of two mugs, and another product."""

    harness: OrdersHarness
    token: str
    mug: str
    cup: str
    revision: int = 0
    order: str = ""
    """The order that was placed before, if any."""

    @classmethod
    async def comes(cls, harness: OrdersHarness) -> BuyerClient:
        token = harness.cluster.token(_ids.next(), "read:shop write:shop")
        buyer = cls(harness, token, harness.variant(), harness.variant(price=1))
        await harness.request_ok("PUT", "/cart", token, json={"items": [buyer.item(buyer.mug, 2)]})
        buyer.revision = (await harness.request_ok("GET", "/cart", token))["revision"]
        return buyer

    def item(self, variant: str, quantity: int) -> dict[str, Any]:
        return {"product": variant, "variant": variant, "quantity": quantity}

    async def says(self, replica: RunningReplica, method: str, path: str, **given: Any) -> Outcome:
        answer = await replica.call(method, path, **{"token": self.token, **given})
        if refused := refusal(answer):
            return refused
        said: dict[str, Any] = answer.json()
        if "history" in said:
            return {"order": self.lines(said), "id": said["id"]}
        return {"cart": self.lines(said)}

    def lines(self, shown: dict[str, Any]) -> dict[str, int]:
        names = {self.mug: "mug", self.cup: "cup"}
        return {names[line["variant"]]: line["quantity"] for line in shown["lines"]}

    async def found(self) -> dict[str, Any]:
        shown: dict[str, Any] = await self.harness.request_ok(
            "GET", f"/orders/{self.order}", self.token
        )
        return shown

    async def state(self) -> str:
        return str((await self.found())["state"])

    async def end(self) -> Outcome:
        """The cart, the orders, the money and the stock at the end."""
        await self.harness.cluster.settle()
        found = await self.harness.request_ok("GET", "/orders", self.token)
        return {
            "cart": await self.says(self.harness.orders, "GET", "/cart"),
            "orders": sorted([str(self.lines(order)) for order in found["orders"]]),
            "ids": [order["id"] for order in found["orders"]],
        }


def asks(
    method: str, path: str, json: Callable[[BuyerClient], Any] = lambda _: None
) -> Command[BuyerClient]:
    async def ask(buyer: BuyerClient, replica: RunningReplica) -> Outcome:
        here = path.format(mug=buyer.mug, cup=buyer.cup)
        body = json(buyer)
        return await buyer.says(replica, method, here, json=body)

    return ask


def checks_out(key: str, card: str = "tok_ok", total: int = 2 * PRICE) -> Command[BuyerClient]:
    body = {"idempotency_key": key, "card": card, "expected_total": total, "currency": "EUR"}
    return asks("POST", "/checkouts", lambda _: body)


def sees_and_changes(quantity: int) -> Command[BuyerClient]:
    async def change(buyer: BuyerClient, replica: RunningReplica) -> Outcome:
        return await buyer.says(
            replica,
            "PATCH",
            f"/cart/items/{buyer.mug}",
            json={"quantity": quantity},
            headers={"if-match": f'"{buyer.revision}"'},
        )

    return change


COMMANDS: dict[str, Command[BuyerClient]] = {
    "checks out": checks_out("a"),
    "checks out again": checks_out("a"),
    "checks out by the key of another card": checks_out("a", "tok_other"),
    "checks out with another key": checks_out("b"),
    "checks out what is a little dearer": checks_out("c", total=2 * PRICE + 1),
    "adds a cup": asks("POST", "/cart/items", lambda s: s.item(s.cup, 1)),
    "adds a mug": asks("POST", "/cart/items", lambda s: s.item(s.mug, 1)),
    "holds a cup": asks("PUT", "/cart", lambda s: {"items": [s.item(s.cup, 1)]}),
    "holds two mugs": asks("PUT", "/cart", lambda s: {"items": [s.item(s.mug, 2)]}),
    "empties the cart": asks("PUT", "/cart", lambda _: {"items": []}),
    "wants three mugs": asks("PATCH", "/cart/items/{mug}", lambda _: {"quantity": 3}),
    "wants three mugs of what was seen": sees_and_changes(3),
    "wants no mugs": asks("DELETE", "/cart/items/{mug}"),
    "looks": asks("GET", "/cart"),
}


async def open_town(cluster: FakeCluster) -> Opened[BuyerClient]:
    harness = await OrdersHarness.start(cluster)
    replicas = (harness.orders, await cluster.start(orders_app, "orders"))
    return replicas, partial(BuyerClient.comes, harness)


async def end(buyer: BuyerClient, said: list[Outcome]) -> Outcome:
    """The cart and the orders at the end, and how many orders the answers named."""
    there = await buyer.end()
    ids = [one.pop("id") for one in said if "id" in one]
    assert set(ids) <= set(there.pop("ids"))
    return there | {"named": len(set(ids))}


@pytest.fixture
def harness() -> Iterator[AtOnce[BuyerClient]]:
    with running(open_town) as (runner, opened):
        yield AtOnce(runner, opened, COMMANDS, end)


@given(pairs(COMMANDS), CHOICES, APART)
@examples(150)
def test_two_concurrent_commands_have_the_result_of_one_of_their_orders(
    harness: AtOnce[BuyerClient], pair: tuple[str, str], choices: list[int], apart: int
) -> None:
    harness.check(pair, choices, apart)


# ── existing orders ───────────────────────────────────────────────────────────────────────────


def acts(verb: str, *, as_seller: bool = False) -> Command[BuyerClient]:
    async def act(buyer: BuyerClient, replica: RunningReplica) -> Outcome:
        token = buyer.harness.seller if as_seller else buyer.token
        return await buyer.says(replica, "POST", f"/orders/{buyer.order}/{verb}", token=token)

    return act


LATER: dict[str, Command[BuyerClient]] = {
    "cancels": acts("cancel"),
    "cancels again": acts("cancel"),
    "refunds": acts("refund", as_seller=True),
    "refunds again": acts("refund", as_seller=True),
}


ASKED = (CANCEL_REQUESTED, REFUND_REQUESTED)


async def open_orders(cluster: FakeCluster, *, paid: bool) -> Opened[BuyerClient]:
    replicas, come = await open_town(cluster)

    async def orders() -> BuyerClient:
        buyer = await come()
        if not paid:  # a workflow that has not started
            replicas[0].sidecar.faults.fail("start")
        buyer.order = (await COMMANDS["checks out"](buyer, replicas[0]))["id"]
        while paid and await buyer.state() != "completed":
            await buyer.harness.cluster.settle()
        return buyer

    return replicas, orders


async def rest(buyer: BuyerClient, said: list[Outcome]) -> Outcome:
    """The order, the money and the stock at the end."""
    for one in said:
        one.pop("id", None)
    while await buyer.state() not in FINAL_STATES:
        await buyer.harness.check_open_orders()
    others = buyer.harness.shop_services
    found = await buyer.found()
    payment = others.payments.get(buyer.order, {})
    return {
        "state": found["state"],
        "asked for": [entry["what"] for entry in found["history"] if entry["what"] in ASKED],
        "refunded": payment.get("refunded", 0),
        "stock": others.stock[buyer.mug],
    }


@pytest.fixture(params=[True, False], ids=["paid", "placed"])
def orders(request: pytest.FixtureRequest) -> Iterator[AtOnce[BuyerClient]]:
    with (
        mock.patch(
            "services.orders.application.saga_watchdog.IDLE_TIMEOUT", 3600.0
        ),  # no workflow starts by itself
        running(partial(open_orders, paid=request.param)) as (runner, opened),
    ):
        yield AtOnce(runner, opened, LATER, rest)


@given(pairs(LATER), CHOICES, APART)
@examples(25)
def test_concurrent_ends_of_an_order_end_it_once(
    orders: AtOnce[BuyerClient], pair: tuple[str, str], choices: list[int], apart: int
) -> None:
    orders.check(pair, choices, apart)
