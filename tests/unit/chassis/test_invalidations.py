"""Invalidations: what was written is said together, numbered, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from services.chassis.dapr.observed_state import ObservedState
from services.chassis.dapr.state import StateUpsert, VersionConflict
from services.chassis.errors import OutcomeUnknown
from services.chassis.publishing import invalidations
from services.chassis.publishing.invalidations import InvalidationPublisher
from services.chassis.publishing.pacer import Pacer
from services.contracts.events import FEED_INVALIDATED
from services.contracts.invalidations import MAX_DOCUMENTS
from tests.fakes import FakeBroker, FakeState, until

TOPIC = FEED_INVALIDATED.topic
NEVER = float("-inf")


@asynccontextmanager
async def publishing(
    broker: FakeBroker, last_read: float = NEVER
) -> AsyncIterator[InvalidationPublisher]:
    publisher = InvalidationPublisher(FEED_INVALIDATED, broker, "feed", lambda: last_read)
    async with publisher:
        work = asyncio.create_task(publisher.run())
        await until(lambda: not publisher.is_pending)
        yield publisher
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def said(broker: FakeBroker) -> list[tuple[int, list[str]]]:
    return [(each["sequence"], each["data"]["documents"]) for each in broker.events(TOPIC)]


async def test_a_process_says_that_it_is_there_and_then_what_was_written() -> None:
    broker = FakeBroker()
    async with publishing(broker) as publisher:
        publisher.add(["post:1", "home:1"])
        publisher.add(["post:1", "home:2"])
        await until(lambda: not publisher.is_pending)
    assert said(broker) == [(1, []), (2, ["post:1", "home:1", "home:2"])]
    assert len({each["stream"] for each in broker.events(TOPIC)}) == 1
    assert len({each["id"] for each in broker.events(TOPIC)}) == 2


async def test_a_message_names_so_many_documents_and_no_more() -> None:
    broker = FakeBroker()
    async with publishing(broker) as publisher:
        publisher.add(f"home:{number}" for number in range(MAX_DOCUMENTS + 1))
        await until(lambda: not publisher.is_pending)
    assert [len(documents) for _, documents in said(broker)] == [0, MAX_DOCUMENTS, 1]


async def test_heartbeats_follow_while_somebody_reads_or_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invalidations, "HEARTBEAT_INTERVAL", 0.001)
    monkeypatch.setattr(invalidations, "COALESCE_DELAY", 0)
    monkeypatch.setattr(invalidations, "MAX_RATE", 1e6)
    broker = FakeBroker()
    async with publishing(broker, last_read=float("inf")):
        await until(lambda: len(broker.events(TOPIC)) >= 4)
    assert said(broker)[:4] == [(1, []), (2, []), (3, []), (4, [])]
    broker = FakeBroker()
    async with publishing(broker) as publisher:
        publisher.add(["post:1"])
        await until(lambda: len(broker.events(TOPIC)) >= 4)
    assert said(broker)[-1][1] == []


async def test_an_idle_system_sends_no_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invalidations, "HEARTBEAT_INTERVAL", 0.001)
    monkeypatch.setattr(invalidations, "HEARTBEATS_FOR", 0.0)
    broker = FakeBroker()
    async with publishing(broker) as publisher:
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert said(broker) == [(1, [])]
        publisher.add(["post:1"])
        await until(lambda: len(broker.events(TOPIC)) == 2)


async def test_too_many_documents_are_said_as_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invalidations, "MAX_PENDING", 10)
    broker = FakeBroker()
    async with publishing(broker) as publisher:
        publisher.add(f"home:{number}" for number in range(11))
        publisher.add(["post:1"])
        await until(lambda: not publisher.is_pending)
    last = broker.events(TOPIC)[-1]["data"]
    assert last == {"documents": ["post:1"], "everything": True}


async def test_a_lost_message_leaves_a_gap_that_the_next_one_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invalidations, "RETRY_DELAY", 0.001)
    broker = FakeBroker()
    async with publishing(broker) as publisher:
        broker.faults.fail("publish", times=2)
        publisher.add(["post:1"])
        await until(lambda: len(broker.events(TOPIC)) == 2)
        assert said(broker) == [(1, []), (4, [])]


async def test_what_was_not_sent_at_the_end_is_sent_then() -> None:
    broker = FakeBroker()
    publisher = InvalidationPublisher(FEED_INVALIDATED, broker, "feed", lambda: NEVER)
    async with publisher:
        publisher.add(["post:1"])
    assert said(broker) == [(1, ["post:1"])]


async def test_an_end_in_the_middle_of_a_message_says_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = FakeBroker()
    async with publishing(broker) as publisher:
        hangs = asyncio.Event()

        async def hang(_: Any) -> None:
            hangs.set()
            broker.faults.before.clear()
            await asyncio.Event().wait()

        broker.faults.before.append(hang)
        publisher.add(["post:1"])
        await hangs.wait()
    last = broker.events(TOPIC)[-1]
    assert last["sequence"] == 3
    assert last["data"]["everything"]


def test_a_few_messages_go_at_once_and_many_at_a_steady_rate() -> None:
    now = 0.0
    pacer = Pacer(10.0, 2, lambda: now)
    waits = []
    for _ in range(5):
        waits.append(pacer.delay())
        now += waits[-1]
    assert waits == pytest.approx([0, 0, 0.1, 0.1, 0.1])
    now += 60.0
    assert [pacer.delay(), pacer.delay()] == [0, 0]


async def test_every_write_is_told_also_one_that_failed() -> None:
    store, written = FakeState(), list[str]()

    @contextmanager
    def writing(values: Mapping[str, Any]) -> Iterator[None]:
        try:
            yield
        finally:
            written.extend(values)

    state = ObservedState(store, writing)
    await state.compare_and_set("a", 1, etag="")
    await state.set("b", 1)
    await state.transact([StateUpsert("c", 1), StateUpsert("d", 1)])
    await state.delete("b")
    await state.get("a")
    await state.get_many(["a", "b"])
    assert written == ["a", "b", "c", "d", "b"]
    with pytest.raises(VersionConflict):
        await state.compare_and_set("a", 2, etag="stale")
    store.faults.fail("set", after=True)
    with pytest.raises(OutcomeUnknown):
        await state.set("e", 1)
    assert written[5:] == ["a", "e"]
