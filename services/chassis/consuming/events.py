"""Events as they come from the broker, and as a handler gets them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from services.chassis.dapr.pubsub import MESSAGE_TYPE
from services.chassis.errors import Invalid
from services.chassis.storage.window import normalize_id
from services.contracts.events import EventType

M = TypeVar("M")


class PoisonMessage(Invalid):
    """An event that no retry can help. It goes to the dead letters."""

    code = "poison"


class CloudEvent(BaseModel):
    """A CloudEvent: the newest state of one document, and the version of that state."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = Field(max_length=512)
    type: str = Field(max_length=128)
    source: str = Field(max_length=64)
    subject: str = Field(max_length=256)
    time: str = ""
    traceparent: str = ""
    stream: str = Field(max_length=64)
    sequence: int = Field(ge=1)
    entityversion: int = Field(ge=1)
    data: dict[str, Any]

    def committed_at(self) -> float | None:
        """When the version was committed, in seconds since 1970; None without a valid time."""
        try:
            return datetime.fromisoformat(self.time).timestamp()
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Event(Generic[M]):
    """An event as a handler gets it: the envelope as it came, and its data validated."""

    envelope: CloudEvent
    data: M

    @property
    def type(self) -> str:
        """The name of its type."""
        return self.envelope.type

    @property
    def subject(self) -> str:
        """The document's id."""
        return self.envelope.subject

    @property
    def subject_id(self) -> str:
        """The subject, if it is a Snowflake id. Raises `PoisonMessage`."""
        return require_id(self.subject)

    @property
    def version(self) -> int:
        """The document's version."""
        return self.envelope.entityversion

    @property
    def time(self) -> str:
        """When the version was committed (ISO 8601)."""
        return self.envelope.time

    @property
    def payload(self) -> dict[str, Any]:
        """The data as JSON, with fields that the model does not know."""
        return self.envelope.data


EventHandler = Callable[[Event[M]], Awaitable[None]]
"""Called at least once for each event, possibly late, repeatedly, and out of order."""


def require_id(value: Any) -> str:
    """A Snowflake id that an event carries, in the width of keys. Raises `PoisonMessage`."""
    try:
        return normalize_id(str(value))
    except Invalid as error:
        raise PoisonMessage(error.message) from error


def parse_cloud_event(body: Any) -> CloudEvent:
    """The envelope of an event. Raises `PoisonMessage` for anything else."""
    try:
        return CloudEvent.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PoisonMessage(f"The event is invalid: {where}: {first['msg']}.") from error


def parse_message(body: Any) -> list[Any]:
    """The events in a message of the broker, as JSON. Raises `PoisonMessage` for anything else."""
    if not isinstance(body, dict) or body.get("type") != MESSAGE_TYPE:
        raise PoisonMessage(
            f'The message is invalid: it is no CloudEvent of type "{MESSAGE_TYPE}".'
        )
    data = body.get("data")
    events = data.get("events") if isinstance(data, dict) else None
    if not isinstance(events, list):
        raise PoisonMessage("The message is invalid: data.events is no list.")
    return events


class Handlers:
    """The handlers of one topic, by type of event."""

    def __init__(self) -> None:
        self._by_type: dict[str, tuple[EventType[Any], list[EventHandler[Any]]]] = {}

    def add(self, event_type: EventType[M], handler: EventHandler[M]) -> None:
        """Add a handler. Several may handle one type: they run in the order of registration."""
        self._by_type.setdefault(event_type.name, (event_type, []))[1].append(handler)

    async def handle(self, event: CloudEvent) -> None:
        """Run every handler of the event's type. An unknown type, perhaps a newer one, is ignored.

        Raises `PoisonMessage` if the data is invalid or another service than the topic's producer
        is the source, or what the first failing handler raises.
        """
        event_type, handlers = self._by_type.get(event.type, (None, ()))
        if event_type is None:
            return
        if event.source != event_type.producer:
            raise PoisonMessage(f"{event.type} is from {event.source}, not {event_type.producer}.")
        typed = _typed(event, event_type)
        for handler in handlers:
            await handler(typed)


@cache
def _validator(event_type: EventType[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(event_type.model)


def _typed(event: CloudEvent, event_type: EventType[M]) -> Event[M]:
    try:
        data = _validator(event_type).validate_python(event.data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PoisonMessage(f"{event.type} {event.subject}: {where}: {first['msg']}.") from error
    return Event(event, data)
