"""Carts, checkouts and orders, with the real catalog, payments and saga."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI

from services.chassis.service import Service
from services.chassis.settings import Settings
from services.payments.adapters.webhooks import SECRET_NAME
from services.payments.app import create_app as create_payments
from tests.fakes import Response
from tests.services.gateway.deployment import GatewayDeployment, SignedInUser, deploy
from tests.services.gateway.test_shop import SHOP, ask, sold
from tests.services.orders.harness import eventually, orders_app


def payments_app(settings: Settings) -> FastAPI:
    return create_payments(Service(settings))


@dataclass
class Market:
    """A deployment with a seller, a buyer and a product."""

    deployment: GatewayDeployment
    ada: SignedInUser
    bob: SignedInUser
    product: dict[str, Any]

    async def ask(self, person: SignedInUser, method: str, path: str, **given: Any) -> Response:
        return await ask(self.deployment, method, path, person.token, **given)

    @property
    def item(self) -> dict[str, Any]:
        variant = self.product["variants"][0]["id"]
        return {"product": self.product["id"], "variant": variant, "quantity": 2}

    async def fill(self) -> Response:
        return await self.ask(self.bob, "PUT", "/cart", json={"items": [self.item]})

    async def checkout(self, key: str = "k", **said: Any) -> Response:
        body = {"card": "tok_ok", "expected_total": 4800, "currency": "EUR"} | said
        headers = {"idempotency-key": key} if key else {}
        return await self.ask(self.bob, "POST", "/checkouts", json=body, headers=headers)

    async def order(self, id: str) -> Any:
        return (await self.ask(self.bob, "GET", f"/orders/{id}")).json()


async def with_orders(deployment: GatewayDeployment) -> None:
    """Start orders and payments."""
    deployment.cluster.secrets[SECRET_NAME] = "s" * 32
    await deployment.cluster.start(payments_app, "payments")
    await deployment.cluster.start(orders_app, "orders")


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    async with deploy() as deployment:
        await with_orders(deployment)
        ada, bob = await deployment.register("ada"), await deployment.register("bob")
        yield Market(deployment, ada, bob, await sold(deployment, ada))


async def test_a_cart_has_an_etag_and_changes_require_it(market: Market) -> None:
    cart = await market.fill()
    assert cart.headers["etag"] == '"1"'
    assert cart.json()["total"] == {"amount": 4800, "currency": "EUR", "decimal": "48.00"}
    path = f"/cart/items/{market.item['variant']}"
    seen = {"if-match": '"1"'}
    changed = await market.ask(market.bob, "PATCH", path, json={"quantity": 3}, headers=seen)
    assert (changed.headers["etag"], changed.json()["total"]["amount"]) == ('"2"', 7200)
    late = await market.ask(market.bob, "DELETE", path, headers=seen)
    assert late.status == 412
    emptied = await market.ask(market.bob, "DELETE", path)
    assert emptied.json() == {
        "items": [],
        "gone": [],
        "shop_id": None,
        "seller_id": None,
        "total": None,
    }


async def test_an_order_is_paid_and_shown_to_buyer_and_seller(market: Market) -> None:
    await market.fill()
    made = await market.checkout()
    assert made.status == 201
    id = made.json()["id"]

    async def completed() -> bool:
        await market.deployment.cluster.settle(1)
        return bool((await market.order(id))["state"] == "completed")

    await eventually(completed)
    await market.deployment.cluster.settle()
    for person, role in ((market.bob, "buyer"), (market.ada, "seller")):
        page = await market.ask(person, "GET", f"/orders?role={role}")
        assert page.json() == {"items": [await market.order(id)], "next_cursor": None}
    assert (await market.checkout()).json()["id"] == id
    again = await market.checkout(card="tok_slow")
    assert (again.status, again.json()["code"]) == (422, "key_reused")
    refunded = await market.ask(market.ada, "POST", f"/orders/{id}/refund")
    assert refunded.json()["state"] in ("refunding", "refunded")


async def test_pages_are_linked_by_cursor(market: Market) -> None:
    for key in "ab":
        await market.fill()
        body = {"items": [{**market.item, "quantity": 1}]}
        await market.ask(market.bob, "PUT", "/cart", json=body)
        assert (await market.checkout(key, expected_total=2400)).status == 201
    await market.deployment.cluster.settle()
    first = await market.ask(market.bob, "GET", "/orders?limit=1")
    cursor = first.json()["next_cursor"]
    assert f"{SHOP}/orders?limit=1&cursor={cursor}>" in first.headers["link"]
    second = await market.ask(market.bob, "GET", f"/orders?limit=1&cursor={cursor}")
    ids = [page.json()["items"][0]["id"] for page in (first, second)]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 2


async def test_a_changed_price_is_returned_with_the_new_price(market: Market) -> None:
    await market.fill()
    refused = await market.checkout(expected_total=1)
    problem = refused.json()
    assert (refused.status, problem["code"]) == (409, "price_changed")
    assert problem["total"]["decimal"] == "48.00"
    assert problem["items"][0]["price"]["amount"] == 2400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/orders/114000000000000000", 404),
        ("GET", "/orders/nothing", 404),
        ("POST", "/orders/114000000000000000/cancel", 404),
        ("GET", "/orders?role=thief", 422),
        ("GET", "/orders?limit=1000", 422),
        ("GET", "/orders?cursor=x", 422),
        ("POST", "/checkouts", 422),
        ("PATCH", "/cart/items/114000000000000000", 422),
        ("PUT", "/cart", 422),
    ],
)
async def test_an_error_is_a_problem(market: Market, method: str, path: str, status: int) -> None:
    assert (await market.ask(market.bob, method, path)).status == status


async def test_a_checkout_requires_a_key_and_a_token(market: Market) -> None:
    await market.fill()
    refused = await market.checkout(key="")
    assert (refused.status, refused.json()["code"]) == (422, "key_missing")
    for method, path in (("GET", "/cart"), ("GET", "/orders"), ("POST", "/checkouts")):
        assert (await ask(market.deployment, method, path, json={})).status in (401, 422)
    assert (await ask(market.deployment, "GET", "/orders")).status == 401
