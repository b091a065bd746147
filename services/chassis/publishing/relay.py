"""The relay: publishes the events of committed documents in the background, in their order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from services.chassis import telemetry, tracing
from services.chassis.dapr.pubsub import EncodedEvent, Publisher, encode_event
from services.chassis.errors import ServiceError
from services.chassis.publishing.background_queue import BackgroundQueue
from services.chassis.publishing.pacer import Pacer

BATCH_SIZE = 50
MAX_BATCH_BYTES = 2**18
"""Bounds of one message: brokers take a megabyte or more (NATS by default one)."""

PUBLISH_INTERVAL = 0.05
"""Seconds between two messages of a topic. The first event after a quiet time goes at once; under
load events share a message, so that their number costs little."""

MAX_RATE = 4.0
"""Messages a second of a topic under load. Each has the events of a quarter of a second, for all of
which a consumer reads and writes once."""

BURST = 4
"""Messages that do not wait for that after a quiet time."""

MAX_BACKLOG = 10_000
"""Events that wait for the broker. Beyond that the oldest go: consumers fetch them later."""

_MAX_PAUSE = 5.0

log = logging.getLogger(__name__)


class _PendingEvent(NamedTuple):
    sequence: int
    event: EncodedEvent
    time: str
    traceparent: str


class Relay(BackgroundQueue[_PendingEvent]):
    """The events of one topic that wait for the broker.

    `on_published` gets the sequence number of each event that the broker took, `on_idle` is called
    when none is left.
    """

    def __init__(
        self,
        topic: str,
        publisher: Publisher,
        on_published: Callable[[int], None],
        on_idle: Callable[[], None],
    ) -> None:
        super().__init__(MAX_BACKLOG)
        self._topic = topic
        self._publisher = publisher
        self._on_published = on_published
        self._on_idle = on_idle
        self._published_at = float("-inf")
        self._pacer = Pacer(MAX_RATE, BURST)
        self.published = 0
        """Events that the broker accepted."""

    @property
    def oldest(self) -> str:
        """When the change was committed whose event waits longest (RFC 3339); empty for none."""
        return self._queue[0].time if self._queue else ""

    def enqueue(self, event: Mapping[str, Any]) -> None:
        """Publish an event in the background."""
        self._append(
            _PendingEvent(
                event["sequence"], encode_event(event), event["time"], event["traceparent"]
            )
        )

    async def _process_all(self) -> None:
        telemetry.resume(None)  # that of the request whose event came first
        pause = 0.1
        while self._queue:
            await self._wait_for_more()
            batch = self._next_batch()
            self._published_at = time.monotonic()
            try:
                await self._publish(batch)
            except ServiceError as failure:
                log.warning(
                    "could not publish, will retry",
                    extra={
                        "topic": self._topic,
                        "events": len(self._queue),
                        "why": failure.message,
                    },
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, _MAX_PAUSE)
                continue
            pause = 0.1
            self.published += len(batch)
            self._remove(batch)
        self._on_idle()

    async def _publish(self, batch: list[_PendingEvent]) -> None:
        events = [pending.event for pending in batch]
        if not tracing.is_on():
            await self._publisher.publish(self._topic, events)
            return
        traceparents = [pending.traceparent for pending in batch]
        attributes: tracing.Attributes = {
            "messaging.system": "dapr",
            "messaging.operation.type": "send",
            "messaging.destination.name": self._topic,
            "messaging.batch.message_count": len(events),
        }
        with tracing.SpanGroup(
            traceparents, tracing.PRODUCER, f"publish {self._topic}", attributes
        ):
            await self._publisher.publish(self._topic, events)

    async def _wait_for_more(self) -> None:
        """Let events gather while the message before is recent, unless they fill one already."""
        if len(self._queue) < BATCH_SIZE:
            due = self._published_at + PUBLISH_INTERVAL
            await asyncio.sleep(max(0, self._pacer.delay(), due - time.monotonic()))

    def _next_batch(self) -> list[_PendingEvent]:
        batch: list[_PendingEvent] = []
        size = 0
        for pending in self._queue:
            size += len(pending.event.raw)
            if batch and (len(batch) == BATCH_SIZE or size > MAX_BATCH_BYTES):
                break
            batch.append(pending)
        return batch

    def _remove(self, batch: list[_PendingEvent]) -> None:
        for pending in batch:
            if self._queue and self._queue[0] is pending:
                self._queue.popleft()
            self._on_published(pending.sequence)
