"""Level 2 of docs/protocol.md: events that the service handles."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from services.contracts.events import EVENTS, EventType
from tests.conformance.kit import PATIENCE, ServiceUnderTest, example
from tests.conformance.peer_client import Stream
from tests.system.waiting import wait_until


@pytest.fixture
def listener(subject: ServiceUnderTest) -> ServiceUnderTest:
    """The service under test, if it subscribes to topics of the broker."""
    if not subject.access.subscribes or subject.access.pubsub != "pubsub":
        pytest.skip("The service subscribes to no topic of `pubsub`.")
    return subject


@pytest.fixture
def stream(listener: ServiceUnderTest) -> Stream:
    """A new stream of the first topic to which the service subscribes."""
    topic = listener.foreign_topics[0]
    return Stream(listener.producer(topic), topic)


def kind_of(topic: str) -> EventType[Any]:
    return next(event for event in EVENTS if event.topic == topic and not event.private)


PAGE = 64
"""Events that a producer gives in one answer."""


def asked_for(stream: Stream, after: int = 0) -> bool:
    """Whether the service has asked for events of a stream that follow a number."""
    route = f"GET /changes/{stream.topic}/{stream.name}"
    return any(
        each["route"] == route and int(each["query"]["after"]) >= after
        for each in stream.peer.requests
    )


def letters_of(listener: ServiceUnderTest, stream: Stream) -> list[dict[str, Any]]:
    """The dead letters of a stream."""
    return [
        letter
        for letter in listener.dead_letters()
        if isinstance(letter["event"], dict) and letter["event"].get("stream") == stream.name
    ]


def test_it_subscribes_to_what_the_access_file_names(listener: ServiceUnderTest) -> None:
    answer = listener.ask("GET /dapr/subscribe")
    assert answer.status == 200
    found = {each["topic"]: each for each in answer.json()}
    dead = f"{listener.app}-dead"
    assert found.keys() == {*listener.access.subscribes, dead}
    for topic in listener.access.subscribes:
        assert found[topic]["pubsubname"] == "pubsub"
        assert found[topic]["deadLetterTopic"] == dead


def test_it_asks_for_what_the_broker_lost(listener: ServiceUnderTest) -> None:
    streams = []
    for topic in listener.foreign_topics:
        stream = Stream(listener.producer(topic), topic)
        kind = kind_of(topic)
        stream.keep([stream.event(kind, "116548273934401537", 1, example(kind))])
        streams.append(stream)
    for stream in streams:
        wait_until(partial(asked_for, stream), PATIENCE, f"a gap in {stream.topic}")


def test_it_asks_until_it_has_all(listener: ServiceUnderTest, stream: Stream) -> None:
    kind = kind_of(stream.topic)
    subject = "116548273934401537"
    lost = [stream.event(kind, subject, n, example(kind)) for n in range(1, PAGE + 7)]
    stream.keep(lost)
    wait_until(partial(asked_for, stream, after=PAGE), PATIENCE, f"what follows after {PAGE}")


def test_poison_stops_nothing(listener: ServiceUnderTest, stream: Stream) -> None:
    kind = kind_of(stream.topic)
    subject = "116548273934401537"
    foreign = stream.event(kind, subject, 1, example(kind)) | {"source": "somebody"}
    wrong_data = stream.event(kind, subject, 2, {"nothing": "of this"})
    no_version = stream.event(kind, subject, 3, example(kind))
    del no_version["entityversion"]
    stream.deliver([foreign])
    stream.deliver([wrong_data, no_version])

    def is_dead() -> bool:
        dead = [letter["event"] for letter in letters_of(listener, stream)]
        return all(event in dead for event in (foreign, wrong_data, no_version))

    wait_until(is_dead, PATIENCE, "poison among the dead letters")
    for letter in letters_of(listener, stream):
        assert letter["why"]
        assert letter["topic"] == stream.topic


def test_what_is_newer_than_the_service_is_ignored(
    listener: ServiceUnderTest, stream: Stream
) -> None:
    kind = kind_of(stream.topic)
    unknown = stream.event(kind, "116548273934401537", 1, {}) | {"type": "something.new"}
    more = stream.event(kind, "116548273934401538", 1, {**example(kind), "a_new_field": {"x": 1}})
    more["a-new-attribute"] = "x"
    for event in (unknown, more):
        answer = listener.ask(
            f"POST /events/{stream.topic}", body=message(stream, [event]), caller=""
        )
        assert (answer.status, answer.json()) == (200, {"status": "SUCCESS"})
    assert letters_of(listener, stream) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"type":"x"}', b"\xff\xfe"])
def test_what_is_no_message_is_dropped(
    listener: ServiceUnderTest, stream: Stream, body: bytes
) -> None:
    answer = listener.ask(f"POST /events/{stream.topic}", body=body)
    assert (answer.status, answer.json()) == (200, {"status": "DROP"})


def test_what_the_sidecar_gives_up_is_kept(listener: ServiceUnderTest, stream: Stream) -> None:
    broken = [
        stream.event(kind_of(stream.topic), "1", n, {"nothing": "of this"}) for n in range(1, 4)
    ]
    for each in broken:
        answer = listener.ask("POST /events-dead", body=message(stream, [each]))
        assert (answer.status, answer.json()) == (200, {"status": "SUCCESS"})
    assert [letter["event"] for letter in letters_of(listener, stream)] == broken


def test_a_replay_keeps_what_fails_again(listener: ServiceUnderTest, stream: Stream) -> None:
    broken = stream.event(kind_of(stream.topic), "1", 1, {"nothing": "of this"})
    listener.ask("POST /events-dead", body=message(stream, [broken]))
    answer = listener.ask_as_operator("POST /deadletters/replay")
    assert answer.status == 200
    assert len(answer.json()["failed"]) >= 1
    assert [letter["event"] for letter in letters_of(listener, stream)] == [broken]


def test_only_the_own_sidecar_delivers(listener: ServiceUnderTest, stream: Stream) -> None:
    for route in ("GET /dapr/subscribe", f"POST /events/{stream.topic}", "POST /events-dead"):
        for caller in (stream.peer.app_id, "gateway"):
            answer = listener.ask(route, caller=caller, body=message(stream, []))
            assert answer.status == 403, (route, caller, answer)


def message(stream: Stream, events: list[dict[str, Any]]) -> dict[str, Any]:
    """A message as a sidecar delivers it."""
    return {
        "specversion": "1.0",
        "id": f"{stream.name}-{stream.sequence}",
        "source": stream.peer.app_id,
        "type": "events",
        "datacontenttype": "application/json",
        "topic": stream.topic,
        "pubsubname": "pubsub",
        "data": {"events": events},
    }
