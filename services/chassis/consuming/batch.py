"""The events of one message, grouped by the document that each is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.chassis.consuming.events import CloudEvent, PoisonMessage, parse_cloud_event


@dataclass(slots=True)
class DocumentEvents:
    """The events of one document. The newest, here with its JSON, contains what the others say."""

    newest: CloudEvent
    body: Any
    positions: list[tuple[str, int]] = field(default_factory=list)
    """The stream and sequence number of each."""

    def add(self, event: CloudEvent, body: Any) -> None:
        """Add another event of the document."""
        if event.entityversion > self.newest.entityversion:
            self.newest, self.body = event, body
        self.positions.append((event.stream, event.sequence))


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
        key = (event.type, event.subject)
        groups.setdefault(key, DocumentEvents(event, body)).add(event, body)
    return list(groups.values()), invalid
