"""What a story is: events of other services, and what the service under test then shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.chassis.ids import timestamp
from services.contracts import events
from services.contracts.events import EventType
from tests.conformance.kit import ServiceUnderTest


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a story: a document in one of its versions."""

    kind: EventType[Any]
    subject: str
    version: int
    data: Mapping[str, Any]


Causes = tuple[tuple[EventType[Any], str], ...]
"""Types of events that a service publishes, with their subjects."""

Tombstones = tuple[tuple[EventType[Any], str, str], ...]
"""Deleted documents that a service publishes, with words that these said before."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What a service publishes because of what it was told, or asked."""

    causes: Causes
    traces: frozenset[str]
    """The traces to which these events belong."""
    tombstones: Tombstones = ()
    calls: tuple[tuple[str, str], ...] = ()
    """The services and routes that it calls for a request, whose id is that of the trace."""


@dataclass(frozen=True, slots=True)
class EventStory:
    """Events, and what `look` shows after all of them, whatever their order.

    `causes` names the types of events that the service then publishes, with their subjects; twice
    where two changes follow from events that come one after another.
    """

    told: tuple[Told, ...]
    look: Callable[[ServiceUnderTest], Any]
    shows: Any
    causes: Causes = ()
    deleted: tuple[str, ...] = ()
    """The users of whom auth confirms that they left."""
    tombstones: Tombstones = ()
    given: Callable[[ServiceUnderTest], object] = field(default=lambda _: None)
    """Requests before the events, which make what these change."""
    is_erasure: bool = False
    """Whether it tells of the erasure of what `given` has made, by a job that may still run when
    the event is acknowledged."""


def account(id: str) -> Told:
    """The account of a new user."""
    profile = {"id": id, "username": f"user{id}", "created_at": timestamp()}
    return Told(events.ACCOUNT_CHANGED, id, 1, profile)
