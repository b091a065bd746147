from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from services.chassis import service, telemetry
from services.chassis.consuming import inbox
from services.chassis.consuming.events import Event, PoisonMessage, parse_cloud_event
from services.chassis.consuming.sequence_set import SequenceSet
from services.chassis.consuming.subscription import Subscription
from services.chassis.errors import Unavailable
from services.chassis.publishing import relay
from services.chassis.service import Service
from services.chassis.settings import Settings
from services.contracts.events import EventType
from tests.fakes import FakeCluster, RunningReplica, open_access, until


@dataclass(frozen=True)
class Thing:
    n: int = 0


THING_CHANGED = EventType("thing.changed", "things", "producer", Thing)
OTHER_CHANGED = EventType("other.changed", "others", "producer", Thing)


def producer_app(settings: Settings) -> FastAPI:
    """Publishes things and others; `POST /things/1` makes the next version of one."""
    service = Service(settings)
    router = APIRouter()
    for event_type in (THING_CHANGED, OTHER_CHANGED):
        _route(router, service, event_type)
    return service.create_app(router, access=open_access(service, router))


def _route(router: APIRouter, service: Service, event_type: EventType[Thing]) -> None:
    kind = event_type.name.removesuffix(".changed")
    things = service.collection(kind, Thing, publishes=event_type)

    @router.post(f"/{kind}s/{{id}}")
    async def make(id: str) -> Thing | None:
        return await things.update(id, lambda thing: Thing((thing.n if thing else 0) + 1))


class RecordingConsumer:
    """A service that keeps the newest version that it has received of each thing."""

    def __init__(self) -> None:
        self.received: list[Event[Thing]] = []
        self.traces: list[str] = []
        self.poison: set[str] = set()
        self.broken: set[str] = set()
        self.failing: Counter[str] = Counter()

    def app(self, settings: Settings) -> FastAPI:
        service = Service(settings)
        kept = service.collection("kept", dict)

        async def keep(event: Event[Thing]) -> None:
            if event.subject in self.poison:
                raise PoisonMessage("cannot be")
            if event.subject in self.broken:
                raise KeyError(event.subject)
            if self.failing[event.subject] > 0:
                self.failing[event.subject] -= 1
                raise Unavailable("not now")
            self.received.append(event)
            self.traces.append(telemetry.current().traceparent)
            await kept.update(
                f"{event.type}/{event.subject}",
                lambda known: (
                    {"version": event.version, **event.payload}
                    if not known or known["version"] < event.version
                    else None
                ),
            )

        for event_type in (THING_CHANGED, OTHER_CHANGED):
            service.on(event_type, keep)
        return service.create_app(access=open_access(service))


