"""The inbox: events are heard at least once, gaps are noticed, and what is missing is fetched.

The broker's copy is the fast one. Beside it, every `POLL_INTERVAL` seconds the inbox asks each
producer how far its streams have come, and fetches what it was told of at the poll before and has
still not heard. So a broker may lose, delay, repeat or reorder, stop, or be started empty.

Handlers are idempotent by the document's version, so the mark of what was heard is only advisory:
it is written late, and what was heard twice is handled twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from services.chassis import telemetry
from services.chassis.consuming.sequence_set import SequenceSet
from services.chassis.dapr.client import DaprClient, StateStore
from services.chassis.errors import Invalid, ServiceError
from services.chassis.storage.collection import Collection

POLL_INTERVAL = 1.5
"""Seconds between two polls; what the broker lost is there after two of them."""

_BATCH_SIZE = 64
_CONCURRENCY = 16

log = logging.getLogger(__name__)


class Event(BaseModel):
    """A CloudEvent of ours: the newest state of one document, and which version of it that is.

    `traceparent` comes as `cause`: a sidecar overwrites the attribute of that name, with nothing
    or with a trace of its own.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = Field(max_length=512)
    type: str = Field(max_length=128)
    source: str = Field(max_length=64)
    subject: str = Field(max_length=256)
    time: str = ""
    traceparent: str = Field("", validation_alias=AliasChoices("cause", "traceparent"))
    stream: str = Field(max_length=64)
    sequence: int = Field(ge=1)
    entityversion: int = Field(ge=1)
    data: dict[str, Any]


EventHandler = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StreamPositions:
    """What was heard of each stream of a topic."""

    seen: dict[str, SequenceSet] = field(default_factory=dict)

    def merge(self, other: StreamPositions) -> StreamPositions:
        streams = {**self.seen}
        for stream, seen in other.seen.items():
            streams[stream] = streams.get(stream, SequenceSet()).merge(seen)
        return StreamPositions(streams)

    def only(self, streams: Iterable[str]) -> StreamPositions:
        """Without the streams that their producer has forgotten."""
        return StreamPositions({stream: self.seen.get(stream, SequenceSet()) for stream in streams})


@dataclass(slots=True)
class Subscription:
    """One topic that a service hears, from the one service that produces it."""

    topic: str
    producer: str
    handle: EventHandler
    received: StreamPositions = field(default_factory=StreamPositions)
    announced: dict[str, int] = field(default_factory=dict)
    caught_up: dict[str, int] | None = None
    tops: dict[str, int] = field(default_factory=dict)

    def gap_upper_bound(self, stream: str, last: int, seen: SequenceSet) -> int:
        """Up to which number what is missing counts as lost.

        While the broker is bringing a stream, what lies beyond what it has brought is only late: to
        fetch it as well would double the work just when there is too much of it.
        """
        top, self.tops[stream] = self.tops.get(stream, seen.top), seen.top
        return min(last, seen.top) if seen.top > top else last

    def mark_received(self, stream: str, sequence: int) -> None:
        self.received = self.received.merge(
            StreamPositions({stream: SequenceSet().add([sequence])})
        )


class PoisonMessage(Invalid):
    """An event that can never be handled: it goes to the dead letters."""

    code = "poison"


