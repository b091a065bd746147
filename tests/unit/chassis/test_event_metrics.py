"""What metrics say of events, outboxes, dead letters and background work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import APIRouter

from services.chassis.consuming.events import Event, PoisonMessage
from services.chassis.errors import Unavailable
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import EventType
from tests.fakes import FakeCluster, RunningReplica, Scrape, open_access, scrape, until

HANDLED = "microgram_events_handled_total"
AGE = "microgram_event_age_seconds_count"
LAG = "microgram_event_lag"
FETCHED = "microgram_events_fetched_total"
PUBLISHED = "microgram_events_published_total"
PENDING = "microgram_outbox_pending"
OLDEST = "microgram_outbox_oldest_age_seconds"
LETTERS = "microgram_dead_letters"


@dataclass(frozen=True)
class Thing:
    text: str = ""


THING_CHANGED = EventType("thing.changed", "things", "producer", Thing)


def producer(settings: Settings) -> Any:
    service = Service(settings)
    things = service.collection("thing", Thing, publishes=THING_CHANGED)
    router = APIRouter()

    @router.post("/things/{id}/{text}")
    async def change(id: str, text: str) -> None:
        await things.update(id, lambda _: Thing(text))

    return service.create_app(router, access=open_access(service, router))


class Reader:
    """Handles events as a test wants."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def handle(self, _: Event[Thing]) -> None:
        if self.error is not None:
            raise self.error

    def create(self) -> Callable[[Settings], Service]:
        def consumer(settings: Settings) -> Service:
            service = Service(settings)
            service.on(THING_CHANGED, self.handle)
            return service

        return consumer


@dataclass
class Pair:
    cluster: FakeCluster
    source: RunningReplica
    sink: RunningReplica
    reader: Reader

    async def publish(self, *ids: str) -> None:
        for id in ids:
            answer = await self.source.call("POST", f"/things/{id}/x", caller="test")
            assert answer.status == 200

    async def seen(self) -> Scrape:
        return await scrape(self.sink.app)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    reader = Reader()
    async with FakeCluster() as cluster:
        source = await cluster.start(producer, "producer")
        sink = await cluster.start(reader.create(), "consumer")
        yield Pair(cluster, source, sink, reader)


def handled(seen: Scrape, result: str) -> float:
    return seen.value(HANDLED, topic="things", result=result)


async def test_handled_events_are_counted_with_their_age(pair: Pair) -> None:
    await pair.publish("1", "2", "3")
    await pair.cluster.settle()
    seen = await pair.seen()
    assert handled(seen, "ok") == 3
    assert 1 <= seen.value(AGE, topic="things") <= 3
    total = seen.value("microgram_event_age_seconds_sum", topic="things")
    assert 0 <= total < 60
    assert seen.value(LAG, topic="things", producer="producer") == 0
    assert seen.value(FETCHED, topic="things") == 0
    assert (await scrape(pair.source.app)).value(PUBLISHED, topic="things") == 3


async def test_a_repeated_event_is_told_from_a_new_one(pair: Pair) -> None:
    await pair.publish("1")
    await pair.cluster.settle()
    outbox = pair.source.service.outboxes["things"]
    events, _ = await outbox.changes_since(outbox.stream, 0, 10)
    for _ in range(2):
        assert await pair.sink.deliver("things", events[0]) == "SUCCESS"
    seen = await pair.seen()
    assert (handled(seen, "ok"), handled(seen, "repeated")) == (1, 2)
    assert seen.value(AGE, topic="things") == 1


async def test_a_lost_event_is_counted_as_lag_and_then_as_fetched(pair: Pair) -> None:
    pair.cluster.broker.loses = lambda _: True
    await pair.publish("1", "2")
    await pair.cluster.settle(rounds=0)
    assert not (await pair.seen()).has(LAG, topic="things", producer="producer")
    pair.sink.sidecar.faults.fail("invoke", about="producer/changes/things/", times=3)
    await pair.sink.service.inbox.catch_up()
    assert (await pair.seen()).value(LAG, topic="things", producer="producer") == 2
    await pair.cluster.settle()
    seen = await pair.seen()
    assert seen.value(LAG, topic="things", producer="producer") == 0
    assert seen.value(FETCHED, topic="things") == 2
    assert handled(seen, "ok") == 2


