"""Levels 2 and 4 of docs/protocol.md: effects of events, in whatever way they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.conformance.kit import PATIENCE, ServiceUnderTest
from tests.conformance.own_stories import stories_of_service
from tests.conformance.peer_client import Stream
from tests.conformance.story import EventStory
from tests.conformance.test_listens import kind_of, message
from tests.system.waiting import wait_until

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Telling:
    """A story on its way to the service under test: its events in order, with their streams."""

    subject: ServiceUnderTest
    events: Sequence[tuple[Stream, Event]]

    def deliver(self, *chosen: tuple[Stream, Event]) -> None:
        """Publish some events, each in a message of its own."""
        for stream, event in chosen:
            stream.deliver([event])


def in_order(telling: Telling) -> None:
    telling.deliver(*telling.events)


def in_one_message_for_each_topic(telling: Telling) -> None:
    streams = {stream.name: stream for stream, _ in telling.events}
    for stream in streams.values():
        stream.deliver([event for own, event in telling.events if own is stream])


def in_reverse_order(telling: Telling) -> None:
    telling.deliver(*reversed(telling.events))


def twice(telling: Telling) -> None:
    telling.deliver(*telling.events, *telling.events)


def never(telling: Telling) -> None:
    """The broker loses everything: the service asks the producers."""


def with_a_gap(telling: Telling) -> None:
    telling.deliver(*telling.events[1:])


def with_a_death_in_the_middle(telling: Telling) -> None:
    half = len(telling.events) // 2
    telling.deliver(*telling.events[:half])
    telling.subject.kill()
    telling.deliver(*telling.events[half:])


WAYS: Sequence[Callable[[Telling], None]] = (
    in_order,
    in_one_message_for_each_topic,
    in_reverse_order,
    twice,
    never,
    with_a_gap,
    with_a_death_in_the_middle,
)


def stories_of(subject: ServiceUnderTest) -> Sequence[Callable[[], EventStory]]:
    found = stories_of_service(subject.app)
    if not found:
        pytest.skip("tests/conformance/stories.py has no story of this service.")
    return found


def begin(subject: ServiceUnderTest, story: EventStory) -> Telling:
    """The events of a story, which the producers answer for from now on."""
    story.given(subject)
    if story.is_erasure:
        wait_until(lambda: not has_its_effect(subject, story), PATIENCE, "something to erase")
    streams: dict[str, Stream] = {}
    events = []
    for told in story.told:
        topic = told.kind.topic
        stream = streams.setdefault(topic, Stream(subject.producer(topic), topic))
        events.append((stream, stream.event(told.kind, told.subject, told.version, told.data)))
    for stream in streams.values():
        stream.keep([event for own, event in events if own is stream])
    subject.peers["auth"].tell(deleted=list(story.deleted))
    return Telling(subject, events)


def has_its_effect(subject: ServiceUnderTest, story: EventStory) -> bool:
    return bool(story.look(subject) == story.shows)


def assert_effect(subject: ServiceUnderTest, story: EventStory, name: str) -> None:
    """Assert the effect of events that are acknowledged; a job of the story may still run."""
    if story.is_erasure:
        wait_until(partial(has_its_effect, subject, story), PATIENCE, name)
    assert has_its_effect(subject, story), name


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_story_has_its_effect(subject: ServiceUnderTest, way: Callable[[Telling], None]) -> None:
    for make in stories_of(subject):
        story = make()
        telling = begin(subject, story)
        way(telling)
        name = f"{make.__name__} {way.__name__}"
        wait_until(partial(has_its_effect, subject, story), PATIENCE, name)
        _repeat(telling, make.__name__)
        assert story.look(subject) == story.shows, f"{make.__name__} after a repetition"


def test_what_is_acknowledged_has_its_effect(subject: ServiceUnderTest) -> None:
    for make in stories_of(subject):
        story = make()
        telling = begin(subject, story)
        acknowledge(telling, telling.events, make.__name__)
        assert_effect(subject, story, make.__name__)


def test_what_comes_beside_poison_has_its_effect(subject: ServiceUnderTest) -> None:
    for make in stories_of(subject):
        story = make()
        telling = begin(subject, story)
        for stream, event in telling.events:
            poison = stream.event(kind_of(stream.topic), "1", 1, {"nothing": "of this"})
            together = message(stream, [poison, event, {"no": "event"}])
            answer = subject.ask(f"POST /events/{stream.topic}", body=together)
            assert (answer.status, answer.json()) == (200, {"status": "SUCCESS"})
        assert_effect(subject, story, make.__name__)


def test_what_the_sidecar_gave_up_is_tried_once_more(subject: ServiceUnderTest) -> None:
    for make in stories_of(subject):
        story = make()
        for stream, event in begin(subject, story).events:
            answer = subject.ask("POST /events-dead", body=message(stream, [event]))
            assert (answer.status, answer.json()) == (200, {"status": "SUCCESS"})
        assert_effect(subject, story, make.__name__)


def _repeat(telling: Telling, name: str) -> None:
    """Deliver every event again, the oldest last, and wait until each is handled."""
    acknowledge(telling, telling.events[::-1], name)


def acknowledge(telling: Telling, events: Sequence[tuple[Stream, Event]], name: str) -> None:
    """Deliver events as the sidecar does, each alone, and see that each is acknowledged."""
    for stream, event in events:
        body = message(stream, [event])
        answer = telling.subject.ask(f"POST /events/{stream.topic}", body=body)
        assert (answer.status, answer.json()) == (200, {"status": "SUCCESS"}), name
