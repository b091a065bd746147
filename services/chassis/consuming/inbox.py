"""The inbox: every event is handled at least once, whatever the broker loses.

The broker delivers the fast copy. Every `POLL_INTERVAL` the inbox also asks each producer for the
last sequence number of its streams, and fetches what was announced at the poll before and has not
arrived yet. So a broker may lose, delay, repeat or reorder events, stop, or start empty.

Handlers are idempotent by the document's version. The stored positions are therefore only a hint:
they are written late, and an event that was received twice is handled twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from services.chassis import telemetry
from services.chassis.consuming.events import (
    CloudEvent,
    EventHandler,
    PoisonMessage,
    parse_cloud_event,
)
from services.chassis.consuming.sequence_set import SequenceSet
from services.chassis.consuming.subscription import StreamPositions, Subscription
from services.chassis.dapr.client import DaprClient
from services.chassis.dapr.state import StateStore
from services.chassis.errors import ServiceError
from services.chassis.storage.collection import Collection
from services.contracts.events import EventType

M = TypeVar("M")

POLL_INTERVAL = 1.5
"""Seconds between two polls. What the broker lost arrives after two of them."""

BATCH_SIZE = 64
CONCURRENCY = 16

log = logging.getLogger(__name__)


class Inbox:
    """All subscriptions of a service.

    `receive` takes what the broker delivers, `catch_up` finds and fills gaps.
    """

    def __init__(
        self,
        state: StateStore,
        dapr: DaprClient,
        add_dead_letter: Callable[[str, Any, str], Awaitable[None]],
    ) -> None:
        self._dapr = dapr
        self._add_dead_letter = add_dead_letter
        self._positions = Collection(state, "inbox", StreamPositions)
        self.subscriptions: dict[str, Subscription] = {}

    def subscribe(self, event_type: EventType[M], handler: EventHandler[M]) -> None:
        """Call a handler for every event of a type. Several handlers may share a topic."""
        self.subscription(event_type.topic, event_type.producer).handlers.add(event_type, handler)

    def subscription(self, topic: str, producer: str) -> Subscription:
        """The one subscription to a topic. Raises `ValueError` for a second producer of it."""
        subscription = self.subscriptions.setdefault(topic, Subscription(topic, producer))
        if subscription.producer != producer:
            raise ValueError(f"The topic {topic} is produced by {subscription.producer} already.")
        return subscription

    async def receive(self, topic: str, body: Any) -> None:
        """Handle one event. Raises `PoisonMessage` if no retry can help, else whatever failed."""
        subscription = self.subscriptions[topic]
        event = parse_cloud_event(body)
        await self._handle(subscription, event)
        subscription.mark_received(event.stream, [event.sequence])

    async def catch_up(self) -> None:
        """Poll every producer once, concurrently: a slow one delays no other."""
        producers = {s.producer for s in self.subscriptions.values()}
        await asyncio.gather(*(self._poll(producer) for producer in producers))

    async def _handle(self, subscription: Subscription, event: CloudEvent) -> None:
        telemetry.start_trace({"traceparent": event.traceparent})
        await subscription.handlers.handle(event)

    async def _poll(self, producer: str) -> None:
        try:
            await self._reconcile(producer)
        except ServiceError as failure:
            log.warning(
                "could not fetch missing events",
                extra={"producer": producer, "why": failure.message},
            )
        except Exception:
            log.exception("could not fetch missing events", extra={"producer": producer})

    async def _reconcile(self, producer: str) -> None:
        subscriptions = [s for s in self.subscriptions.values() if s.producer == producer]
        topics = ",".join(s.topic for s in subscriptions)
        reply = await self._dapr.invoke(producer, "changes", params={"topics": topics})
        heads: dict[str, dict[str, int]] = reply.json()
        fills = [self._fill(s, heads[s.topic]) for s in subscriptions]
        for outcome in await asyncio.gather(*fills, return_exceptions=True):
            if isinstance(outcome, BaseException):  # a failing topic delays no other
                raise outcome

    async def _fill(self, subscription: Subscription, heads: dict[str, int]) -> None:
        """Fetch what was announced a poll ago and is still missing; store the positions."""
        announced, subscription.announced = subscription.announced, heads
        if heads == subscription.caught_up and not subscription.received.seen:
            return
        known = await self._store_positions(subscription, heads)
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

    async def _store_positions(
        self, subscription: Subscription, heads: dict[str, int]
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
        while after < upto:
            reply = await self._dapr.invoke(
                subscription.producer,
                f"changes/{subscription.topic}/{stream}",
                params={"after": str(after), "limit": str(min(BATCH_SIZE, upto - after))},
            )
            answer = reply.json()
            await self._handle_fetched(subscription, answer["events"])
            settled = min(answer["settled"], upto)
            subscription.mark_received(stream, range(after + 1, settled + 1))
            subscription.tops[stream] = max(subscription.tops.get(stream, 0), settled)
            log.info(
                "fetched events that the broker did not deliver",
                extra={"topic": subscription.topic, "stream": stream, "upto": settled},
            )
            if settled <= after:
                return
            after = settled

    async def _handle_fetched(self, subscription: Subscription, bodies: list[Any]) -> None:
        slots = asyncio.Semaphore(CONCURRENCY)

        async def handle(body: Any) -> None:
            async with slots:
                try:
                    await self._handle(subscription, parse_cloud_event(body))
                except PoisonMessage as poison:
                    await self._add_dead_letter(subscription.topic, body, poison.message)
                except (ServiceError, OSError):
                    raise
                except Exception as error:  # one bad event must not stop those after it
                    log.exception("cannot handle an event", extra={"topic": subscription.topic})
                    await self._add_dead_letter(subscription.topic, body, repr(error))

        for outcome in await asyncio.gather(*map(handle, bodies), return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
