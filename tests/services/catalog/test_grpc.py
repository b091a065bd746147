"""Catalog by gRPC: the same answers, errors and refusals as by HTTP, of a real gRPC server."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from services.catalog.application import stock_watch
from services.catalog.application.queries import CatalogReader
from services.catalog.application.stock_watch import StockWatch
from services.catalog.repository import Repository
from services.chassis.errors import NotFound, RateLimited
from services.chassis.rpc.status import service_error_of
from services.contracts.catalog import Quote
from services.contracts.protobuf import catalog_pb2 as messages
from tests.fakes import FakeCluster, until
from tests.fakes.rpc import RpcPeer, refusal, rpc_peer
from tests.services.catalog.harness import CatalogHarness

CATALOG = "/microgram.catalog.v1.Catalog"
QUOTE, PRODUCT, WATCH = f"{CATALOG}/Quote", f"{CATALOG}/GetProduct", f"{CATALOG}/WatchStock"
HEALTH = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@pytest.fixture
async def harness() -> AsyncIterator[CatalogHarness]:
    async with FakeCluster() as cluster:
        yield await CatalogHarness.start(cluster, microgram_grpc=True)


@pytest.fixture
async def gateway(harness: CatalogHarness) -> AsyncIterator[RpcPeer]:
    async with rpc_peer(harness.grpc_port()) as peer:
        yield peer


@pytest.fixture
async def orders(harness: CatalogHarness) -> AsyncIterator[RpcPeer]:
    async with rpc_peer(harness.grpc_port(), "orders") as peer:
        yield peer


def quote_of(*items: dict[str, Any], buyer: str | None = None) -> messages.QuoteRequest:
    return messages.QuoteRequest(items=items, buyer=buyer)


async def refused(peer: RpcPeer, path: str, request: Any, response: Any, **more: Any) -> Any:
    with pytest.raises(grpc.RpcError) as error:
        await peer.call(path, request, response, **more)
    return refusal(error.value)


# ── answers ─────────────────────────────────────────────────────────────────────────────────


async def test_a_quote_is_the_one_by_http(harness: CatalogHarness, orders: RpcPeer) -> None:
    product, variant = await harness.person().create_product()
    item = {"product": product, "variant": variant, "quantity": 2}
    by_http = await harness.call_as_orders("POST", "/quotes", json={"items": [item]})
    by_grpc = await orders.call(QUOTE, quote_of(item), messages.QuoteResponse)
    (line,) = by_grpc.lines
    found = {
        name: getattr(line, name)
        for name in Quote.model_validate(by_http.json()).lines[0].model_dump()
        if name != "picture"
    }
    assert found | {"picture": None} == by_http.json()["lines"][0]
    assert not line.HasField("picture")


async def test_a_product_is_the_one_by_http(harness: CatalogHarness, gateway: RpcPeer) -> None:
    product, variant = await harness.person().create_product()
    by_http = await harness.read_anonymously(f"/products/{product}")
    view = await gateway.call(PRODUCT, messages.GetProductRequest(id=product), messages.ProductView)
    assert dict(view.available) == by_http["available"] == {variant: 10}
    assert view.version == by_http["version"]
    shown = MessageToDict(
        view.product, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    for one in shown["variants"]:
        one["price"] = int(one["price"])  # JSON has no integers of 64 bits
    assert shown | {"edited_at": None} == by_http["product"]


async def test_who_asks_decides_what_is_visible(harness: CatalogHarness, gateway: RpcPeer) -> None:
    seller, other = harness.person(), harness.person()
    product, _ = await seller.create_product()
    await seller.request_ok("PATCH", f"/products/{product}", version=1, json={"archived": True})
    asked = messages.GetProductRequest(id=product)
    own = await gateway.call(PRODUCT, asked, messages.ProductView, token=seller.token)
    assert own.product.archived
    for token in ("", other.token):
        found = await refused(gateway, PRODUCT, asked, messages.ProductView, token=token)
        assert found == (grpc.StatusCode.NOT_FOUND, "not_found", 404, {})


# ── errors ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([], grpc.StatusCode.INVALID_ARGUMENT),
        ([{"product": "1", "variant": "1", "quantity": 0}], grpc.StatusCode.INVALID_ARGUMENT),
        ([{"product": "1", "variant": "1", "quantity": -1}], grpc.StatusCode.INVALID_ARGUMENT),
        ([{"product": "1", "variant": "1", "quantity": 1_001}], grpc.StatusCode.INVALID_ARGUMENT),
        ([{"product": "x", "variant": "1", "quantity": 1}], grpc.StatusCode.INVALID_ARGUMENT),
        ([{"product": "1" * 21, "variant": "1", "quantity": 1}], grpc.StatusCode.INVALID_ARGUMENT),
        ([{"product": "1", "variant": "1", "quantity": 1}] * 51, grpc.StatusCode.INVALID_ARGUMENT),
        ([{"product": "1", "variant": "2", "quantity": 1}], grpc.StatusCode.NOT_FOUND),
    ],
)
async def test_an_error_is_the_one_by_http(
    harness: CatalogHarness, orders: RpcPeer, items: list[dict[str, Any]], code: grpc.StatusCode
) -> None:
    by_http = await harness.call_as_orders("POST", "/quotes", json={"items": items})
    with pytest.raises(grpc.RpcError) as error:
        await orders.call(QUOTE, quote_of(*items), messages.QuoteResponse)
    failure = service_error_of(error.value)
    assert error.value.code() is code
    assert (failure.status, failure.body()) == (by_http.status, by_http.json())


async def test_what_nobody_can_send_by_http_is_refused_before_it_is_read(
    orders: RpcPeer,
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        await orders.call(QUOTE, quote_of(buyer="1" * 300_000), messages.QuoteResponse)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_store_that_fails_is_an_error_to_repeat(
    harness: CatalogHarness, orders: RpcPeer
) -> None:
    _, variant = await harness.person().create_product()
    harness.catalog.sidecar.state.faults.fail("get_many", times=1_000)
    item = {"product": "1", "variant": variant, "quantity": 1}
    found = await refused(orders, QUOTE, quote_of(item), messages.QuoteResponse)
    assert found[0] in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


# ── who may call ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("caller", "path", "is_admitted"),
    [
        ("gateway", PRODUCT, True),
        ("gateway", QUOTE, True),
        ("orders", QUOTE, True),
        ("orders", PRODUCT, False),
        ("orders", WATCH, False),
        ("media", QUOTE, False),
        ("", QUOTE, False),
        ("gateway", f"{CATALOG}/Unknown", False),
        ("gateway", REFLECTION, False),
        ("", REFLECTION, True),
        ("media", HEALTH, False),
        ("", HEALTH, True),
    ],
)
async def test_callers_are_admitted_as_the_access_file_says(
    harness: CatalogHarness, caller: str, path: str, is_admitted: bool
) -> None:
    async with rpc_peer(harness.grpc_port(), caller) as peer:
        try:
            await peer.call(path, messages.GetProductRequest(), messages.ProductView)
        except grpc.RpcError as error:
            is_refused = error.code() is grpc.StatusCode.PERMISSION_DENIED
        else:
            is_refused = False
        assert is_refused is not is_admitted


@pytest.mark.parametrize("app_token", ["", "another"])
async def test_whoever_is_no_sidecar_is_refused(harness: CatalogHarness, app_token: str) -> None:
    async with rpc_peer(harness.grpc_port(), "gateway", app_token) as peer:
        found = await refused(peer, QUOTE, quote_of(), messages.QuoteResponse)
        assert found[:3] == (grpc.StatusCode.UNAUTHENTICATED, "unauthenticated", 401)
        found = await refused(
            peer, HEALTH, health_pb2.HealthCheckRequest(), health_pb2.HealthCheckResponse
        )
        assert found[0] is grpc.StatusCode.UNAUTHENTICATED


async def test_who_is_refused_keeps_no_call_open(harness: CatalogHarness) -> None:
    """A refusal does not wait for a message: otherwise a thousand calls would shut others out."""
    never = asyncio.Event()

    async def nothing() -> AsyncIterator[bytes]:
        await never.wait()
        yield b""

    async with grpc.aio.insecure_channel(f"127.0.0.1:{harness.grpc_port()}") as channel:
        for path in (QUOTE, WATCH, HEALTH, HEALTH.replace("Check", "Watch"), REFLECTION):
            call = channel.stream_unary(path)(nothing(), timeout=20)
            assert await call.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_health_is_told_the_sidecar(harness: CatalogHarness) -> None:
    async with rpc_peer(harness.grpc_port(), "") as peer:
        alive = await peer.call(
            HEALTH, health_pb2.HealthCheckRequest(), health_pb2.HealthCheckResponse
        )
    assert alive.status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("name", ["gateway", ""])
async def test_a_caller_has_one_name(harness: CatalogHarness, name: str) -> None:
    """A sidecar passes on a name that its app made up, beside the true one."""
    async with rpc_peer(harness.grpc_port(), "media") as peer:
        found = await refused(
            peer, QUOTE, quote_of(), messages.QuoteResponse, more=[("dapr-caller-app-id", name)]
        )
        assert found[0] is grpc.StatusCode.PERMISSION_DENIED


async def test_a_token_of_a_user_is_checked(harness: CatalogHarness, gateway: RpcPeer) -> None:
    product, _ = await harness.person().create_product()
    asked = messages.GetProductRequest(id=product)
    weak = harness.person("write:statuses").token
    for token, code in (("x", "unauthenticated"), (weak, "forbidden")):
        found = await refused(gateway, PRODUCT, asked, messages.ProductView, token=token)
        assert found[1] == code


# ── stock ───────────────────────────────────────────────────────────────────────────────────


async def test_a_watch_tells_of_every_change_until_the_product_is_gone(
    harness: CatalogHarness, gateway: RpcPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_watch, "WATCH_INTERVAL", 0.01)
    seller = harness.person()
    product, variant = await seller.create_product()
    asked = messages.WatchStockRequest(product=product)
    stream = gateway.stream(WATCH, asked, messages.StockLevels)
    assert dict((await stream.read()).available) == {variant: 10}
    assert (await harness.reserve("1", (variant, 3))).status == 200
    assert dict((await stream.read()).available) == {variant: 7}
    await seller.request_ok("PATCH", f"/products/{product}", version=1, json={"archived": True})
    with pytest.raises(grpc.RpcError) as error:
        await stream.read()
    assert isinstance(service_error_of(error.value), NotFound)


async def test_a_watch_ends_when_its_token_is_revoked(
    harness: CatalogHarness, gateway: RpcPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_watch, "WATCH_INTERVAL", 0.01)
    person = harness.person()
    product, _ = await person.create_product()
    asked = messages.WatchStockRequest(product=product)
    stream = gateway.stream(WATCH, asked, messages.StockLevels, token=person.token)
    await stream.read()
    harness.catalog.service.token_verifier._tokens_from[person.id] = math.inf  # type: ignore[assignment]
    with pytest.raises(grpc.RpcError) as error:
        await stream.read()
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_watches_are_bounded_and_counted_until_they_end(
    harness: CatalogHarness, gateway: RpcPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_watch, "WATCH_INTERVAL", 0.01)
    monkeypatch.setattr(stock_watch, "MAX_WATCHES", 1)
    product, _ = await harness.person().create_product()
    asked = messages.WatchStockRequest(product=product)

    watch = StockWatch(CatalogReader(Repository(harness.catalog.service), now=harness.clock))

    async def nobody() -> str:
        return ""

    open_one = watch.levels(product, nobody)
    await anext(open_one)
    with pytest.raises(RateLimited):
        await anext(watch.levels(product, nobody))
    await open_one.aclose()  # type: ignore[attr-defined]
    await anext(watch.levels(product, nobody))
    first = gateway.stream(WATCH, asked, messages.StockLevels)
    await first.read()
    found = await refused(gateway, WATCH, asked, messages.StockLevels)
    assert found[:2] == (grpc.StatusCode.RESOURCE_EXHAUSTED, "too_many")
    first.cancel()


# ── lifetime, and what others see of it ─────────────────────────────────────────────────────


async def test_services_are_listed_by_reflection(harness: CatalogHarness) -> None:
    async with rpc_peer(harness.grpc_port(), "") as peer:
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        answer = await peer.call(REFLECTION, asked, reflection_pb2.ServerReflectionResponse)
        names = {one.name for one in answer.list_services_response.service}
    assert {"microgram.catalog.v1.Catalog", "grpc.health.v1.Health"} <= names


async def test_a_replica_that_stops_ends_its_streams(
    harness: CatalogHarness, gateway: RpcPeer
) -> None:
    product, _ = await harness.person().create_product()
    asked = messages.WatchStockRequest(product=product)
    stream = gateway.stream(WATCH, asked, messages.StockLevels)
    await stream.read()
    await harness.catalog.stop()
    with pytest.raises(grpc.RpcError):
        await stream.read()


async def test_calls_are_measured_by_their_method(harness: CatalogHarness, orders: RpcPeer) -> None:
    await refused(orders, QUOTE, quote_of(), messages.QuoteResponse)
    labels = f'{{method="GRPC",route="{QUOTE}",status="4xx"}}'
    line = f"http_server_request_duration_seconds_count{labels} 1.0"
    await until(lambda: line in harness.catalog.service.metrics.text().decode())
