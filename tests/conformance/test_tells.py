"""Level 3 of docs/protocol.md: what the service tells, after stories and after commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import jsonschema_rs
import pytest

from services.contracts.events import EVENTS, EventType
from services.contracts.invalidations import Invalidation
from tests.conformance.commands import COMMANDS
from tests.conformance.contracts import event_schemas
from tests.conformance.kit import PATIENCE, ServiceUnderTest
from tests.conformance.own_stories import stories_of_service
from tests.conformance.story import Effects, EventStory
from tests.conformance.test_stories import Event, Telling, acknowledge, begin, in_order
from tests.system.waiting import wait_until

MAX_EVENTS = 50
"""In one message."""

SEGMENT_SIZE = 64
"""Entries in a segment of a journal."""


def received(subject: ServiceUnderTest, kind: EventType[Any], about: str) -> list[Event]:
    """The events of a type about one document that the first subscriber has received."""
    return [each for each in all_received(subject, kind) if each["subject"] == about]


def all_received(subject: ServiceUnderTest, kind: EventType[Any]) -> list[Event]:
    """The events of a type that the first subscriber has received."""
    events = subject.peers[subject.subscriber(kind.topic)].events
    return [each for each in events if each["type"] == kind.name]


Change = Callable[[], Effects]
"""Lets the service change documents of its own."""


def changes_of(
    subject: ServiceUnderTest, deliver: Callable[[Telling], None] = in_order
) -> list[Change]:
    """Whatever makes the service tell: stories of others, and commands."""
    told = [make for make in stories_of_service(subject.app) if make().causes]
    stories = [partial(_effects_of_story, subject, make, deliver) for make in told]
    commands = [partial(command, subject) for command in COMMANDS.get(subject.app, ())]
    if not stories and not commands:
        pytest.skip(why_nothing_is_told(subject.app, subject.access.publishes))
    return [*stories, *commands]


def documents_told_by(app: str) -> list[EventType[Any]]:
    """The types of events of a service that must not be lost."""
    return [
        each
        for each in EVENTS
        if each.producer == app and not each.private and each.model is not Invalidation
    ]


def why_nothing_is_told(app: str, topics: Collection[str]) -> str:
    """Why the kit does not test how a service tells."""
    if not topics:
        return f"{app} publishes nothing (services/access.yaml)."
    if not any(each.producer == app for each in EVENTS):
        return (
            f"The event of {app} is not in services/contracts/events.py: add it, and a command in "
            "tests/conformance/commands.py."
        )
    if not (documents := documents_told_by(app)):
        return f"{app} publishes invalidations of caches alone, which may be lost."
    names = ", ".join(each.name for each in documents)
    return f"Nothing makes {app} tell {names}: write a command in tests/conformance/commands.py."


def _effects_of_story(
    subject: ServiceUnderTest, make: Callable[[], EventStory], deliver: Callable[[Telling], None]
) -> Effects:
    story = make()
    telling = begin(subject, story)
    deliver(telling)
    traces = frozenset(stream.trace for stream, _ in telling.events)
    return Effects(story.causes, traces, story.tombstones)


def one_by_one(telling: Telling) -> None:
    """Each event is handled before the next comes, so each is a change of its own."""
    acknowledge(telling, telling.events, "one by one")


def await_event(subject: ServiceUnderTest, kind: EventType[Any], about: str) -> list[Event]:
    """Wait for the events of a type about one document."""
    return wait_until(partial(received, subject, kind, about), PATIENCE, f"{kind.name} of {about}")


def test_what_it_tells_is_an_event_of_its_schema(subject: ServiceUnderTest) -> None:
    for change in changes_of(subject):
        for kind, about in change().causes:
            for event in await_event(subject, kind, about):
                assert event["source"] == subject.app
                jsonschema_rs.validate(_schema(kind), event)


def test_what_it_tells_belongs_to_the_trace_of_its_cause(subject: ServiceUnderTest) -> None:
    for change in changes_of(subject):
        effects = change()
        for kind, about in effects.causes:
            told = await_event(subject, kind, about)
            assert all(event["traceparent"][3:35] in effects.traces for event in told), told


def test_a_call_belongs_to_the_request_that_causes_it(subject: ServiceUnderTest) -> None:
    effects = [command(subject) for command in COMMANDS.get(subject.app, ())]
    calls = [(each.traces, *call) for each in effects for call in each.calls]
    if not calls:
        pytest.skip("No command of this service calls another one.")
    for traces, app, route in calls:
        made = [each for each in subject.peers[app].requests if each["route"] == route]
        assert any({each["trace"], each["request_id"]} == traces for each in made), (route, made)


def test_what_it_tells_has_numbers_and_versions(subject: ServiceUnderTest) -> None:
    """Each change of a document has a higher version, and a number of its own in its stream."""
    kinds = set()
    for change in changes_of(subject, one_by_one):
        causes = change().causes
        kinds |= {kind for kind, _ in causes}
        for kind, about in causes:
            wait_until(
                lambda: len(received(subject, kind, about)) >= causes.count((kind, about)),  # noqa: B023
                PATIENCE,
                f"{kind.name} of {about}",
            )
    for kind in kinds:
        told = all_received(subject, kind)
        changes = {(event["stream"], event["sequence"]): event for event in told}
        versions = {(event["subject"], event["entityversion"]) for event in changes.values()}
        assert len(versions) == len(changes), "two changes of a document have one version"
        assert all(changes[event["stream"], event["sequence"]] == event for event in told)
        assert min(sequence for _, sequence in changes) >= 1


def test_its_messages_are_cloud_events_of_a_bounded_size(subject: ServiceUnderTest) -> None:
    for change in changes_of(subject):
        for kind, about in change().causes:
            await_event(subject, kind, about)
    for peer in subject.peers.values():
        for each in peer.messages:
            assert each["source"] == subject.app
            assert each["type"] == "events"
            assert each["specversion"] == "1.0"
            assert 1 <= each["number"] <= MAX_EVENTS
        ids = [(each["topic"], each["id"], each["number"]) for each in peer.messages]
        assert len(set(ids)) == len(ids), "two messages have one id"


def test_a_new_process_has_a_new_stream(subject: ServiceUnderTest) -> None:
    change = changes_of(subject)[0]
    before = _streams_of(subject, change())
    subject.kill()
    assert not before & _streams_of(subject, change())


def _streams_of(subject: ServiceUnderTest, effects: Effects) -> set[str]:
    return {event["stream"] for event in await_event(subject, *effects.causes[0])}


def test_what_was_deleted_is_a_tombstone(subject: ServiceUnderTest) -> None:
    """It is told, and can be asked for, and says nothing else of what it was."""
    tombstones = [each for change in changes_of(subject) for each in change().tombstones]
    if not tombstones:
        pytest.skip("No story or command of this service ends in a tombstone.")
    for kind, about, words in tombstones:
        tombstone = wait_until(
            partial(kept_tombstone, subject, kind, about), PATIENCE, f"the end of {about}"
        )
        assert words not in json.dumps(tombstone)


def kept_tombstone(subject: ServiceUnderTest, kind: EventType[Any], about: str) -> Event:
    """The newest event of a document, if that is deleted."""
    events = subject.kept(kind, about)
    newest: Event = max(events, key=lambda event: int(event["entityversion"]), default={})
    return newest if newest.get("data", {}).get("deleted") else {}


def test_what_it_tells_can_be_asked_for_step_by_step(subject: ServiceUnderTest) -> None:
    """Whoever asks for one event at a time misses none."""
    for change in changes_of(subject):
        for effects in [change() for _ in range(3)]:
            for kind, about in effects.causes:
                await_event(subject, kind, about)
                wait_until(partial(subject.kept, kind, about, limit=1), PATIENCE, kind.name)


def test_what_it_tells_can_be_asked_for(subject: ServiceUnderTest) -> None:
    for change in changes_of(subject):
        for kind, about in change().causes:
            told = await_event(subject, kind, about)
            newest = max(told, key=lambda event: int(event["entityversion"]))
            found = subject.kept(kind, about)
            assert found, f"/changes does not give {kind.name} of {about}"
            assert max(each["entityversion"] for each in found) >= newest["entityversion"]


def test_what_expired_hides_nothing_that_is_kept(subject: ServiceUnderTest) -> None:
    """The oldest part of the journal is gone, if it is kept as the Python services keep theirs."""
    change = changes_of(subject)[0]
    kind, about = change().causes[0]
    stream = await_event(subject, kind, about)[-1]["stream"]

    def told() -> list[Event]:
        return [each for each in all_received(subject, kind) if each["stream"] == stream]

    while max(each["sequence"] for each in told()) <= 2 * SEGMENT_SIZE:
        causes = [change().causes[0] for _ in range(SEGMENT_SIZE)]
        await_event(subject, *causes[-1])
    subject.forget(f"journal:{kind.topic}:{stream}:0")
    kept = {each["subject"] for each in told() if each["sequence"] > SEGMENT_SIZE}
    given = {each["subject"] for each in subject.all_kept(kind.topic)}
    assert not kept - given


def test_a_death_loses_nothing_that_it_has_to_tell(subject: ServiceUnderTest) -> None:
    """It dies while it tells: its events are told, or can be asked for."""
    for change in changes_of(subject):
        effects = [change() for _ in range(5)]
        subject.kill()
        for kind, about in [cause for each in effects for cause in each.causes]:
            what = f"{kind.name} of {about} after a death"
            wait_until(partial(subject.kept, kind, about), PATIENCE, what)


def _schema(kind: EventType[Any]) -> dict[str, Any]:
    name = "".join(part.capitalize() for part in kind.name.split(".")) + "Event"
    schemas = event_schemas()
    return {**schemas[name], "components": {"schemas": schemas}}
