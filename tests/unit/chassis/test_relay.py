from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from services.chassis.dapr.pubsub import EncodedEvent
from services.chassis.errors import Unavailable
from services.chassis.publishing import relay
from services.chassis.publishing.relay import Relay


class RecordingBroker:
    """Keeps the messages that it takes; refuses the first few."""

    def __init__(self, refused: int = 0) -> None:
        self.messages: list[list[int]] = []
        self._refused = refused

    async def publish(self, topic: str, events: Sequence[EncodedEvent]) -> None:
        await asyncio.sleep(0)
        if self._refused:
            self._refused -= 1
            raise Unavailable("not now")
        self.messages.append([orjson.loads(event.raw)["sequence"] for event in events])


def event(sequence: int, size: int = 10) -> dict[str, Any]:
    return {
        "id": str(sequence),
        "source": "me",
        "time": "2026-01-01T00:00:00Z",
        "traceparent": "",
        "sequence": sequence,
        "data": "x" * size,
    }


def make_relay(broker: RecordingBroker) -> tuple[Relay, list[int]]:
    published: list[int] = []
    return Relay("things", broker, published.append, lambda: None), published


async def test_the_first_event_goes_at_once_and_the_next_ones_share_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "PUBLISH_INTERVAL", 0.05)
    monkeypatch.setattr(relay, "MAX_RATE", 1_000.0)
    broker = RecordingBroker()
    sender, published = make_relay(broker)
    sender.enqueue(event(1))
    for _ in range(5):
        await asyncio.sleep(0)
    assert broker.messages == [[1]]
    for n in range(2, 8):
        sender.enqueue(event(n))
    await sender.drain()
    assert broker.messages == [[1], [2, 3, 4, 5, 6, 7]]
    assert published == [1, 2, 3, 4, 5, 6, 7]


async def test_under_load_messages_are_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "PUBLISH_INTERVAL", 0.0)
    monkeypatch.setattr(relay, "MAX_RATE", 1 / 3600)
    broker = RecordingBroker()
    sender, _ = make_relay(broker)
    for n in range(relay.BURST):
        sender.enqueue(event(n))
        await asyncio.wait_for(sender.drain(), 30)
    assert broker.messages == [[n] for n in range(relay.BURST)]
    sender.enqueue(event(relay.BURST))
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(broker.messages) == relay.BURST, "the next one waits for more events"
    sender.cancel()


async def test_a_full_message_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "PUBLISH_INTERVAL", 3600.0)
    broker = RecordingBroker()
    sender, _ = make_relay(broker)
    for n in range(1, 2 * relay.BATCH_SIZE + 1):
        sender.enqueue(event(n))
    await asyncio.wait_for(sender.drain(), 30)
    assert [len(message) for message in broker.messages] == [relay.BATCH_SIZE] * 2


async def test_messages_are_bounded_in_bytes() -> None:
    broker = RecordingBroker()
    sender, _ = make_relay(broker)
    third = relay.MAX_BATCH_BYTES // 3
    for n, size in enumerate([third, third, third, 4 * third, 10], start=1):
        sender.enqueue(event(n, size))
    await sender.drain()
    assert broker.messages == [[1, 2], [3], [4], [5]]


async def test_what_the_broker_refuses_is_sent_again_in_order() -> None:
    broker = RecordingBroker(refused=2)
    sender, published = make_relay(broker)
    for n in range(1, 4):
        sender.enqueue(event(n))
    await sender.drain()
    assert broker.messages == [[1, 2, 3]]
    assert published == [1, 2, 3]