class Pair:
    """A producer and a consumer, and what each of them stores."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.consumer = RecordingConsumer()
        self.producers: list[RunningReplica] = []
        self.consumers: list[RunningReplica] = []

    async def start_producer(self) -> RunningReplica:
        self.producers.append(await self.cluster.start(producer_app, "producer"))
        return self.producers[-1]

    async def start_consumer(self) -> RunningReplica:
        self.consumers.append(await self.cluster.start(self.consumer.app, "consumer"))
        return self.consumers[-1]

    async def make(self, *ids: str, topic: str = "things") -> None:
        for n, id in enumerate(ids):
            producer = self.producers[n % len(self.producers)]
            assert (await producer.call("POST", f"/{topic}/{id}")).status == 200

    def truth(self) -> dict[str, int]:
        return self._numbers("producer", "thing:")

    def known(self) -> dict[str, int]:
        return self._numbers("consumer", "kept:thing.changed/")

    def _numbers(self, app: str, prefix: str) -> dict[str, int]:
        state = self.cluster.state(app)
        found = {key.removeprefix(prefix): state.peek(key)["data"] for key in state.keys(prefix)}
        return {id: data["n"] for id, data in found.items()}


@pytest.fixture
async def pair(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    # Tests poll by themselves, however long they take.
    monkeypatch.setattr(inbox, "PAUSE", 3600.0)
    async with FakeCluster() as cluster:
        pair = Pair(cluster)
        await pair.start_producer()
        await pair.start_consumer()
        yield pair


def ids(count: int) -> list[str]:
    return [f"t{n}" for n in range(count)]


async def test_delivered_events_are_handled_with_their_trace(pair: Pair) -> None:
    await pair.make("a")
    await pair.cluster.settle(rounds=0)
    assert pair.known() == pair.truth() == {"a": 1}
    assert pair.consumer.traces == [pair.consumer.received[0].envelope.traceparent]
    assert (
        pair.cluster.state("producer").peek("thing:a")["change"]["traceparent"]
        in pair.consumer.traces
    )


async def test_delivered_events_are_not_fetched(pair: Pair) -> None:
    await pair.make(*ids(20))
    await pair.cluster.settle(rounds=5)
    assert len(pair.consumer.received) == 20


@pytest.mark.parametrize("seed", range(5))
async def test_events_may_be_lost_duplicated_delayed_and_reordered(pair: Pair, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    cluster = pair.cluster
    cluster.broker.copies = 2
    cluster.broker.loses = lambda _: chance.random() < 0.4
    for _ in range(4):
        cluster.broker.hold()
        await pair.make(*(chance.choice(ids(30)) for _ in range(40)))
        cluster.broker.release(seed)
        await cluster.settle(rounds=1)
    await cluster.settle()
    assert pair.known() == pair.truth()


async def test_lost_events_arrive_after_a_poll(pair: Pair) -> None:
    pair.cluster.broker.loses = lambda _: True
    await pair.make(*ids(200))
    await pair.cluster.settle(rounds=0)
    assert pair.known() == {}
    await pair.cluster.settle(rounds=1)
    assert pair.known() == pair.truth()
    assert len(pair.known()) == 200
    calls = pair.consumers[0].sidecar.faults.count("invoke")
    await pair.cluster.settle(rounds=2)
    assert len(pair.consumer.received) == 200
    assert pair.consumers[0].sidecar.faults.count("invoke") == calls + 2


async def test_a_broker_that_starts_empty_loses_nothing(pair: Pair) -> None:
    pair.cluster.broker.hold()
    await pair.make(*ids(30))
    pair.cluster.broker.forget()
    await pair.cluster.settle()
    assert pair.known() == pair.truth()


async def test_a_consumer_that_starts_late_catches_up(pair: Pair) -> None:
    await pair.consumers[0].stop()
    await pair.make(*ids(150), *ids(10))
    await pair.start_consumer()
    await pair.cluster.settle()
    assert pair.known() == pair.truth()


async def test_a_restarted_consumer_continues_from_its_positions(pair: Pair) -> None:
    pair.cluster.broker.loses = lambda _: True
    await pair.make(*ids(40))
    await pair.cluster.settle(rounds=3)
    await pair.consumers[0].kill()
    await pair.make("new")
    pair.consumer.received.clear()
    await pair.start_consumer()
    await pair.cluster.settle()
    assert pair.known() == pair.truth()
    assert [event.subject for event in pair.consumer.received] == ["new"]


async def test_a_consumer_that_dies_between_effect_and_answer_gets_the_event_again(
    pair: Pair,
) -> None:
    pair.cluster.broker.loses = lambda _: True
    pair.consumers[0].sidecar.state.faults.crash(
        "compare_and_set", about="kept:", nth=5, after=True
    )
    await pair.make(*ids(30))
    dying = asyncio.ensure_future(pair.consumers[0].service.inbox.catch_up())
    await pair.consumers[0].sidecar.state.faults.dead.wait()
    await pair.consumers[0].kill()
    dying.cancel()
    await pair.start_consumer()
    await pair.cluster.settle()
    assert pair.known() == pair.truth()


async def test_all_events_of_producers_that_die_and_restart_arrive(pair: Pair) -> None:
    pair.cluster.broker.loses = lambda _: True
    for n in range(3):
        await pair.make(*ids(10 + n))
        await pair.producers.pop().kill()
        await pair.start_producer()
    # Entries of dead processes settle with time; their events can be fetched at once.
    await pair.cluster.settle()
    assert pair.known() == pair.truth()


async def test_two_producers_and_two_consumers_agree(pair: Pair) -> None:
    await pair.start_producer()
    await pair.start_consumer()
    lost = Counter[str]()

    def every_third(event: dict[str, Any]) -> bool:
        lost["seen"] += 1
        return lost["seen"] % 3 == 0

    pair.cluster.broker.loses = every_third
    for _ in range(5):
        await pair.make(*ids(20))
        await pair.cluster.settle(rounds=1)
    await pair.cluster.settle(rounds=3)
    assert pair.known() == pair.truth()
    assert set(pair.truth().values()) == {5}


async def test_a_temporary_failure_is_retried(pair: Pair) -> None:
    pair.consumer.failing["a"] = 3
    await pair.make("a", "b")
    await pair.cluster.settle(rounds=0)
    assert pair.known() == pair.truth()


async def test_poison_messages_become_dead_letters_and_block_nothing(pair: Pair) -> None:
    pair.consumer.poison = {"t3"}
    pair.cluster.broker.loses = lambda event: event["subject"] == "t3"
    await pair.make(*ids(20))
    await pair.cluster.settle()
    pair.cluster.broker.loses = lambda _: False
    await pair.make("t3")
    await pair.cluster.settle()
    expected = {id: n for id, n in pair.truth().items() if id != "t3"}
    assert pair.known() == expected
    letters = (await pair.consumers[0].operate("GET", "/deadletters")).json()
    assert [letter["event"]["entityversion"] for letter in letters] == [1, 2]
    assert {letter["why"] for letter in letters} == {"cannot be"}
    pair.consumer.poison.clear()
    replay = await pair.consumers[0].operate("POST", "/deadletters/replay")
    assert replay.json() == {"replayed": 2, "failed": {}}
    assert pair.known() == pair.truth()


async def test_an_event_that_breaks_its_handler_does_not_block_fetched_events(
    pair: Pair,
) -> None:
    pair.consumer.broken = {"t3"}
    pair.cluster.broker.loses = lambda _: True
    await pair.make(*ids(150))
    await pair.cluster.settle(rounds=3)
    assert set(pair.truth()) - set(pair.known()) == {"t3"}
    letters = (await pair.consumers[0].operate("GET", "/deadletters")).json()
    assert [letter["event"]["subject"] for letter in letters] == ["t3"]


async def test_a_failing_topic_does_not_block_other_topics(pair: Pair) -> None:
    pair.cluster.broker.loses = lambda _: True
    pair.consumer.failing["bad"] = 1000
    await pair.make("bad")
    await pair.make("good", topic="others")
    await pair.cluster.settle()
    assert pair.cluster.state("consumer").peek("kept:other.changed/good") is not None
    pair.consumer.failing.clear()
    await pair.cluster.settle()
    assert pair.known() == pair.truth()


async def test_an_unavailable_producer_is_polled_again(pair: Pair) -> None:
    pair.cluster.broker.loses = lambda _: True
    await pair.make("a")
    pair.consumers[0].sidecar.faults.fail("invoke", about="producer", times=3)
    await pair.consumers[0].service.inbox.catch_up()
    await pair.cluster.settle()
    assert pair.known() == pair.truth()


GOOD = {
    "id": "1",
    "type": "t",
    "source": "s",
    "subject": "u",
    "stream": "x",
    "sequence": 1,
    "entityversion": 1,
    "data": {},
}


@pytest.mark.parametrize(
    "bad",
    [
        *(None, [], "text", 7, {}),
        *({name: value for name, value in GOOD.items() if name != left} for left in GOOD),
        *({**GOOD, "sequence": 0}, {**GOOD, "data": []}, {**GOOD, "id": "x" * 600}),
    ],
)
def test_a_malformed_event_is_poison(bad: Any) -> None:
    with pytest.raises(PoisonMessage, match="The event is invalid"):
        parse_cloud_event(bad)


def test_unknown_attributes_are_ignored() -> None:
    event = parse_cloud_event({**GOOD, "traceparent": "ours", "pubsubname": "x"})
    assert event.traceparent == "ours"


def test_events_that_the_broker_still_delivers_are_late_and_not_lost() -> None:
    subscription = Subscription("things", "teller")
    assert (
        subscription.gap_upper_bound("s", 100, SequenceSet(10)) == 100
    )  # its pace is not known yet
    assert (
        subscription.gap_upper_bound("s", 100, SequenceSet(10, ((15, 20),))) == 20
    )  # still arriving: only the gaps below
    assert (
        subscription.gap_upper_bound("s", 100, SequenceSet(20)) == 100
    )  # nothing arrived since the last poll: lost


async def test_one_message_brings_events_of_many_documents_and_only_the_newest_of_each(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PUBLISH_INTERVAL", 1.0)
    await pair.make("first")
    await pair.make("a", "b", "a", "c", "a")
    await pair.cluster.settle()
    assert [event.subject for event in pair.consumer.received] == ["first", "a", "b", "c"]
    assert pair.known() == pair.truth() == {"first": 1, "a": 3, "b": 1, "c": 1}
    received = len(pair.consumer.received)
    await pair.cluster.settle(rounds=3)
    assert len(pair.consumer.received) == received  # the older ones are not missing


async def test_of_a_message_that_comes_again_only_what_failed_is_repeated(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PUBLISH_INTERVAL", 1.0)
    await pair.make("first")
    pair.consumer.failing["b"] = 2
    await pair.make("a", "b", "c")
    await pair.cluster.settle()
    assert sorted(event.subject for event in pair.consumer.received) == ["a", "b", "c", "first"]


async def test_poison_in_a_message_holds_up_nothing_else(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PUBLISH_INTERVAL", 1.0)
    await pair.make("first")
    pair.consumer.poison = {"b"}
    await pair.make("a", "b", "c")
    await pair.cluster.settle(rounds=0)
    assert pair.known() == {"first": 1, "a": 1, "c": 1}
    letters = (await pair.consumers[0].operate("GET", "/deadletters")).json()
    assert [letter["event"]["subject"] for letter in letters] == ["b"]


async def test_of_a_message_that_comes_again_the_superseded_events_are_received_too(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PUBLISH_INTERVAL", 1.0)
    await pair.make("first")
    pair.consumer.failing["a"] = 2
    await pair.make("a", "a", "b")
    await pair.cluster.settle(rounds=4)
    assert pair.known() == pair.truth()
    received = [event.subject for event in pair.consumer.received]
    assert sorted(received) == ["a", "b", "first"]  # none of them was missing, and fetched


async def test_messages_without_an_id_are_not_taken_for_each_other(pair: Pair) -> None:
    consumer = pair.consumers[0]

    async def receive(subject: str) -> None:
        event = {**GOOD, "source": "producer", "type": THING_CHANGED.name, "subject": subject}
        message = {"type": "events", "data": {"events": [event]}}
        await consumer.service.inbox.receive("things", message)

    pair.consumer.failing["a"] = 1
    with pytest.raises(Unavailable):
        await receive("a")
    await receive("b")
    assert [event.subject for event in pair.consumer.received] == ["b"]


# ── as it runs: the inbox follows its producer ──────────────────────────────────────────────────


@pytest.fixture
async def live(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pair]:
    """A pair whose consumer follows the producer, with shorter delays and the same long wait."""
    for name in ("STORE_DELAY", "FETCH_DELAY", "PAUSE"):
        monkeypatch.setattr(inbox, name, 0.05)
    monkeypatch.setattr(service, "REFRESH_INTERVAL", 0.05)
    async with FakeCluster() as cluster:
        pair = Pair(cluster)
        await pair.start_producer()
        await pair.start_consumer()
        yield pair


async def questions(pair: Pair) -> list[dict[str, str]]:
    """From now on, the questions for heads that reach the producers."""
    asked: list[dict[str, str]] = []
    for producer in pair.producers:
        read = producer.service.heads.read

        async def note(topics: Any, read: Any = read, **how: Any) -> Any:
            asked.append(how)
            return await read(topics, **how)

        producer.service.heads.read = note  # type: ignore[method-assign]
    return asked


async def waiting(pair: Pair) -> None:
    """Wait until a producer holds back an answer."""
    await until(lambda: any(each.service.heads.waiting for each in pair.producers))


async def test_a_lost_event_arrives_as_soon_as_it_is_missed(live: Pair) -> None:
    live.cluster.broker.loses = lambda _: True
    await waiting(live)
    await live.make("a", "b", "c")
    await until(lambda: live.known() == live.truth())
    await live.make("a", topic="others")
    await until(lambda: live.cluster.state("consumer").peek("kept:other.changed/a"))


async def test_at_rest_a_producer_is_asked_once_in_a_long_time(live: Pair) -> None:
    await live.make("a")
    await until(lambda: live.known() == live.truth())
    await waiting(live)
    asked = await questions(live)
    await asyncio.sleep(0.5)  # ten times the delays
    assert asked == []


async def test_delivered_events_are_announced_once_and_not_fetched(live: Pair) -> None:
    await waiting(live)
    asked = await questions(live)
    await live.make(*ids(20))
    await until(lambda: len(asked) >= 1)
    await waiting(live)
    assert len(live.consumer.received) == 20


async def test_what_another_replica_of_the_producer_wrote_is_missed_too(live: Pair) -> None:
    live.cluster.broker.loses = lambda _: True
    await waiting(live)
    other = await live.start_producer()
    live.cluster.network.remove("producer", other.app)  # every question reaches the first one
    await live.make("a", "b")
    await until(lambda: live.known() == live.truth() == {"a": 1, "b": 1})
    live.cluster.network.add("producer", other.app)


async def test_replicas_of_a_producer_know_each_others_tags(live: Pair) -> None:
    await live.start_producer()
    await live.make("a", "b")
    await until(lambda: live.known() == live.truth())
    await waiting(live)
    first, second = (each.service.heads for each in live.producers)
    topics = ["things", "others"]
    assert (await first.read(topics)).tag == (await second.read(topics)).tag


async def test_a_producer_that_stops_lets_nobody_wait(live: Pair) -> None:
    await waiting(live)
    live.producers[0].service.heads.close()
    live.cluster.broker.loses = lambda _: True
    await live.start_producer()
    await live.producers[0].stop()
    del live.producers[0]
    await live.make("a")
    await until(lambda: live.known() == live.truth() == {"a": 1})


async def test_an_inbox_survives_a_producer_that_does_not_answer(live: Pair) -> None:
    await waiting(live)
    live.cluster.broker.loses = lambda _: True
    live.consumers[0].sidecar.faults.fail("invoke", about="producer", times=6)
    await live.make("a")
    await until(lambda: live.known() == live.truth() == {"a": 1})
