"""Orders asks catalog for quotes by gRPC, and nobody sees a difference to HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from services.chassis.rpc import client
from tests.fakes import FakeCluster, RunningReplica
from tests.fakes.rpc import FakeGrpcSidecar, grpc_sidecar
from tests.services.catalog.harness import CatalogHarness
from tests.services.orders.harness import orders_app

DAPR_TOKEN = "the-token-of-the-sidecar"


@dataclass
class Shop:
    """A catalog, orders that ask it by HTTP and by gRPC, and the proxy of the latter."""

    catalog: CatalogHarness
    by_http: RunningReplica
    by_grpc: RunningReplica
    proxy: FakeGrpcSidecar

    async def put(self, items: list[dict[str, Any]]) -> tuple[int, Any, int, Any]:
        """Put the same cart by both; status and body of each."""
        token = self.catalog.cluster.token("118", "read write")
        answers: list[Any] = []
        for orders in (self.by_http, self.by_grpc):
            answer = await orders.call("PUT", "/cart", token=token, json={"items": items})
            answers += [answer.status, answer.json()]
        return answers[0], answers[1], answers[2], answers[3]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    proxy = FakeGrpcSidecar("orders", DAPR_TOKEN)
    async with FakeCluster() as cluster, grpc_sidecar(proxy) as port:
        catalog = await CatalogHarness.start(cluster, microgram_grpc=True)
        proxy.ports["catalog"] = catalog.grpc_port()
        by_http = await cluster.start(orders_app, "orders")
        by_grpc = await cluster.start(
            orders_app,
            "orders",
            microgram_grpc=True,
            dapr_grpc_port=port,
            dapr_api_token=DAPR_TOKEN,
        )
        yield Shop(catalog, by_http, by_grpc, proxy)


async def test_a_cart_is_the_same(shop: Shop) -> None:
    seller = shop.catalog.person()
    shop_id = await seller.create_shop()
    plain, first = await seller.create_product(shop=shop_id)
    other, second = await seller.create_product("Bowl", shop=shop_id, media_ids=["7"])
    items = [
        {"product": plain, "variant": first, "quantity": 2},
        {"product": other, "variant": second, "quantity": 1},
    ]
    status, http_cart, grpc_status, grpc_cart = await shop.put(items)
    assert status == grpc_status == 200, http_cart
    for cart in (http_cart, grpc_cart):
        cart.pop("revision")
    assert grpc_cart == http_cart
    assert grpc_cart["lines"][1]["picture"]["focus"]


async def test_an_error_is_the_same(shop: Shop) -> None:
    unknown = [{"product": "1", "variant": "2", "quantity": 1}]
    status, http_error, grpc_status, grpc_error = await shop.put(unknown)
    assert status == grpc_status == 404
    assert grpc_error == http_error


async def test_a_catalog_that_is_away_is_unavailable(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_PAUSES", (0.01, None))
    product, variant = await shop.catalog.person().create_product()
    del shop.proxy.ports["catalog"]
    items = [{"product": product, "variant": variant, "quantity": 1}]
    _, _, status, error = await shop.put(items)
    assert (status, error["code"]) == (503, "unavailable")
