"""The relay: publishes the events of committed documents in the background, in their order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from services.chassis.dapr.pubsub import Publisher
from services.chassis.errors import ServiceError

BATCH_SIZE = 100
MAX_BACKLOG = 10_000
"""Events that wait for the broker. Beyond that the oldest go: consumers fetch them later."""

_MAX_PAUSE = 5.0

log = logging.getLogger(__name__)


class Relay:
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
        self._topic = topic
        self._publisher = publisher
        self._on_published = on_published
        self._on_idle = on_idle
        self._queue: deque[dict[str, Any]] = deque(maxlen=MAX_BACKLOG)
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def enqueue(self, event: dict[str, Any]) -> None:
        """Publish an event in the background."""
        self._queue.append(event)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._publish_all())

    async def drain(self) -> None:
        """Wait until every event is published."""
        if self._task is not None:
            await self._task

    def cancel(self) -> None:
        """Stop publishing."""
        if self._task is not None:
            self._task.cancel()

    async def _publish_all(self) -> None:
        pause = 0.1
        while self._queue:
            batch = [self._queue[i] for i in range(min(len(self._queue), BATCH_SIZE))]
            try:
                await self._publisher.publish(self._topic, batch)
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
            self._remove(batch)
        self._on_idle()

    def _remove(self, batch: list[dict[str, Any]]) -> None:
        for event in batch:
            if self._queue and self._queue[0] is event:
                self._queue.popleft()
            self._on_published(event["sequence"])
