"""Catalog with fakes of users and media, and helpers to call it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI

from services.catalog.app import create_app
from services.chassis.ids import SnowflakeGenerator
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.chassis.storage.segmented_list import SegmentedLists
from tests.fakes import FakeCluster, Response, RunningReplica
from tests.services.posts.harness import FakeNeighbours

_ids = SnowflakeGenerator()


class CatalogClock:
    """The clock of catalog: the real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class CatalogHarness:
    """Running replicas of catalog, and clients of them."""

    def __init__(
        self, cluster: FakeCluster, others: FakeNeighbours, settings: Mapping[str, Any]
    ) -> None:
        self._settings = settings
        self.cluster = cluster
        self.others = others
        self.clock = CatalogClock()
        self.replicas: list[RunningReplica] = []

    @classmethod
    async def start(
        cls, cluster: FakeCluster, replicas: int = 1, **settings: Any
    ) -> CatalogHarness:
        harness = cls(cluster, FakeNeighbours(), settings)
        await cluster.start(harness.others.users_app, "users")
        await cluster.start(harness.others.media_app, "media")
        for _ in range(replicas):
            await harness.add_replica()
        return harness

    async def add_replica(self) -> RunningReplica:
        def app(settings: Settings) -> FastAPI:
            return create_app(Service(settings), self.clock)

        self.replicas.append(await self.cluster.start(app, "catalog", **self._settings))
        return self.replicas[-1]

    @property
    def catalog(self) -> RunningReplica:
        return self.replicas[0]

    def grpc_port(self, replica: int = 0) -> int:
        """The port of gRPC, if it is on."""
        port = self.replicas[replica].service.grpc_port
        assert port is not None
        return port()

    def person(self, scopes: str = "read write") -> SellerClient:
        return SellerClient(self, scopes)

    async def read_anonymously(self, path: str, **params: str) -> Any:
        """Call as an anonymous user."""
        response = await self.catalog.call("GET", path, params=params)
        assert response.status == 200, response.text
        return response.json()

    async def call_as_orders(
        self, method: str, path: str, replica: int = 0, **content: Any
    ) -> Response:
        """Call as the orders service."""
        return await self.replicas[replica].call(method, path, caller="orders", **content)

    async def reserve(
        self,
        order: str,
        *items: tuple[str, int],
        seconds: int = 60,
        replica: int = 0,
        agreed: Sequence[dict[str, Any]] = (),
    ) -> Response:
        rows = [{"variant": variant, "quantity": quantity} for variant, quantity in items]
        body = {"order": order, "items": rows, "agreed": [*agreed], "seconds": seconds}
        return await self.call_as_orders("POST", "/reservations", replica, json=body)

    async def change_reservation(
        self, order: str, step: str, replica: int = 0, *, items: Sequence[tuple[str, int]] = ()
    ) -> Response:
        """Do a step; a release names the items of its order."""
        rows = [{"variant": variant, "quantity": quantity} for variant, quantity in items]
        body = {"json": {"items": rows}} if step == "release" else {}
        return await self.call_as_orders("POST", f"/reservations/{order}/{step}", replica, **body)

    def state_call_count(self) -> int:
        """The number of state calls of catalog, including background work."""
        return len(self.catalog.sidecar.state.faults.calls)

    async def list_ids(self, kind: str, id: str) -> list[str]:
        return [row[0] for row in await SegmentedLists(self.cluster.state("catalog"), kind).all(id)]


class SellerClient:
    """An authenticated user."""

    def __init__(self, harness: CatalogHarness, scopes: str) -> None:
        self.id = _ids.next()
        self.harness = harness
        self.token = harness.cluster.token(self.id, scopes, username=f"u{self.id}")

    async def request(
        self, method: str, path: str, *, version: int = 0, **content: Any
    ) -> Response:
        headers = {"if-match": f'"{version}"'} if version else {}
        return await self.harness.catalog.call(
            method, path, token=self.token, headers=headers, **content
        )

    async def request_ok(self, method: str, path: str, *, version: int = 0, **content: Any) -> Any:
        response = await self.request(method, path, version=version, **content)
        assert response.status == 200, response.text
        return response.json()

    async def create_shop(self, name: str = "Pottery", **more: Any) -> str:
        body = {"name": name, "currency": "EUR", **more}
        id: str = (await self.request_ok("POST", "/shops", json=body))["shop"]["id"]
        return id

    async def create_product(
        self, title: str = "Mug", *, shop: str = "", stock: int = 10, **more: Any
    ) -> tuple[str, str]:
        """Create a product with one variant and return the ids of both."""
        body = {
            "shop": shop or await self.create_shop(),
            "title": title,
            "variants": [{"name": "blue", "price": 2400, "stock": stock}],
            **more,
        }
        product = (await self.request_ok("POST", "/products", json=body))["product"]
        return product["id"], product["variants"][0]["id"]

    async def set_status(self, **standing: bool) -> None:
        """Publish a status of the user."""
        profile: dict[str, Any] = {
            "id": self.id,
            "username": "x",
            "created_at": "2026-05-10T05:12:31.402Z",
        }
        profile |= {"suspended": False, "deleted": False, **standing}
        await self.harness.others.profiles.update(self.id, lambda _: profile)
        await self.harness.cluster.settle()


def codes(responses: list[Response]) -> list[str]:
    return ["" if one.status == 200 else one.json()["code"] for one in responses]
