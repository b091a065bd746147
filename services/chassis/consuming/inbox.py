"""The inbox: every event is handled at least once, whatever the broker loses.

The broker delivers the fast copy, or the outbox of this process if the service consumes its own
events. The inbox also asks each producer for the last sequence numbers of its streams. The producer
answers when there are new ones, and what has not arrived a moment later is fetched. So a broker may
lose, delay, repeat or reorder events, stop, or start empty.

Handlers are idempotent by the document's version. The stored positions are therefore only a hint:
they are written late, and an event that was received twice is handled twice. Of several events of
one document in one message only the newest is handled: it contains what the others say.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
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
from services.chassis.consuming.producers import Producers
from services.chassis.consuming.subscription import StreamPositions, Subscription
from services.chassis.dapr.state import StateStore
from services.chassis.errors import ServiceError
from services.chassis.metrics import Metrics
from services.chassis.storage.collection import Collection
from services.contracts.events import EventType

M = TypeVar("M")

HEADS_WAIT = 25.0
"""Seconds for which a producer holds its answer back while it has nothing new."""

STORE_DELAY = 0.5
"""Seconds between an answer and storing what has arrived, for the other replicas to know."""

FETCH_DELAY = 0.7
"""Seconds between that and fetching what neither this replica nor another one has received. What
the broker lost arrives within five seconds: two for a producer to notice what another replica of it
wrote, and twice the two delays, if some events still arrived."""

PAUSE = 1.2
"""Seconds between all of that and the next question."""

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
        """Follow a producer for as long as the service runs."""
        await _pause(PAUSE)
        known = ""
        while True:
            known = await self._poll(producer, known)
            if known:
                await _pause(PAUSE)

    async def catch_up(self) -> None:
        """Ask every producer once, concurrently, and fetch at once what has not arrived."""
        await asyncio.gather(*(self._poll(each, at_once=True) for each in self.producers))

    async def _poll(self, producer: str, known: str = "", *, at_once: bool = False) -> str:
        """Ask a producer, and return the tag of its heads if all up to them has arrived.

        With the tag `known`, for which all has arrived, it waits for news.
        """
        try:
            return await self._reconcile(producer, known, at_once=at_once)
        except ServiceError as failure:
            log.warning(
                "could not fetch missing events",
                extra={"producer": producer, "why": failure.message},
            )
        except Exception:
            log.exception("could not fetch missing events", extra={"producer": producer})
        if not at_once:
            await _pause(PAUSE)
        return ""

    async def _reconcile(self, producer: str, known: str, *, at_once: bool) -> str:
        subscriptions = [s for s in self.subscriptions.values() if s.producer == producer]
        topics = [s.topic for s in subscriptions]
        wait = HEADS_WAIT if known else 0.0
        heads = await self._producers.heads(producer, topics, known=known, wait=wait)
        if heads.tag == known:
            return known
        for subscription in subscriptions:
            subscription.announce(heads.by_topic[subscription.topic])
        for step, delay in ((self._settle, STORE_DELAY), (self._fill, FETCH_DELAY)):
            if not at_once:
                await _pause(delay)
            is_complete = await _run_all(step(s) for s in subscriptions)
        return heads.tag if is_complete else ""

    async def _settle(self, subscription: Subscription) -> bool:
        """Store what was received. Returns whether that is all that was announced."""
        announced = subscription.announced
        if announced != subscription.caught_up or subscription.received.seen:
            stored = await self._store_positions(subscription, announced)
            subscription.stored = stored
            if stored.has_all(announced):
                subscription.caught_up = announced
        return subscription.caught_up == announced

    async def _fill(self, subscription: Subscription) -> bool:
        """Fetch what was announced and is still missing. Returns whether nothing is missing now."""
        if await self._settle(subscription):
            return True
        seen = (subscription.stored or StreamPositions()).only(subscription.announced).seen
        for stream, last in subscription.announced.items():
            bound = subscription.gap_upper_bound(stream, last, seen[stream])
            for low, high in seen[stream].missing(bound):
                await self._fetch(subscription, stream, low - 1, high)
        return await self._settle(subscription)

    async def _store_positions(
        self, subscription: Subscription, heads: Mapping[str, int]
    ) -> StreamPositions:
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


async def _run_all(steps: Iterable[Awaitable[bool]]) -> bool:
    """Whether all steps return True. A failing one delays no other."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return all(outcomes)


async def _pause(seconds: float) -> None:
    await asyncio.sleep(seconds * random.uniform(0.8, 1.0))  # noqa: S311 (jitter)


@dataclass(frozen=True, slots=True)
class _Failure:
    """The events of one document that could not be handled now, and the newest of them."""

    bodies: list[Any]
    newest: Any
    error: Exception

    @property
    def is_temporary(self) -> bool:
        return isinstance(self.error, ServiceError | OSError)
