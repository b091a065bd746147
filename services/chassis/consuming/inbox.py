"""The inbox: every event is handled at least once, whatever the broker loses.

The broker delivers the fast copy, or the outbox of this process if the service consumes its own
events. The inbox also asks each producer for the last sequence number of its streams, and fetches
what was announced at the poll before and has not arrived yet. So a broker may lose, delay, repeat
or reorder events, stop, or start empty.

Handlers are idempotent by the document's version. The stored positions are therefore only a hint:
they are written late, and an event that was received twice is handled twice. Of several events of
one document in one message only the newest is handled: it contains what the others say.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cachetools import FIFOCache

from services.chassis.consuming import handling
from services.chassis.consuming.batch import DocumentEvents, ReceivedEvent, group_by_document
from services.chassis.consuming.event_metrics import (
    DEAD_LETTERED,
    RETRIED,
    UNKNOWN_TOPIC,
    EventMetrics,
)
from services.chassis.consuming.events import (
    EventHandler,
    PoisonMessage,
    parse_cloud_event,
    parse_message,
)
from services.chassis.consuming.producers import Heads, Producers
from services.chassis.consuming.sequence_set import SequenceSet
from services.chassis.consuming.subscription import StreamPositions, Subscription
from services.chassis.dapr.state import StateStore
from services.chassis.errors import ServiceError
from services.chassis.metrics import Metrics
from services.chassis.storage.collection import Collection
from services.contracts.events import EventType

M = TypeVar("M")

POLL_INTERVAL = 1.5
"""Seconds between two polls of a producer whose events have not all arrived yet."""

IDLE_POLL_INTERVAL = 3.2
"""Seconds between two polls of a producer that is at rest. What the broker lost arrives after one
interval of each kind: in less than five seconds."""

BATCH_SIZE = 64
CONCURRENCY = 64
"""Events of one message that are handled at the same time: all of them, so that they share calls of
the state store."""

MAX_REMEMBERED_FAILURES = 64
"""Messages of which a process remembers the events that failed."""

log = logging.getLogger(__name__)


class Inbox:
    """All subscriptions of a service.

    `receive` takes what the broker delivers, `catch_up` finds and fills gaps.
    """

    def __init__(
        self,
        state: StateStore,
        producers: Producers,
        add_dead_letter: Callable[[str, Any, str], Awaitable[None]],
        metrics: Metrics | None = None,
    ) -> None:
        self._producers = producers
        self._add_dead_letter = add_dead_letter
        self._metrics = EventMetrics(metrics or Metrics())
        self._positions = Collection(state, "inbox", StreamPositions)
        self._failed: FIFOCache[tuple[str, str], list[Any]] = FIFOCache(MAX_REMEMBERED_FAILURES)
        self.subscriptions: dict[str, Subscription] = {}

    @property
    def producers(self) -> set[str]:
        """The producers of all topics."""
        return {subscription.producer for subscription in self.subscriptions.values()}

    def subscribe(self, event_type: EventType[M], handler: EventHandler[M]) -> Subscription:
        """Call a handler for every event of a type. Several handlers may share a topic.

        Raises `ValueError` for a second producer of the topic.
        """
        topic, producer = event_type.topic, event_type.producer
        subscription = self.subscriptions.setdefault(topic, Subscription(topic, producer))
        if subscription.producer != producer:
            raise ValueError(f"The topic {topic} is produced by {subscription.producer} already.")
        subscription.handlers.add(event_type, handler)
        return subscription

    # ── what is delivered ───────────────────────────────────────────────────────────────────

    async def receive(self, topic: str, message: Any) -> None:
        """Handle the events of a message. Poison goes to the dead letters, and stops no other.

        Raises `PoisonMessage` if the message itself is invalid, else the first failure, after all
        other events were handled. When the message comes again, only what failed is repeated.
        """
        events = parse_message(message)
        key = topic, str(message.get("id", ""))
        failures = await self._handle_all(self.subscriptions[topic], self._failed.pop(key, events))
        self._count_retries(topic, failures)
        if failures:
            if key[1]:  # without an id the next message would seem to be the same
                self._failed[key] = [body for failure in failures for body in failure.bodies]
            raise failures[0].error

    async def receive_event(self, topic: str, event: Any) -> None:
        """Handle one event. Raises `PoisonMessage` if no retry can help, else whatever failed."""
        subscription = self.subscriptions[topic]
        parsed = parse_cloud_event(event)
        await handling.handle(topic, subscription.handlers, parsed)
        self._metrics.handled(subscription, DocumentEvents([ReceivedEvent(parsed, event)]))
        subscription.mark_received([(parsed.stream, parsed.sequence)])

    async def receive_local(self, topic: str, events: Sequence[Any]) -> None:
        """Handle events of this process. What fails stays missing, so that a poll fetches it."""
        failures = await self._handle_all(self.subscriptions[topic], events)
        self._count_retries(topic, failures)
        for failure in failures:
            log.warning("will retry an event", extra={"topic": topic, "why": repr(failure.error)})

    async def _handle_all(
        self, subscription: Subscription, bodies: Sequence[Any]
    ) -> list[_Failure]:
        """Handle events, those of different documents concurrently. Returns what failed."""
        groups, invalid = group_by_document(bodies)
        slots = asyncio.Semaphore(CONCURRENCY)
        received: list[tuple[str, int]] = []
        failures: list[_Failure] = []

        async def handle(group: DocumentEvents) -> None:
            async with slots:
                try:
                    await self._handle_or_reject(subscription, group)
                except Exception as error:
                    failures.append(_Failure(group.bodies, group.newest.body, error))
                else:
                    received.extend(group.positions)

        with subscription.handling():
            await asyncio.gather(*map(handle, groups))
        subscription.mark_received(received)
        for event in invalid:
            try:
                await self._reject(subscription, event.body, event.why)
            except ServiceError as error:
                failures.append(_Failure([event.body], event.body, error))
        return failures

    async def _handle_or_reject(self, subscription: Subscription, group: DocumentEvents) -> None:
        try:
            await handling.handle(
                subscription.topic, subscription.handlers, group.newest.event, group.superseded
            )
        except PoisonMessage as poison:
            await self._reject(subscription, group.newest.body, poison.message)
        else:
            self._metrics.handled(subscription, group)

    async def _reject(self, subscription: Subscription, body: Any, why: str) -> None:
        log.error("poison message", extra={"topic": subscription.topic, "why": why})
        await self.dead_letter(subscription.topic, body, why)

    async def dead_letter(self, topic: str, body: Any, why: str) -> None:
        """Keep an event that cannot be handled."""
        await self._add_dead_letter(topic, body, why)
        self._metrics.count(topic if topic in self.subscriptions else UNKNOWN_TOPIC, DEAD_LETTERED)

    def _count_retries(self, topic: str, failures: Sequence[_Failure]) -> None:
        self._metrics.count(topic, RETRIED, sum(len(failure.bodies) for failure in failures))

    # ── what is missing ─────────────────────────────────────────────────────────────────────

    async def watch(self, producer: str) -> None:
        """Poll a producer for as long as the service runs."""
        is_complete = True
        while True:
            pause = IDLE_POLL_INTERVAL if is_complete else POLL_INTERVAL
            await asyncio.sleep(pause * random.uniform(0.8, 1.0))  # noqa: S311 (jitter)
            is_complete = await self._poll(producer)

    async def catch_up(self) -> None:
        """Poll every producer once, concurrently: a slow one delays no other."""
        await asyncio.gather(*map(self._poll, self.producers))

    async def _poll(self, producer: str) -> bool:
        """Whether all events of a producer have arrived."""
        try:
            return await self._reconcile(producer)
        except ServiceError as failure:
            log.warning(
                "could not fetch missing events",
                extra={"producer": producer, "why": failure.message},
            )
        except Exception:
            log.exception("could not fetch missing events", extra={"producer": producer})
        return False

    async def _reconcile(self, producer: str) -> bool:
        subscriptions = [s for s in self.subscriptions.values() if s.producer == producer]
        heads = await self._producers.heads(producer, [s.topic for s in subscriptions])
        fills = [self._fill(s, heads[s.topic]) for s in subscriptions]
        for outcome in await asyncio.gather(*fills, return_exceptions=True):
            if isinstance(outcome, BaseException):  # a failing topic delays no other
                raise outcome
        return all(s.caught_up == heads[s.topic] for s in subscriptions)

    async def _fill(self, subscription: Subscription, heads: Heads) -> None:
        """Fetch what was announced a poll ago and is still missing; store the positions."""
        announced, subscription.announced = subscription.announced, heads
        if heads == subscription.caught_up and not subscription.received.seen:
            return
        known = subscription.stored = await self._store_positions(subscription, heads)
        seen = {stream: known.seen.get(stream, SequenceSet()) for stream in announced}
        bounds = {
            stream: subscription.gap_upper_bound(stream, last, seen[stream])
            for stream, last in announced.items()
        }
        gaps = [
            (stream, low - 1, high)
            for stream, last in bounds.items()
            for low, high in seen[stream].missing(last)
        ]
        for stream, after, upto in gaps:
            await self._fetch(subscription, stream, after, upto)
        if not gaps and bounds == announced:
            subscription.caught_up = announced

    async def _store_positions(self, subscription: Subscription, heads: Heads) -> StreamPositions:
        received = subscription.received
        stored = await self._positions.update(
            subscription.topic,
            lambda kept: (kept or StreamPositions()).merge(received).only(heads),
        )
        if subscription.received is received:  # else more came meanwhile: keep all for next time
            subscription.received = StreamPositions()
        return (stored or StreamPositions()).only(heads)

    async def _fetch(self, subscription: Subscription, stream: str, after: int, upto: int) -> None:
        topic = subscription.topic
        while after < upto:
            events, end = await self._producers.changes(
                subscription.producer,
                topic,
                stream,
                after=after,
                limit=min(BATCH_SIZE, upto - after),
            )
            await self._handle_fetched(subscription, events)
            self._metrics.fetched[topic].inc(len(events))
            settled = min(end, upto)
            subscription.mark_received((stream, n) for n in range(after + 1, settled + 1))
            subscription.tops[stream] = max(subscription.tops.get(stream, 0), settled)
            log.info(
                "fetched events that were not delivered",
                extra={"topic": topic, "stream": stream, "upto": settled},
            )
            if settled <= after:
                return
            after = settled

    async def _handle_fetched(self, subscription: Subscription, bodies: Sequence[Any]) -> None:
        """Handle fetched events. One that breaks its handler must not stop those after it."""
        failures = await self._handle_all(subscription, bodies)
        for failure in failures:
            if not failure.is_temporary:
                log.error(
                    "cannot handle an event",
                    extra={"topic": subscription.topic},
                    exc_info=failure.error,
                )
                await self.dead_letter(subscription.topic, failure.newest, repr(failure.error))
        temporary = [failure for failure in failures if failure.is_temporary]
        self._count_retries(subscription.topic, temporary)
        for failure in temporary:
            raise failure.error


@dataclass(frozen=True, slots=True)
class _Failure:
    """The events of one document that could not be handled now, and the newest of them."""

    bodies: list[Any]
    newest: Any
    error: Exception

    @property
    def is_temporary(self) -> bool:
        return isinstance(self.error, ServiceError | OSError)
