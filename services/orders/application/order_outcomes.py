"""Lets requests wait until an order is final."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from cachetools import FIFOCache

_MAX_REMEMBERED_ORDERS = 10_000
"""For how many orders a process remembers that it saw them become final."""

RECHECK_INTERVAL = 1.0
"""Seconds after which an order is read, because another process may have ended it."""


@dataclass(slots=True, weakref_slot=True)
class _AwaitedOrder:
    """An order that somebody waits for. `order` is its view, if this process made it final."""

    is_final: asyncio.Event = field(default_factory=asyncio.Event)
    order: dict[str, Any] | None = None


class OrderOutcomes:
    """Which orders have become final in this process, and who waits for that.

    That an order became final is remembered also if somebody waited: who comes later, or was just
    between two waits, need not wait for it again.
    """

    def __init__(self) -> None:
        self._final: FIFOCache[str, bool] = FIFOCache(_MAX_REMEMBERED_ORDERS)
        self._waiting: WeakValueDictionary[str, _AwaitedOrder] = WeakValueDictionary()

    def is_awaited(self, id: str) -> bool:
        """Whether a request of this process waits for an order."""
        return id in self._waiting

    def note_final(self, id: str, order: dict[str, Any] | None = None) -> None:
        """Wake those who wait for an order. They get its view, if it is given."""
        if awaited := self._waiting.get(id):
            awaited.order = order
            awaited.is_final.set()
        self._final[id] = True

    async def wait(self, id: str, seconds: float) -> dict[str, Any] | None:
        """Wait until this process sees that an order is final, or it is time to read it.

        Returns the view of the final order, or None if it must be read: this at once if the order
        has become final before.
        """
        if self._final.pop(id, False):
            return None
        awaited = self._waiting.setdefault(id, _AwaitedOrder())
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, RECHECK_INTERVAL)):
                await awaited.is_final.wait()
        return awaited.order
