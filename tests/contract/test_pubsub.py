"""What the chassis requires of a broker."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.pubsub import encode_event
from services.chassis.ids import timestamp
from services.contracts.events import EVENTS
from tests.contract.echo_app import TOPIC
from tests.contract.systems import SystemUnderTest, await_value


class Stream:
    """Events of one test: published by alpha, received by alpha and both replicas of beta."""

    def __init__(self, system: SystemUnderTest, sidecar: DaprClient) -> None:
        self.name = secrets.token_hex(6)
        self.cause = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
        self._system = system
        self._sidecar = sidecar
        self._last = 0

    def event(self, **data: Any) -> dict[str, Any]:
        """Return an event in the format of the outbox."""
        self._last += 1
        return {
            "specversion": "1.0",
            "id": f"alpha:{TOPIC}:{self.name}@{self._last}",
            "source": "alpha",
            "type": "contract.changed",
            "subject": f"{self.name}:{self._last}",
            "time": timestamp(),
            "datacontenttype": "application/json",
            "traceparent": self.cause,
            "cause": self.cause,
            "topic": TOPIC,
            "stream": self.name,
            "sequence": self._last,
            "entityversion": self._last + 6,
            "schemaversion": 2,
            "data": data,
        }

    async def publish(self, *events: dict[str, Any]) -> None:
        await self._sidecar.publish(TOPIC, [*map(encode_event, events)])

    async def received_by(self, app: str) -> list[list[dict[str, Any]]]:
        """Return the events of this stream that each replica of an app received."""
        asked = [
            replica.ask("GET", f"/received?stream={self.name}")
            for replica in self._system.replicas(app)
        ]
        return [answer.json() for answer in await asyncio.gather(*asked)]

    async def await_received(self, app: str, count: int) -> list[dict[str, Any]]:
        """Wait for a number of events at an app, and return them."""
        replicas = await await_value(
            lambda: self.received_by(app), lambda received: sum(map(len, received)) >= count
        )
        return [event for replica in replicas for event in replica]


@pytest.fixture
async def stream(system: SystemUnderTest, sidecar: DaprClient) -> Stream:
    return Stream(system, sidecar)


async def test_an_event_arrives_whole(stream: Stream) -> None:
    sent = stream.event(text="Größe 🌻", nested={"rows": [[1, None, True, 0.5]]}, n=2**53)
    await stream.publish(sent)
    for app in ("alpha", "beta"):
        (received,) = await stream.await_received(app, 1)
        same = ("id", "type", "source", "subject", "time", "stream", "sequence")
        assert [received[name] for name in same] == [sent[name] for name in same]
        assert received["entityversion"] == sent["entityversion"]
        assert received["data"] == sent["data"]


async def test_the_trace_of_the_cause_is_carried(stream: Stream) -> None:
    await stream.publish(stream.event())
    await stream.publish(stream.event(), stream.event())
    for received in await stream.await_received("beta", 3):
        assert received["traceparent"] == stream.cause
        assert received["traced"] == stream.cause


async def test_a_bulk_publish_brings_every_event_to_every_app_once(stream: Stream) -> None:
    sent = [stream.event(n=n) for n in range(100)]
    await stream.publish(*sent)
    for app in ("alpha", "beta"):
        received = await stream.await_received(app, 100)
        assert sorted(event["sequence"] for event in received) == list(range(1, 101))
        assert {event["id"]: event["data"] for event in received} == {
            event["id"]: event["data"] for event in sent
        }


async def test_replicas_share_the_events_of_their_app(stream: Stream) -> None:
    for _ in range(100):  # replicas share messages
        await stream.publish(stream.event(), stream.event())
    await stream.await_received("beta", 200)
    one, two = await stream.received_by("beta")
    assert sorted(event["sequence"] for event in one + two) == list(range(1, 201))
    assert len(one) >= 20
    assert len(two) >= 20


async def test_what_is_answered_with_retry_comes_again(stream: Stream) -> None:
    await stream.publish(stream.event(do="retry:2"), stream.event())
    received = await stream.await_received("alpha", 2)
    tries = {event["sequence"]: event["tries"] for event in received}
    assert tries == {1: 3, 2: 1}


async def test_poison_ends_among_the_dead_letters_and_holds_nobody_up(
    system: SystemUnderTest, stream: Stream
) -> None:
    poison = stream.event(do="drop", text="Größe")
    await stream.publish(poison)
    await stream.publish(*(stream.event(n=n) for n in range(5)))
    await stream.await_received("alpha", 5)
    for app in ("alpha", "beta"):
        async with system.sidecar(app) as own:

            async def letters(own: DaprClient = own, app: str = app) -> list[dict[str, Any]]:
                found = await _dead_letters(system, own, app)
                return [letter for letter in found if letter["event"]["id"] == poison["id"]]

            (letter,) = await await_value(letters, bool)
        assert letter["topic"] == TOPIC
        assert letter["why"] == "I was told to."
        assert letter["event"]["data"] == poison["data"]
        assert letter["event"]["sequence"] == poison["sequence"]


async def test_an_invalid_event_is_a_dead_letter(
    system: SystemUnderTest, sidecar: DaprClient
) -> None:
    strange = {"id": "1", "source": "alpha", "hello": secrets.token_hex(4)}
    await sidecar.publish(TOPIC, [encode_event(strange)])

    async def letters() -> list[dict[str, Any]]:
        found = await _dead_letters(system, sidecar, "alpha")
        return [letter for letter in found if letter["event"].get("hello") == strange["hello"]]

    (letter,) = await await_value(letters, bool)
    assert letter["why"].startswith("The event is invalid: ")


async def _dead_letters(system: SystemUnderTest, own: DaprClient, app: str) -> list[dict[str, Any]]:
    answer = await own.invoke(app, "deadletters", headers=system.operator_headers())
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_a_large_event_arrives_whole(stream: Stream) -> None:
    text = "ü" * 50_000 + secrets.token_hex(50_000)
    await stream.publish(stream.event(text=text))
    await stream.publish(*(stream.event(text=text) for _ in range(3)))
    received = await stream.await_received("beta", 4)
    assert all(event["data"] == {"text": text} for event in received)


@pytest.mark.parametrize("topic", sorted({event.topic for event in EVENTS}))
async def test_our_topics_take_events_without_a_subscriber(
    sidecar: DaprClient, stream: Stream, topic: str
) -> None:
    await sidecar.publish(topic, [encode_event(stream.event())])
