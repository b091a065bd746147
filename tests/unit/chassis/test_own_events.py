"""A service that consumes its own events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from fastapi import APIRouter, FastAPI

from services.chassis.consuming import inbox
from services.chassis.consuming.events import Event
from services.chassis.errors import Unavailable
from services.chassis.publishing import relay
from services.chassis.publishing.local_delivery import LocalDelivery
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import EventType
from tests.fakes import FakeCluster, RunningReplica, open_access
from tests.fakes.broker import message_of


@dataclass(frozen=True)
class Thing:
    n: int = 0


THING_CHANGED = EventType("thing.changed", "things", "maker", Thing)
TASK_DUE = EventType("task.due", "maker-tasks", "maker", Thing, private=True)
SPREAD = EventType("spread.changed", "spread", "maker", Thing)


class Maker:
    """Makes things, tasks and spread things, and consumes their events."""

    def __init__(self) -> None:
        self.handled: list[str] = []
        self.failures = 0

    def app(self, settings: Settings) -> FastAPI:
        service = Service(settings)
        router = APIRouter()

        async def handle(event: Event[Thing]) -> None:
            if self.failures:
                self.failures -= 1
                raise Unavailable("not now")
            self.handled.append(event.subject)

        for event_type in (THING_CHANGED, TASK_DUE, SPREAD):
            _route(router, service, event_type)
            service.on(event_type, handle, spread=event_type is SPREAD)
        return service.create_app(router, access=open_access(service, router))


def _route(router: APIRouter, service: Service, event_type: EventType[Thing]) -> None:
    kind = event_type.name.partition(".")[0]
    things = service.collection(kind, Thing, publishes=event_type)

    @router.post(f"/{kind}/{{id}}")
    async def make(id: str) -> None:
        await things.update(id, lambda kept: Thing(kept.n + 1 if kept else 1))


@dataclass
class Place:
    cluster: FakeCluster
    maker: Maker
    replicas: list[RunningReplica]

    async def start(self) -> RunningReplica:
        self.replicas.append(await self.cluster.start(self.maker.app, "maker"))
        return self.replicas[-1]

    async def make(self, kind: str, id: str) -> None:
        assert (await self.replicas[-1].call("POST", f"/{kind}/{id}")).status == 200


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(inbox, "PAUSE", 3600.0)
    async with FakeCluster() as cluster:
        place = Place(cluster, Maker(), [])
        await place.start()
        yield place


async def test_own_events_are_handled_without_the_broker(place: Place) -> None:
    place.cluster.broker.down = True
    await place.make("thing", "a")
    await place.cluster.settle(rounds=0)
    assert place.maker.handled == ["a"]
    place.cluster.broker.down = False
    await place.cluster.settle()
    assert place.maker.handled == ["a"]
    assert [event["subject"] for event in place.cluster.broker.events("things")] == ["a"]


async def test_events_of_private_topics_do_not_go_to_the_broker(place: Place) -> None:
    await place.make("task", "a")
    await place.cluster.settle()
    assert place.maker.handled == ["a"]
    assert place.cluster.broker.events("maker-tasks") == []


async def test_spread_events_are_those_of_the_broker(place: Place) -> None:
    place.cluster.broker.down = True
    await place.make("spread", "a")
    await place.cluster.settle(rounds=0)
    assert place.maker.handled == []
    place.cluster.broker.down = False
    await place.cluster.settle()
    assert place.maker.handled == ["a"]


@pytest.mark.parametrize("kind", ["thing", "task"])
async def test_what_a_handler_cannot_do_now_is_done_after_a_poll(place: Place, kind: str) -> None:
    place.maker.failures = 1
    await place.make(kind, "a")
    await place.cluster.settle(rounds=0)
    assert place.maker.handled == []
    await place.cluster.settle(rounds=1)
    assert place.maker.handled == ["a"]


@pytest.mark.parametrize("kind", ["thing", "task"])
async def test_what_a_process_did_not_handle_before_it_died_the_next_one_handles(
    place: Place, kind: str
) -> None:
    place.cluster.broker.hold()
    await place.make(kind, "a")
    await place.replicas[0].kill()
    place.cluster.broker.forget()
    await place.start()
    await place.cluster.settle()
    assert set(place.maker.handled) == {"a"}


async def test_events_wait_for_the_handler_and_come_together() -> None:
    gate, batches = asyncio.Event(), []

    async def handle(events: object) -> None:
        batches.append(events)
        await gate.wait()

    delivery = LocalDelivery(handle)
    assert delivery.is_idle
    delivery.enqueue({"n": 1})
    await asyncio.sleep(0)
    delivery.enqueue({"n": 2})
    delivery.enqueue({"n": 3})
    assert not delivery.is_idle
    gate.set()
    await delivery.drain()
    assert batches == [[{"n": 1}], [{"n": 2}, {"n": 3}]]
    assert delivery.is_idle


async def test_under_load_events_wait_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "MAX_RATE", 1 / 3600)
    batches: list[object] = []

    async def handle(events: object) -> None:
        batches.append(events)

    delivery = LocalDelivery(handle)
    for n in range(relay.BURST):
        delivery.enqueue({"n": n})
        await asyncio.wait_for(delivery.drain(), 30)
    assert batches == [[{"n": n}] for n in range(relay.BURST)]
    delivery.enqueue({"n": -1})
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(batches) == relay.BURST
    delivery.cancel()


async def test_a_broadcast_event_that_breaks_its_handler_does_not_stop_those_after_it() -> None:
    handled: list[str] = []

    def app(settings: Settings) -> FastAPI:
        service = Service(settings)

        async def handle(event: Event[Thing]) -> None:
            if event.subject == "a":
                raise KeyError(event.subject)
            handled.append(event.subject)

        service.on_broadcast(THING_CHANGED, handle)
        return service.create_app(access=open_access(service))

    async with FakeCluster() as cluster:
        listener = await cluster.start(app, "listener")
        events = [
            {"id": id, "type": THING_CHANGED.name, "source": "maker", "subject": id, "stream": "s",
             "sequence": n, "entityversion": 1, "data": {}}
            for n, id in enumerate(("a", "b"), start=1)
        ]  # fmt: skip
        answer = await listener.call(
            "POST", "/events-broadcast/things", caller="", json=message_of(events)
        )
        assert answer.json() == {"status": "SUCCESS"}
    assert handled == ["b"]
