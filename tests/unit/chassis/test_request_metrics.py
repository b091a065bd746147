from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, FastAPI, Request, Response

from services.chassis.errors import NotFound, Unavailable
from services.chassis.metrics import mark_as_stream
from services.chassis.security.access_rules import METRICS_SECRET, OPERATOR_HEADER
from services.chassis.security.token_hash import TokenHashVerifier
from services.chassis.service import Service
from services.chassis.settings import Settings
from tests.fakes import (
    APP_TOKEN,
    METRICS_TOKEN,
    OPERATOR_TOKEN,
    SCRAPER,
    FakeCluster,
    RunningReplica,
    call,
    open_access,
    scrape,
    until,
)

DURATION = "http_server_request_duration_seconds_count"
ACTIVE = "http_server_active_requests"


class Gate:
    """A request waits in it until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.waiting = 0


def create(gate: Gate) -> object:
    def things(settings: Settings) -> FastAPI:
        router = APIRouter()

        @router.get("/things/{id}")
        async def thing(id: str) -> str:
            return id

        @router.get("/breaks")
        async def breaks() -> None:
            raise ZeroDivisionError

        @router.get("/waits")
        async def waits() -> str:
            gate.waiting += 1
            await gate.opened.wait()
            return "done"

        @router.get("/streams")
        async def streams(request: Request) -> Response:
            mark_as_stream(request.scope)
            gate.waiting += 1
            await gate.opened.wait()
            return Response("done")

        service = Service(settings)
        return service.create_app(router, access=open_access(service, router))

    return things


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with FakeCluster() as cluster:
        yield cluster


@pytest.fixture
async def things(cluster: FakeCluster, gate: Gate) -> RunningReplica:
    return await cluster.start(create(gate), "things")  # type: ignore[arg-type]


# ── who may read ────────────────────────────────────────────────────────────────────────────────


async def test_metrics_need_their_token_and_no_sidecar(things: RunningReplica) -> None:
    answer = await call(things.app, "GET", "/metrics", headers=SCRAPER)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    for wrong in ("", "Bearer ", f"Basic {METRICS_TOKEN}", METRICS_TOKEN, "Bearer " + "x" * 10_000):
        headers = {"authorization": wrong} if wrong else {}
        assert (await call(things.app, "GET", "/metrics", headers=headers)).status == 401
    for wrong in (APP_TOKEN, OPERATOR_TOKEN, METRICS_TOKEN.upper(), METRICS_TOKEN[:-1]):
        headers = {"authorization": f"Bearer {wrong}"}
        assert (await call(things.app, "GET", "/metrics", headers=headers)).status == 401


async def test_no_other_service_reads_metrics(things: RunningReplica) -> None:
    for caller in ("gateway", "things"):
        answer = await things.call("GET", "/metrics", caller=caller, headers=SCRAPER)
        assert answer.status == 403
    assert (await things.call("GET", "/metrics", caller="", headers=SCRAPER)).status == 200
    assert (await things.call("GET", "/metrics", caller="")).status == 401


async def test_the_token_of_metrics_opens_nothing_else(things: RunningReplica) -> None:
    for path in ("/things/1", "/deadletters", "/dapr/subscribe", "/bundles", "/metrics/", "/nix"):
        assert (await call(things.app, "GET", path, headers=SCRAPER)).status == 401, path
    assert (await things.operate("GET", "/deadletters", token=METRICS_TOKEN)).status == 403
    posted = await call(things.app, "POST", "/metrics", headers=SCRAPER)
    assert posted.status == 405
    operator = {OPERATOR_HEADER: OPERATOR_TOKEN}
    assert (await call(things.app, "GET", "/metrics", headers=operator)).status == 401


async def test_a_scrape_costs_no_call_after_the_first(
    cluster: FakeCluster, things: RunningReplica
) -> None:
    await scrape(things.app)
    cluster.secrets.clear()
    await scrape(things.app)
    wrong = {"authorization": "Bearer wrong"}
    assert (await call(things.app, "GET", "/metrics", headers=wrong)).status == 401


async def test_without_its_secret_nobody_reads_metrics(
    cluster: FakeCluster, things: RunningReplica
) -> None:
    del cluster.secrets[METRICS_SECRET]
    assert (await call(things.app, "GET", "/metrics", headers=SCRAPER)).status == 401


# ── rate, errors, duration ──────────────────────────────────────────────────────────────────────


async def test_requests_are_counted_by_route_method_and_status(things: RunningReplica) -> None:
    for path in ("/things/1", "/things/2", "/breaks"):
        await things.call("GET", path)
    await things.call("GET", "/things/3", caller="stranger")
    seen = await scrape(things.app)
    route = "/things/{id}"
    assert seen.value(DURATION, method="GET", route=route, status="2xx") == 2
    assert seen.value(DURATION, method="GET", route=route, status="4xx") == 1
    assert seen.value(DURATION, method="GET", route="/breaks", status="5xx") == 1


async def test_what_no_route_answers_is_one_series(things: RunningReplica) -> None:
    for number in range(20):
        await things.call("GET", f"/nothing/{number}")
        await things.call(f"VERB{number}", "/things/1")
    seen = await scrape(things.app)
    labels = {"route": "unmatched", "status": "4xx"}
    assert seen.value(DURATION, method="GET", **labels) == 20
    assert seen.value(DURATION, method="_OTHER", **labels) == 20
    series = [s for s in seen.samples if s.name == DURATION and s.labels["route"] == "unmatched"]
    assert len(series) == 2


async def test_each_request_of_a_batch_is_counted(things: RunningReplica) -> None:
    batch = {"questions": [{"path": "/things/1"}, {"path": "/things/2"}]}
    assert (await things.call("POST", "/bundles", json=batch)).status == 200
    seen = await scrape(things.app)
    assert seen.value(DURATION, method="POST", route="/bundles", status="2xx") == 1
    assert seen.value(DURATION, method="GET", route="/things/{id}", status="2xx") == 2


@pytest.mark.parametrize(("path", "active", "measured"), [("/waits", 2, 1), ("/streams", 1, 0)])
async def test_streams_are_neither_active_nor_measured(
    things: RunningReplica, gate: Gate, path: str, active: int, measured: int
) -> None:
    request = asyncio.create_task(things.call("GET", path))
    await until(lambda: gate.waiting == 1)
    assert (await scrape(things.app)).value(ACTIVE) == active  # the scrape is a request
    gate.opened.set()
    assert (await request).status == 200
    seen = await scrape(things.app)
    assert seen.value(ACTIVE) == 1
    assert seen.value(DURATION, method="GET", route=path, status="2xx") == measured


async def test_a_known_hash_holds_while_the_secret_store_is_away() -> None:
    answers: list[str | Exception] = [hashlib.sha256(b"right").hexdigest()]

    async def read(_: str) -> str:
        answer = answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    always, rarely = (TokenHashVerifier(read, "name", max_age) for max_age in (0.0, 1e-9))
    for verifier in (always, rarely):
        assert await verifier.verify(b"right")
        assert not await verifier.verify(b"wrong")
    answers[0] = Unavailable("The secret store is away.")
    assert await rarely.verify(b"right")
    assert not await rarely.verify(b"wrong")
    with pytest.raises(Unavailable):
        await always.verify(b"right")
    answers[0] = NotFound("There is none.")
    assert not await rarely.verify(b"right")
