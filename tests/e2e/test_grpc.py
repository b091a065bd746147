"""Catalog by gRPC through real sidecars: answers, identity, access control and errors.

Systems on some component sets have it on, so that all tests of the shop run by HTTP and by gRPC.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
import requests
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2

from services.chassis.rpc.status import service_error_of
from services.contracts.protobuf import catalog_pb2 as messages
from tests.system import WITH_GRPC, LoggedInUser, System, wait_until
from tests.system.shopping import SHOP, await_final_state, buy, create_product

CATALOG = "/microgram.catalog.v1.Catalog"
TIMEOUT = 60


class GrpcCaller:
    """Calls catalog through the sidecar of a service, as the service does."""

    def __init__(self, channel: Any, sidecar_token: str) -> None:
        self._channel = channel
        self._metadata = [("dapr-app-id", "catalog"), ("dapr-api-token", sidecar_token)]

    def __call__(
        self, method: str, request: Message, response: type[Message], *more: tuple[str, str]
    ) -> Any:
        path = method if method.startswith("/") else f"{CATALOG}/{method}"
        call = self._channel.unary_unary(
            path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        return call(request, timeout=TIMEOUT, metadata=[*self._metadata, *more])

    def watch(self, product: str, token: str = "") -> Any:
        call = self._channel.unary_stream(
            f"{CATALOG}/WatchStock",
            request_serializer=messages.WatchStockRequest.SerializeToString,
            response_deserializer=messages.StockLevels.FromString,
        )
        user = [("authorization", f"Bearer {token}")] if token else []
        metadata = [*self._metadata, ("dapr-stream", "true"), *user]
        return call(messages.WatchStockRequest(product=product), metadata=metadata, timeout=TIMEOUT)


@contextmanager
def calling_as(system: System, app: str) -> Iterator[GrpcCaller]:
    row = system.ps()[app]
    with grpc.insecure_channel(f"127.0.0.1:{row.sidecar_grpc_port}") as channel:
        yield GrpcCaller(channel, system.tokens(app).sidecar)


@pytest.fixture(autouse=True)
def _is_on(system: System) -> None:
    try:
        _health(system)
    except grpc.RpcError:
        assert system.components not in WITH_GRPC
        pytest.skip("gRPC is off: start the system with MICROGRAM_GRPC=1")


@pytest.fixture
def gateway(system: System) -> Iterator[GrpcCaller]:
    with calling_as(system, "gateway-1" if "gateway-1" in system.ps() else "gateway") as caller:
        yield caller


def _health(system: System) -> int:
    """The health that catalog tells its sidecar, at the port of HTTP."""
    token = (("dapr-api-token", system.tokens("catalog").app),)
    with grpc.insecure_channel(f"127.0.0.1:{system.ps()['catalog'].app_port}") as channel:
        call = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        found = call(
            health_pb2.HealthCheckRequest(service=CATALOG[1:]), timeout=TIMEOUT, metadata=token
        )
    status: int = found.status
    return status


def quote_of(product: dict[str, Any], quantity: int = 1) -> messages.QuoteRequest:
    item = messages.QuoteItem(
        product=product["id"], variant=product["variants"][0]["id"], quantity=quantity
    )
    return messages.QuoteRequest(items=[item])


def test_health_is_told_beside_http(system: System) -> None:
    assert _health(system) == health_pb2.HealthCheckResponse.SERVING


def test_orders_and_gateway_get_a_quote(system: System, anna: LoggedInUser) -> None:
    product = create_product(anna, price=1234)
    for app in ("orders", "gateway"):
        with calling_as(system, app) as caller:
            found = caller("Quote", quote_of(product, 2), messages.QuoteResponse)
            (line,) = found.lines
            assert (line.price, line.quantity, line.available) == (1234, 2, 10)


def test_orders_asks_by_grpc(system: System, anna: LoggedInUser, ben: LoggedInUser) -> None:
    product = create_product(anna)

    def answers(method: str, route: str) -> float:
        token = (system.run_dir / "metrics-token").read_text().strip()
        url = f"{system.ps()['catalog'].address}/metrics"
        page = requests.get(url, headers={"authorization": f"Bearer {token}"}, timeout=TIMEOUT)
        assert page.ok, page.text
        labels = f'{{method="{method}",route="{route}",status="2xx"}}'
        name = f"http_server_request_duration_seconds_count{labels} "
        values = [line.removeprefix(name) for line in page.text.splitlines() if name in line]
        return float(values[0]) if values else 0.0

    before = answers("GRPC", f"{CATALOG}/Quote"), answers("POST", "/quotes")
    assert await_final_state(ben, buy(ben, product, 1)["id"])["state"] == "completed"
    assert answers("GRPC", f"{CATALOG}/Quote") > before[0]
    assert answers("POST", "/quotes") == before[1]


def test_a_user_sees_what_only_they_may(
    gateway: GrpcCaller, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    product = create_product(anna)
    archived = anna.call(
        "PATCH",
        f"{SHOP}/products/{product['id']}",
        json={"archived": True},
        headers={"If-Match": '"1"'},
    )
    assert archived.ok, archived.text
    asked = messages.GetProductRequest(id=product["id"])
    own = gateway("GetProduct", asked, messages.ProductView, _bearer(anna))
    assert own.product.archived
    with pytest.raises(grpc.RpcError) as refused:
        gateway("GetProduct", asked, messages.ProductView, _bearer(ben))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as refused:
        gateway("GetProduct", asked, messages.ProductView, ("authorization", "Bearer x"))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_errors_come_with_their_code_and_details(gateway: GrpcCaller) -> None:
    unknown = {"id": "1", "variants": [{"id": "2"}]}
    with pytest.raises(grpc.RpcError) as refused:
        gateway("Quote", quote_of(unknown), messages.QuoteResponse)
    failure = service_error_of(refused.value)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert (failure.code, failure.details) == ("not_sold", {"variants": ["2"]})


@pytest.mark.parametrize(
    ("app", "method"),
    [
        ("orders", "GetProduct"),
        ("orders", "WatchStock"),
        ("media", "Quote"),
        ("posts", "GetProduct"),
        ("catalog", "Quote"),
        ("gateway", "Unknown"),
        ("gateway", "/grpc.health.v1.Health/Check"),
    ],
)
@pytest.mark.parametrize("forged", ["", "gateway"])
def test_what_nobody_named_is_refused(system: System, app: str, method: str, forged: str) -> None:
    more = [("dapr-caller-app-id", forged)] if forged else []
    with calling_as(system, app) as caller, pytest.raises(grpc.RpcError) as refused:
        caller(method, messages.GetProductRequest(id="1"), messages.ProductView, *more)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED, refused.value


def test_a_made_up_name_is_refused_where_the_true_one_is_admitted(gateway: GrpcCaller) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        gateway(
            "Quote",
            messages.QuoteRequest(),
            messages.QuoteResponse,
            ("dapr-caller-app-id", "orders"),
        )
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_without_the_token_of_the_app_nobody_is_admitted(system: System) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{system.ps()['catalog'].app_port}") as channel:
        call = channel.unary_unary(f"{CATALOG}/Quote")
        for tokens in ([], [("dapr-api-token", system.tokens("catalog").sidecar)]):
            with pytest.raises(grpc.RpcError) as refused:
                call(b"", timeout=TIMEOUT, metadata=[("dapr-caller-app-id", "gateway"), *tokens])
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_stock_is_told_as_it_is_sold(
    gateway: GrpcCaller, anna: LoggedInUser, ben: LoggedInUser
) -> None:
    product = create_product(anna)
    variant = product["variants"][0]["id"]
    seen: list[int] = []
    stream = gateway.watch(product["id"])

    def read() -> None:
        with pytest.raises(grpc.RpcError):
            seen.extend(levels.available[variant] for levels in stream)

    reading = threading.Thread(target=read)
    reading.start()
    wait_until(lambda: seen == [10], what="the first level")
    await_final_state(ben, buy(ben, product, 3)["id"])
    wait_until(lambda: seen[-1] == 7, what="the pieces that are left")
    stream.cancel()
    reading.join(TIMEOUT)
    assert not reading.is_alive()


def _bearer(person: LoggedInUser) -> tuple[str, str]:
    return ("authorization", f"Bearer {person.token}")