async def test_what_the_handler_cannot_do_now_is_retried_and_lags(pair: Pair) -> None:
    pair.reader.error = Unavailable("not now")
    pair.cluster.broker.hold()
    await pair.publish("1")
    await pair.sink.service.inbox.catch_up()
    await pair.sink.service.inbox.catch_up()
    seen = await pair.seen()
    assert handled(seen, "retried") >= 1
    assert handled(seen, "ok") == 0
    assert seen.value(LAG, topic="things", producer="producer") == 1
    pair.reader.error = None
    pair.cluster.broker.release()
    await pair.cluster.settle()
    seen = await pair.seen()
    assert handled(seen, "ok") == 1
    assert seen.value(LAG, topic="things", producer="producer") == 0


async def test_a_dead_letter_is_counted_until_it_is_replayed(pair: Pair) -> None:
    assert (await pair.seen()).value(LETTERS, topic="things") == 0
    pair.reader.error = PoisonMessage("never")
    await pair.publish("1")
    await pair.cluster.settle()
    seen = await pair.seen()
    assert seen.value(LETTERS, topic="things") == 1
    assert handled(seen, "dead_lettered") == 1
    assert handled(seen, "ok") == 0
    pair.reader.error = None
    assert (await pair.sink.operate("POST", "/deadletters/replay")).json()["replayed"] == 1
    assert (await pair.seen()).value(LETTERS, topic="things") == 0


async def test_another_replica_counts_the_dead_letters_of_all(pair: Pair) -> None:
    other = await pair.cluster.start(pair.reader.create(), "consumer")
    for number in range(3):
        await pair.sink.service.dead_letters.add("things", {"n": number}, "why")
    assert (await scrape(other.app)).value(LETTERS, topic="things") == 0
    before = len(other.sidecar.state.faults.calls)
    await other.service.dead_letters.count()
    assert (await scrape(other.app)).value(LETTERS, topic="things") == 3
    first = len(other.sidecar.state.faults.calls) - before
    await other.service.dead_letters.count()
    assert len(other.sidecar.state.faults.calls) - before - first <= 1


async def test_a_topic_that_a_message_makes_up_is_no_label(pair: Pair) -> None:
    for number in range(5):
        message = {"topic": f"made-up-{number}", "type": "nonsense"}
        answer = await pair.sink.call("POST", "/events-dead", caller="", json=message)
        assert answer.status == 200
    seen = await pair.seen()
    assert seen.value(HANDLED, topic="unknown", result="dead_lettered") == 5
    assert seen.value(LETTERS, topic="unknown") == 5
    assert not [s for s in seen.samples if "made-up" in str(s.labels)]


async def test_what_waits_for_the_broker_is_counted_with_its_age(pair: Pair) -> None:
    pair.cluster.broker.down = True
    await pair.publish("1", "2")
    seen = await scrape(pair.source.app)
    assert seen.value(PENDING, topic="things") == 2
    assert 0 < seen.value(OLDEST, topic="things") < 60
    pair.cluster.broker.down = False
    await pair.cluster.settle()
    seen = await scrape(pair.source.app)
    assert seen.value(PENDING, topic="things") == 0
    assert seen.value(OLDEST, topic="things") == 0
    assert seen.value(PUBLISHED, topic="things") == 2


async def test_work_that_fails_is_named() -> None:
    broken = True

    async def sweep() -> None:
        if broken:
            raise Unavailable("not now")

    def sweeper(settings: Settings) -> Service:
        service = Service(settings)
        service.every(0.001, sweep, name="sweep", max_backoff=0.001)
        service.every(60, sweep, name="sweep")
        return service

    failing, failures = (
        f"microgram_background_work_{name}" for name in ("failing", "failures_total")
    )
    async with FakeCluster() as cluster:
        service = await cluster.start(sweeper, "sweeper")
        await until(lambda: "sweep" in service.service.failing_work())
        seen = await scrape(service.app)
        assert seen.value(failing, work="sweep") == 1
        assert seen.value(failures, work="sweep") >= 3
        broken = False
        await until(lambda: "sweep" not in service.service.failing_work())
        assert (await scrape(service.app)).value(failing, work="sweep") == 0
