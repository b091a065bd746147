"""The events of one message, grouped by the document that each is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.chassis.consuming.events import CloudEvent, PoisonMessage, parse_cloud_event


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """An event, and its JSON as it came."""

    event: CloudEvent
    body: Any


@dataclass(frozen=True, slots=True)
class DocumentEvents:
    """The events of one document in one message; at least one."""

    received: list[ReceivedEvent] = field(default_factory=list)

    @property
    def newest(self) -> ReceivedEvent:
        """The event with the highest version. It contains what the others say."""
        return max(self.received, key=lambda each: each.event.entityversion)

    @property
    def superseded(self) -> list[CloudEvent]:
        """The other events."""
        newest = self.newest
        return [each.event for each in self.received if each is not newest]

    @property
    def bodies(self) -> list[Any]:
        """The JSON of every event."""
        return [each.body for each in self.received]

    @property
    def positions(self) -> list[tuple[str, int]]:
        """The stream and sequence number of every event."""
        return [(each.event.stream, each.event.sequence) for each in self.received]


@dataclass(frozen=True, slots=True)
class InvalidEvent:
    """Something that is no event, and the reason."""

    body: Any
    why: str


def group_by_document(
    bodies: Iterable[Any],
) -> tuple[list[DocumentEvents], list[InvalidEvent]]:
    """The events of a message by document, and what is invalid in it."""
    groups: dict[tuple[str, str], DocumentEvents] = {}
    invalid: list[InvalidEvent] = []
    for body in bodies:
        try:
            event = parse_cloud_event(body)
        except PoisonMessage as poison:
            invalid.append(InvalidEvent(body, poison.message))
            continue
        group = groups.setdefault((event.type, event.subject), DocumentEvents())
        group.received.append(ReceivedEvent(event, body))
    return list(groups.values()), invalid