class Inbox:
    """All that a service hears. `receive` takes the broker's copies, `watch` finds the gaps."""

    def __init__(
        self,
        state: StateStore,
        sidecar: DaprClient,
        bury: Callable[[str, Any, str], Awaitable[None]],
    ) -> None:
        self._sidecar = sidecar
        self._bury = bury
        self._marks = Collection(state, "inbox", StreamPositions)
        self.subscriptions: dict[str, Subscription] = {}

    def subscribe(self, topic: str, producer: str, handle: EventHandler) -> None:
        """Have a handler called for every event of a topic."""
        self.subscriptions[topic] = Subscription(topic, producer, handle)

    async def receive(self, topic: str, body: Any) -> None:
        """Handle one event. Raises `PoisonMessage` if a retry cannot help, else whatever failed."""
        subscription = self.subscriptions[topic]
        event = parse_event(body)
        telemetry.start_trace({"traceparent": event.traceparent})
        await subscription.handle(event)
        subscription.mark_received(event.stream, event.sequence)

    async def watch(self) -> None:
        """Look for gaps, for ever."""
        while True:
            await asyncio.sleep(POLL_INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
            await self.catch_up()

    async def catch_up(self) -> None:
        """One poll of every producer, side by side: a slow one holds up nobody else."""
        producers = {s.producer for s in self.subscriptions.values()}
        await asyncio.gather(*(self._ask(producer) for producer in producers))

    async def _ask(self, producer: str) -> None:
        try:
            await self._reconcile(producer)
        except ServiceError as failure:
            log.warning(
                "could not ask for missing events",
                extra={"producer": producer, "why": failure.message},
            )
        except Exception:
            log.exception("could not catch up", extra={"producer": producer})

    async def _reconcile(self, producer: str) -> None:
        subscriptions = [s for s in self.subscriptions.values() if s.producer == producer]
        topics = ",".join(s.topic for s in subscriptions)
        reply = await self._sidecar.invoke(producer, "changes", params={"topics": topics})
        heads: dict[str, dict[str, int]] = reply.json()
        fills = [self._fill(s, heads[s.topic]) for s in subscriptions]
        for outcome in await asyncio.gather(*fills, return_exceptions=True):
            if isinstance(outcome, BaseException):  # what ails one topic holds up no other
                raise outcome

    async def _fill(self, subscription: Subscription, heads: dict[str, int]) -> None:
        """Fetch what was announced a poll ago and is still not here, and keep the marks."""
        told, subscription.announced = subscription.announced, heads
        heard = subscription.received
        if heads == subscription.caught_up and not heard.seen:
            return
        marks = await self._marks.update(
            subscription.topic, lambda kept: (kept or StreamPositions()).merge(heard).only(heads)
        )
        known = (marks or StreamPositions()).only(heads)
        if subscription.received is heard:
            subscription.received = StreamPositions()
        seen = {stream: known.seen.get(stream, SequenceSet()) for stream in told}
        due = {
            stream: subscription.gap_upper_bound(stream, last, seen[stream])
            for stream, last in told.items()
        }
        gaps = [
            (stream, low - 1, high)
            for stream, last in due.items()
            for low, high in seen[stream].missing(last)
        ]
        for stream, after, upto in gaps:
            await self._fetch(subscription, stream, after, upto)
        if not gaps and due == told:
            subscription.caught_up = told

    async def _fetch(self, subscription: Subscription, stream: str, after: int, upto: int) -> None:
        while after < upto:
            reply = await self._sidecar.invoke(
                subscription.producer,
                f"changes/{subscription.topic}/{stream}",
                params={"after": str(after), "limit": str(min(_BATCH_SIZE, upto - after))},
            )
            answer = reply.json()
            await self._handle_all(subscription, answer["events"])
            settled = min(answer["settled"], upto)
            numbers = range(after + 1, settled + 1)
            subscription.received = subscription.received.merge(
                StreamPositions({stream: SequenceSet().add(numbers)})
            )
            subscription.tops[stream] = max(subscription.tops.get(stream, 0), settled)
            log.info(
                "fetched what the broker did not bring",
                extra={"topic": subscription.topic, "stream": stream, "upto": settled},
            )
            if settled <= after:
                return
            after = settled

    async def _handle_all(self, subscription: Subscription, bodies: list[Any]) -> None:
        slots = asyncio.Semaphore(_CONCURRENCY)

        async def handle(body: Any) -> None:
            async with slots:
                try:
                    event = parse_event(body)
                    telemetry.start_trace({"traceparent": event.traceparent})
                    await subscription.handle(event)
                except PoisonMessage as poison:
                    await self._bury(subscription.topic, body, poison.message)
                except (ServiceError, OSError):
                    raise
                except Exception as error:  # one bad event must not hold up all that follow
                    log.exception("cannot be handled", extra={"topic": subscription.topic})
                    await self._bury(subscription.topic, body, repr(error))

        for outcome in await asyncio.gather(*map(handle, bodies), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome


def parse_event(body: Any) -> Event:
    """An event of ours; raises `PoisonMessage` for anything else."""
    try:
        return Event.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PoisonMessage(f"This is not an event of ours: {where}: {first['msg']}.") from error
