"""The port of the message broker, and the message that carries events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

MESSAGE_TYPE = "events"
"""The CloudEvents type of a message. The events in its data have types of their own."""


class Publisher(Protocol):
    """The port: the sidecar's broker, or a fake that passes the same contract suite."""

    async def publish(self, topic: str, events: Sequence[dict[str, Any]]) -> None: ...


def event_message(events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One CloudEvent that carries events (at least one), each a CloudEvent itself.

    A message costs its broker, its sidecars and its consumers nearly the same with one event as
    with fifty (docs/decisions/0029).
    """
    first, last = events[0], events[-1]
    return {
        "specversion": "1.0",
        "id": f"{first['id']}+{len(events)}:{last['id']}",
        "source": first["source"],
        "type": MESSAGE_TYPE,
        "datacontenttype": "application/json",
        "data": {"events": list(events)},
    }
