"""Hands the events of this process to its own handlers: they need no broker."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from services.chassis.publishing.relay import MAX_BACKLOG

BATCH_SIZE = 64

LocalHandler = Callable[[Sequence[Any]], Coroutine[Any, Any, None]]
"""Handles events of one topic. It raises nothing: what it could not handle stays missing, and the
inbox fetches it from the journal."""


class LocalDelivery:
    """The events of one topic that wait for the handlers of their own process.

    A crash loses them. They are in the journal, and the next process finds them there.
    """

    def __init__(self, handle: LocalHandler) -> None:
        self.handle = handle
        self._queue: deque[dict[str, Any]] = deque(maxlen=MAX_BACKLOG)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether every event is handled."""
        return self._task is None or self._task.done()

    def enqueue(self, event: dict[str, Any]) -> None:
        """Handle an event in the background."""
        self._queue.append(event)
        if self.is_idle:
            self._task = asyncio.create_task(self._handle_all())

    async def drain(self) -> None:
        """Wait until every event is handled."""
        if self._task is not None:
            await self._task

    def cancel(self) -> None:
        """Stop handling."""
        if self._task is not None:
            self._task.cancel()

    async def _handle_all(self) -> None:
        while self._queue:
            size = min(len(self._queue), BATCH_SIZE)
            await self.handle([self._queue.popleft() for _ in range(size)])
