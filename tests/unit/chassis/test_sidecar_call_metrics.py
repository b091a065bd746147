"""What metrics say of the calls of the sidecar: a server of this test answers in its place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.pubsub import EncodedEvent
from services.chassis.dapr.state import StateUpsert
from services.chassis.errors import ServiceError
from services.chassis.metrics import Metrics

SECONDS = "microgram_sidecar_call_duration_seconds"
ERRORS = "microgram_sidecar_call_errors_total"


class Sidecar:
    """Answers every call alike."""

    def __init__(self) -> None:
        self.status, self.text = 200, "[]"

    async def answer(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status, text=self.text)


@pytest.fixture
def sidecar() -> Sidecar:
    return Sidecar()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def client(sidecar: Sidecar, metrics: Metrics) -> AsyncIterator[DaprClient]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", sidecar.answer)
    async with TestServer(app) as server, DaprClient(server.port or 0, "", metrics) as client:
        client.pauses = ()
        yield client


def value(metrics: Metrics, name: str, operation: str) -> float:
    return metrics.registry.get_sample_value(name, {"operation": operation}) or 0.0


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("state_get", lambda c: c.get("transaction")),
        ("state_get", lambda c: c.get_many(["a", "b"])),
        ("state_set", lambda c: c.set("a", 1)),
        ("state_delete", lambda c: c.delete("bulk")),
        ("state_transaction", lambda c: c.transact([StateUpsert("a", 1), StateUpsert("b", 1)])),
        ("publish", lambda c: c.publish("t", [EncodedEvent("1", "s", b"{}")])),
        ("invoke", lambda c: c.invoke("posts", "posts/1")),
        ("binding", lambda c: c.put_blob("a", b"x")),
        ("secret", lambda c: c.secret("a")),
        ("other", lambda c: c.is_ready()),
    ],
)
async def test_calls_are_measured_by_what_they_do(
    client: DaprClient,
    metrics: Metrics,
    operation: str,
    call: Callable[[DaprClient], Awaitable[object]],
) -> None:
    with suppress(ServiceError, AttributeError, TypeError):  # the answer fits no call
        await call(client)
    assert value(metrics, f"{SECONDS}_count", operation) == 1
    assert value(metrics, ERRORS, operation) == 0


async def test_a_long_poll_is_no_slow_call(
    client: DaprClient, sidecar: Sidecar, metrics: Metrics
) -> None:
    await client.invoke("auth", "revocations", params={"wait": "10"})
    assert value(metrics, f"{SECONDS}_count", "long_poll") == 0
    sidecar.status = 500
    with suppress(ServiceError):
        await client.invoke("auth", "revocations", params={"wait": "10"})
    assert value(metrics, ERRORS, "long_poll") == 1


@pytest.mark.parametrize(
    ("status", "text", "errors"),
    [
        (404, "{}", 0),
        (409, '{"errorCode": "ERR_STATE_SAVE", "message": "etag mismatch"}', 0),
        (500, '{"errorCode": "ERR_STATE_TRANSACTION", "message": "etag mismatch"}', 0),
        (500, '{"errorCode": "ERR_STATE_SAVE", "message": "the disk is full"}', 1),
        (503, "{}", 1),
    ],
)
async def test_an_answer_that_refuses_is_no_error(
    client: DaprClient, sidecar: Sidecar, metrics: Metrics, status: int, text: str, errors: int
) -> None:
    sidecar.status, sidecar.text = status, text
    with suppress(ServiceError):
        await client.set("a", 1)
    assert value(metrics, ERRORS, "state_set") == errors
    assert value(metrics, f"{SECONDS}_count", "state_set") == 1


async def test_a_sidecar_that_is_away_is_an_error(metrics: Metrics) -> None:
    async with DaprClient(1, "", metrics) as client:
        with pytest.raises(ServiceError):
            await client.get("a")
    assert value(metrics, ERRORS, "state_get") == 1
