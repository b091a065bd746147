"""Two concurrent commands of a seller have the result of one of their orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from hypothesis import given

from services.contracts import limits
from tests.fakes import FakeCluster, RunningReplica
from tests.services.at_once import (
    APART,
    CHOICES,
    AtOnce,
    Command,
    Opened,
    Said,
    examples,
    pairs,
    refusal,
    running,
)
from tests.services.catalog.harness import CatalogHarness, SellerClient


@dataclass
class Anna:
    """A seller of a mug, who may open one more shop."""

    harness: CatalogHarness
    me: SellerClient
    shop: str
    product: str
    variant: str

    @classmethod
    async def comes(cls, harness: CatalogHarness) -> Anna:
        me = harness.person()
        shop, *_ = [
            await me.create_shop(f"Shop {number}") for number in range(limits.MAX_SHOPS - 1)
        ]
        product, variant = await me.create_product(shop=shop)
        return cls(harness, me, shop, product, variant)

    async def end(self, _: list[Said]) -> Any:
        """The shops, the product and its stock at the end."""
        await self.harness.cluster.settle()
        shops = (await self.me.request_ok("GET", f"/shops?owner={self.me.id}&limit=40"))["shops"]
        product = (await self.me.request_ok("GET", f"/products/{self.product}"))["product"]
        (stock,) = await self.me.request_ok("GET", f"/products/{self.product}/stock")
        archived = [product[key] for key in ("title", "archived", "revision") if key in product]
        return {
            "shops": sorted((one["shop"]["name"], one["shop"]["archived"]) for one in shops),
            "product": archived,
            "stock": (stock["on_hand"], stock["revision"]),
            "offered": self.product in await self.harness.list_ids("offered", self.shop),
        }


def asks(
    method: str, path: str, json: Callable[[Anna], Any] | dict[str, Any], *, version: int = 0
) -> Command[Anna]:
    headers = {"if-match": f'"{version}"'} if version else {}

    async def ask(anna: Anna, replica: RunningReplica) -> Said:
        here = path.format(shop=anna.shop, product=anna.product, variant=anna.variant)
        body = json(anna) if callable(json) else json
        return refusal(
            await replica.call(method, here, token=anna.me.token, json=body, headers=headers)
        )

    return ask


COUNT = "/products/{product}/variants/{variant}/stock"

COMMANDS: dict[str, Command[Anna]] = {
    "opens a shop": asks("POST", "/shops", {"name": "New", "currency": "EUR"}),
    "opens another shop": asks("POST", "/shops", {"name": "Other", "currency": "EUR"}),
    "opens a shop by key": asks(
        "POST", "/shops", {"name": "Key", "currency": "EUR", "idempotency_key": "a"}
    ),
    "names the shop": asks("PATCH", "/shops/{shop}", {"name": "Pots"}, version=1),
    "names the shop else": asks("PATCH", "/shops/{shop}", {"name": "Pans"}, version=1),
    "closes the shop": asks("PATCH", "/shops/{shop}", {"archived": True}, version=1),
    "names the mug": asks("PATCH", "/products/{product}", {"title": "Cup"}, version=1),
    "archives the mug": asks("PATCH", "/products/{product}", {"archived": True}, version=1),
    "counts one more": asks("POST", COUNT, {"delta": 1}),
    "counts eleven fewer": asks("POST", COUNT, {"delta": -11}),
    "counts three": asks("POST", COUNT, {"on_hand": 3, "revision": 1}),
    "counts one more by key": asks("POST", COUNT, {"delta": 1, "idempotency_key": "a"}),
}


async def open_market(cluster: FakeCluster) -> Opened[Anna]:
    harness = await CatalogHarness.start(cluster, replicas=2)

    async def come() -> Anna:
        return await Anna.comes(harness)

    return harness.replicas, come


@pytest.fixture
def harness() -> Iterator[AtOnce[Anna]]:
    with running(open_market) as (runner, opened):
        yield AtOnce(runner, opened, COMMANDS, Anna.end)


@given(pairs(COMMANDS), CHOICES, APART)
@examples(60)
def test_two_concurrent_commands_have_the_result_of_one_of_their_orders(
    harness: AtOnce[Anna], pair: tuple[str, str], choices: list[int], apart: int
) -> None:
    harness.check(pair, choices, apart)


async def test_a_list_entry_without_a_shop_is_removed_when_the_list_is_full() -> None:
    async with FakeCluster() as cluster:
        town = await CatalogHarness.start(cluster)
        anna = town.person()
        for number in range(limits.MAX_SHOPS - 1):
            await anna.create_shop(f"Shop {number}")
        faults = town.catalog.sidecar.state.faults
        faults.fail("compare_and_set", about="shop:", error=RuntimeError("cut off"))
        broken = await anna.request("POST", "/shops", json={"name": "x", "currency": "EUR"})
        assert broken.status == 500
        full = await anna.request("POST", "/shops", json={"name": "x", "currency": "EUR"})
        assert full.json()["code"] == "too_many_shops"
        with mock.patch("services.catalog.application.shops._CREATION_TIMEOUT", timedelta(0)):
            await anna.create_shop("x")
        await town.cluster.settle()
        shops = (await anna.request_ok("GET", f"/shops?owner={anna.id}&limit=40"))["shops"]
        assert len(shops) == limits.MAX_SHOPS
