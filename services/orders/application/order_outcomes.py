"""Lets requests wait until an order is final."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from weakref import WeakValueDictionary

from cachetools import FIFOCache

_MAX_REMEMBERED_ORDERS = 10_000
"""For how many orders a process remembers that it saw them become final."""

RECHECK_INTERVAL = 1.0
"""Seconds after which an order is read, because another process may have ended it."""


class OrderOutcomes:
    """Which orders have become final in this process, and who waits for that."""

    def __init__(self) -> None:
        self._final: FIFOCache[str, bool] = FIFOCache(_MAX_REMEMBERED_ORDERS)
        self._waiting: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    def note_final(self, order: str) -> None:
        """Wake those who wait for an order."""
        self._final[order] = True
        if event := self._waiting.get(order):
            event.set()

    async def wait(self, order: str, seconds: float) -> None:
        """Wait until this process sees that an order is final, or it is time to read it.

        At once if this process has seen it since the last time somebody waited.
        """
        if self._final.pop(order, False):
            return
        event = self._waiting.setdefault(order, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, RECHECK_INTERVAL)):
                await event.wait()
