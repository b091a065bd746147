"""Two small services on fakes: one invokes the other, and consumes its events."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends

from services.chassis.consuming.events import Event
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import EventType
from tests.fakes import FakeCluster, open_access


@dataclass(frozen=True)
class Thing:
    text: str = ""
    likes: int = 0


THING_CHANGED = EventType("thing.changed", "things", "producer", Thing)


def producer(settings: Settings) -> Service:
    service = Service(settings)
    things = service.collection("thing", Thing, publishes=THING_CHANGED)
    router = APIRouter()

    @router.post("/things/{id}")
    async def like(
        id: str, _: Annotated[Caller, Depends(require_user("write:things"))]
    ) -> Thing | None:
        return await things.update(
            id, lambda t: replace(t, likes=t.likes + 1) if t else Thing(id, 1)
        )

    service.routers = [router]  # type: ignore[attr-defined]
    return service


def producer_app(settings: Settings) -> object:
    service = producer(settings)
    routers = service.routers  # type: ignore[attr-defined]
    return service.create_app(*routers, access=open_access(service, *routers))


def consumer(settings: Settings) -> Service:
    service = Service(settings)
    copies = service.collection("copy", Thing)

    async def keep(event: Event[Thing]) -> None:
        thing = event.data
        await copies.update(
            event.subject, lambda kept: thing if not kept or kept.likes < thing.likes else None
        )

    service.on(THING_CHANGED, keep)
    return service


@pytest.mark.parametrize("like", ["sqlite", "redis"])
async def test_published_events_arrive_whatever_the_broker_does(like: str) -> None:
    async with FakeCluster(like=like) as cluster:
        one = await cluster.start(producer_app, "producer")
        two = await cluster.start(producer_app, "producer")
        await cluster.start(consumer, "consumer")
        token = cluster.token("1")
        cluster.broker.hold()
        for i in range(8):
            answer = await [one, two][i % 2].call("POST", f"/things/{i % 3}", token=token)
            assert answer.status == 200
        cluster.broker.release(seed=1)
        cluster.broker.loses = lambda _: True
        for i in range(40):
            await one.call("POST", f"/things/{i % 3}", token=token)
        await cluster.settle()
        kept = [cluster.state("consumer").peek(f"copy:{i}")["data"]["likes"] for i in range(3)]
        assert kept == [17, 16, 15]


async def test_the_commits_of_a_killed_service_remain() -> None:
    async with FakeCluster() as cluster:
        one = await cluster.start(producer_app, "producer")
        await cluster.start(consumer, "consumer")
        one.sidecar.broker.faults.crash("publish")
        assert (await one.call("POST", "/things/1", token=cluster.token("1"))).status == 200
        await one.sidecar.broker.faults.dead.wait()
        await one.kill()
        await cluster.start(producer_app, "producer")
        await cluster.settle()
        assert cluster.broker.events("things") == []
        assert cluster.state("producer").peek("thing:1")["data"]["likes"] == 1


async def test_without_a_token_every_caller_is_refused() -> None:
    async with FakeCluster() as cluster:
        one = await cluster.start(producer_app, "producer")
        assert (await one.call("POST", "/things/1")).status == 401
        revoked = cluster.token("1")
        assert (await one.call("POST", "/things/1", token=revoked)).status == 200
        assert (await one.public("POST", "/things/1", token=revoked)).status == 401
