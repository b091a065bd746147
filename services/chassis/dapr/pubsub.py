"""The port of the message broker, and the message that carries events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

MESSAGE_TYPE = "events"
"""The CloudEvents type of a message. The events in its data have types of their own."""


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """A CloudEvent as JSON, and what its message says of it. It is serialized once."""

    id: str
    source: str
    raw: bytes


def encode_event(event: Mapping[str, Any]) -> EncodedEvent:
    """Serialize a CloudEvent."""
    return EncodedEvent(event["id"], event["source"], orjson.dumps(event))


class Publisher(Protocol):
    """The port: the sidecar's broker, or a fake that passes the same contract suite."""

    async def publish(self, topic: str, events: Sequence[EncodedEvent]) -> None: ...


def event_message(events: Sequence[EncodedEvent]) -> bytes:
    """The JSON of one CloudEvent that carries events (at least one), each a CloudEvent itself.

    A message costs its broker, its sidecars and its consumers nearly the same with one event as
    with fifty (docs/decisions/0029).
    """
    first, last = events[0], events[-1]
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"{first.id}+{len(events)}:{last.id}",
            "source": first.source,
            "type": MESSAGE_TYPE,
            "datacontenttype": "application/json",
            "data": {"events": [orjson.Fragment(event.raw) for event in events]},
        }
    )
