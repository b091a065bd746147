"""Any two commands of one person at once give what one after the other would have given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.ids import Snowflakes
from tests.fakes import Running, World
from tests.fakes.interleaving import Interleaving
from tests.services.orders.world import PRICE, Town, orders_app

_ids = Snowflakes()

Outcome = dict[str, Any]


@dataclass
class Shopper:
    """Somebody with a cart of two mugs, and what they may buy besides."""

    town: Town
    token: str
    mug: str
    cup: str
    revision: int = 0
    placed: list[str] = field(default_factory=list)
    """Orders in the order in which they were made, so that they have names in every run."""

    @classmethod
    async def comes(cls, town: Town) -> Shopper:
        token = town.world.token(_ids.next(), "read:shop write:shop")
        shopper = cls(town, token, town.variant(), town.variant(price=1))
        await town.does("PUT", "/cart", token, json={"items": [shopper.item(shopper.mug, 2)]})
        shopper.revision = (await town.does("GET", "/cart", token))["revision"]
        return shopper

    def item(self, variant: str, quantity: int) -> dict[str, Any]:
        return {"product": variant, "variant": variant, "quantity": quantity}

    async def says(self, replica: Running, method: str, path: str, **given: Any) -> Outcome:
        answer = await replica.call(method, path, token=self.token, **given)
        said = answer.json()
        if answer.status != 200:
            return {"status": answer.status, "code": said["code"]}
        if "history" in said:
            return {"order": self.lines(said), "id": said["id"]}
        return {"cart": self.lines(said)}

    def lines(self, shown: dict[str, Any]) -> dict[str, int]:
        names = {self.mug: "mug", self.cup: "cup"}
        return {names[line["variant"]]: line["quantity"] for line in shown["lines"]}

    async def end(self) -> Outcome:
        """What is there at last: the cart, the orders, the money and the stock."""
        await self.town.world.settle()
        found = await self.town.does("GET", "/orders", self.token)
        return {
            "cart": await self.says(self.town.orders, "GET", "/cart"),
            "orders": sorted([str(self.lines(order)) for order in found["orders"]]),
            "ids": [order["id"] for order in found["orders"]],
        }


Command = Callable[[Shopper, Running], Awaitable[Outcome]]


def asks(method: str, path: str, json: Callable[[Shopper], Any] = lambda _: None) -> Command:
    async def ask(shopper: Shopper, replica: Running) -> Outcome:
        here = path.format(mug=shopper.mug, cup=shopper.cup)
        body = json(shopper)
        return await shopper.says(replica, method, here, json=body)

    return ask


def checks_out(key: str, card: str = "tok_ok", total: int = 2 * PRICE) -> Command:
    body = {"idempotency_key": key, "card": card, "expected_total": total, "currency": "EUR"}
    return asks("POST", "/checkouts", lambda _: body)


def sees_and_changes(quantity: int) -> Command:
    async def change(shopper: Shopper, replica: Running) -> Outcome:
        return await shopper.says(
            replica,
            "PATCH",
            f"/cart/items/{shopper.mug}",
            json={"quantity": quantity},
            headers={"if-match": f'"{shopper.revision}"'},
        )

    return change


COMMANDS: dict[str, Command] = {
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


class Square:
    """Two replicas of orders, and what one command after the other comes to there."""

    def __init__(self, town: Town, other: Running) -> None:
        self.town = town
        self.replicas = (town.orders, other)
        self._known: dict[tuple[str, str], Outcome] = {}

    async def one_after_the_other(self, first: str, second: str) -> Outcome:
        if (first, second) not in self._known:
            shopper = await Shopper.comes(self.town)
            said = [await COMMANDS[name](shopper, self.town.orders) for name in (first, second)]
            self._known[first, second] = named(said, await shopper.end())
        return self._known[first, second]

    async def at_once(self, first: str, second: str, choices: list[int], apart: int) -> Outcome:
        shopper = await Shopper.comes(self.town)
        here, there = self.replicas[0], self.replicas[apart]
        interleaving = Interleaving([replica.sidecar for replica in self.replicas], choices)
        said = await interleaving.run(
            COMMANDS[first](shopper, here), COMMANDS[second](shopper, there)
        )
        return named(said, await shopper.end())


def named(said: list[Outcome], end: Outcome) -> Outcome:
    """With names for ids: which answer speaks of which order."""
    ids = sorted(end.pop("ids"), key=int)
    names = {id: n for n, id in enumerate(ids)}
    same = len({one["id"] for one in said if "id" in one})
    told = [{key: value for key, value in one.items() if key != "id"} for one in said]
    assert all(one["id"] in names for one in said if "id" in one), (said, ids)
    return {"said": told, "end": end, "orders named": same}


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def square(runner: asyncio.Runner) -> Iterator[Square]:
    world = World()

    async def open_() -> Square:
        await world.__aenter__()
        town = await Town.start(world)
        return Square(town, await world.start(orders_app, "orders"))

    yield runner.run(open_())
    runner.run(world.__aexit__(None, None, None))


@given(
    pair=st.tuples(*[st.sampled_from(sorted(COMMANDS))] * 2),
    choices=st.lists(st.integers(0, 3), max_size=40),
    apart=st.integers(0, 1),
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_two_commands_at_once_are_as_one_after_the_other(
    square: Square, runner: asyncio.Runner, pair: tuple[str, str], choices: list[int], apart: int
) -> None:
    first, second = pair

    async def compare() -> None:
        found = await square.at_once(first, second, choices, apart)
        forth = await square.one_after_the_other(first, second)
        back = await square.one_after_the_other(second, first)
        back = back | {"said": back["said"][::-1]}
        assert found in (forth, back), f"{found}\n{forth}\n{back}"

    runner.run(compare())
