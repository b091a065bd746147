"""Hands the events of this process to its own handlers: they need no broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from services.chassis import telemetry
from services.chassis.publishing import relay
from services.chassis.publishing.background_queue import BackgroundQueue
from services.chassis.publishing.pacer import Pacer

BATCH_SIZE = 64

LocalHandler = Callable[[Sequence[Any]], Coroutine[Any, Any, None]]
"""Handles events of one topic. It raises nothing: what it could not handle stays missing, and the
inbox fetches it from the journal."""


class LocalDelivery(BackgroundQueue[dict[str, Any]]):
    """The events of one topic that wait for the handlers of their own process.

    They are handled at the pace of the relay, so that under load many share calls of the store. A
    crash loses them. They are in the journal, and the next process finds them there.
    """

    def __init__(self, handle: LocalHandler) -> None:
        super().__init__(relay.MAX_BACKLOG)
        self.handle = handle
        self._pacer = Pacer(relay.MAX_RATE, relay.BURST)

    def enqueue(self, event: dict[str, Any]) -> None:
        """Handle an event in the background."""
        self._append(event)

    async def _process_all(self) -> None:
        telemetry.resume(None)  # that of the request whose event came first
        while self._queue:
            if len(self._queue) < BATCH_SIZE and (pause := self._pacer.delay()) > 0:
                await asyncio.sleep(pause)
            size = min(len(self._queue), BATCH_SIZE)
            await self.handle([self._queue.popleft() for _ in range(size)])
