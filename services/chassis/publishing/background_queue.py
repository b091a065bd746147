"""A bounded queue that one task of the process empties in the background."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class BackgroundQueue(ABC, Generic[T]):
    """Items in their order. Beyond `max_backlog` the oldest are dropped."""

    def __init__(self, max_backlog: int) -> None:
        self._queue: deque[T] = deque(maxlen=max_backlog)
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def is_idle(self) -> bool:
        """Whether every item is processed."""
        return self._task is None or self._task.done()

    async def drain(self) -> None:
        """Wait until every item is processed."""
        if self._task is not None:
            await self._task

    def cancel(self) -> None:
        """Stop processing."""
        if self._task is not None:
            self._task.cancel()

    def _append(self, item: T) -> None:
        self._queue.append(item)
        if self.is_idle:
            self._task = asyncio.create_task(self._process_all())

    @abstractmethod
    async def _process_all(self) -> None:
        """Process items until the queue is empty."""
