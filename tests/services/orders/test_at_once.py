"""Any two commands of one person at once give what one after the other would have given."""

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
from tests.fakes import Running, World
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
class Shopper:
    """Somebody with a cart of two mugs, and what they may buy besides."""

    town: OrdersHarness
    token: str
    mug: str
    cup: str
    revision: int = 0
    order: str = ""
    """What was ordered before, if anything."""

    @classmethod
    async def comes(cls, town: OrdersHarness) -> Shopper:
        token = town.world.token(_ids.next(), "read:shop write:shop")
        shopper = cls(town, token, town.variant(), town.variant(price=1))
        await town.request_ok("PUT", "/cart", token, json={"items": [shopper.item(shopper.mug, 2)]})
        shopper.revision = (await town.request_ok("GET", "/cart", token))["revision"]
        return shopper

    def item(self, variant: str, quantity: int) -> dict[str, Any]:
        return {"product": variant, "variant": variant, "quantity": quantity}

    async def says(self, replica: Running, method: str, path: str, **given: Any) -> Outcome:
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
        shown: dict[str, Any] = await self.town.request_ok(
            "GET", f"/orders/{self.order}", self.token
        )
        return shown

    async def state(self) -> str:
        return str((await self.found())["state"])

    async def end(self) -> Outcome:
        """What is there at last: the cart, the orders, the money and the stock."""
        await self.town.world.settle()
        found = await self.town.request_ok("GET", "/orders", self.token)
        return {
            "cart": await self.says(self.town.orders, "GET", "/cart"),
            "orders": sorted([str(self.lines(order)) for order in found["orders"]]),
            "ids": [order["id"] for order in found["orders"]],
        }


def asks(
    method: str, path: str, json: Callable[[Shopper], Any] = lambda _: None
) -> Command[Shopper]:
    async def ask(shopper: Shopper, replica: Running) -> Outcome:
        here = path.format(mug=shopper.mug, cup=shopper.cup)
        body = json(shopper)
        return await shopper.says(replica, method, here, json=body)

    return ask


def checks_out(key: str, card: str = "tok_ok", total: int = 2 * PRICE) -> Command[Shopper]:
    body = {"idempotency_key": key, "card": card, "expected_total": total, "currency": "EUR"}
    return asks("POST", "/checkouts", lambda _: body)


def sees_and_changes(quantity: int) -> Command[Shopper]:
    async def change(shopper: Shopper, replica: Running) -> Outcome:
        return await shopper.says(
            replica,
            "PATCH",
            f"/cart/items/{shopper.mug}",
            json={"quantity": quantity},
            headers={"if-match": f'"{shopper.revision}"'},
        )

    return change


COMMANDS: dict[str, Command[Shopper]] = {
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


async def open_town(world: World) -> Opened[Shopper]:
    town = await OrdersHarness.start(world)
    replicas = (town.orders, await world.start(orders_app, "orders"))
    return replicas, partial(Shopper.comes, town)


async def end(shopper: Shopper, said: list[Outcome]) -> Outcome:
    """The cart and the orders at last, and how many the answers spoke of."""
    there = await shopper.end()
    ids = [one.pop("id") for one in said if "id" in one]
    assert set(ids) <= set(there.pop("ids"))
    return there | {"named": len(set(ids))}


@pytest.fixture
def town() -> Iterator[AtOnce[Shopper]]:
    with running(open_town) as (runner, opened):
        yield AtOnce(runner, opened, COMMANDS, end)


@given(pairs(COMMANDS), CHOICES, APART)
@examples(150)
def test_two_commands_at_once_are_as_one_after_the_other(
    town: AtOnce[Shopper], pair: tuple[str, str], choices: list[int], apart: int
) -> None:
    town.check(pair, choices, apart)


# ── orders that are there already ───────────────────────────────────────────────────────────────


def acts(verb: str, *, as_seller: bool = False) -> Command[Shopper]:
    async def act(shopper: Shopper, replica: Running) -> Outcome:
        token = shopper.town.seller if as_seller else shopper.token
        return await shopper.says(replica, "POST", f"/orders/{shopper.order}/{verb}", token=token)

    return act


LATER: dict[str, Command[Shopper]] = {
    "cancels": acts("cancel"),
    "cancels again": acts("cancel"),
    "refunds": acts("refund", as_seller=True),
    "refunds again": acts("refund", as_seller=True),
}


ASKED = (CANCEL_REQUESTED, REFUND_REQUESTED)


async def open_orders(world: World, *, paid: bool) -> Opened[Shopper]:
    replicas, come = await open_town(world)

    async def orders() -> Shopper:
        shopper = await come()
        if not paid:  # a workflow that is not begun yet
            replicas[0].sidecar.faults.fail("start")
        shopper.order = (await COMMANDS["checks out"](shopper, replicas[0]))["id"]
        while paid and await shopper.state() != "completed":
            await shopper.town.world.settle()
        return shopper

    return replicas, orders


async def rest(shopper: Shopper, said: list[Outcome]) -> Outcome:
    """What became of the order, of the money and of the stock."""
    for one in said:
        one.pop("id", None)
    while await shopper.state() not in FINAL_STATES:
        await shopper.town.check_open_orders()
    others = shopper.town.shop_services
    found = await shopper.found()
    payment = others.payments.get(shopper.order, {})
    return {
        "state": found["state"],
        "asked for": [entry["what"] for entry in found["history"] if entry["what"] in ASKED],
        "refunded": payment.get("refunded", 0),
        "stock": others.stock[shopper.mug],
    }


@pytest.fixture(params=[True, False], ids=["paid", "placed"])
def orders(request: pytest.FixtureRequest) -> Iterator[AtOnce[Shopper]]:
    with (
        mock.patch(
            "services.orders.application.saga_watchdog.IDLE_TIMEOUT", 3600.0
        ),  # nothing begins by itself
        running(partial(open_orders, paid=request.param)) as (runner, opened),
    ):
        yield AtOnce(runner, opened, LATER, rest)


@given(pairs(LATER), CHOICES, APART)
@examples(25)
def test_an_order_is_ended_once_whoever_ends_it_at_once(
    orders: AtOnce[Shopper], pair: tuple[str, str], choices: list[int], apart: int
) -> None:
    orders.check(pair, choices, apart)
