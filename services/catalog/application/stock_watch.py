"""Follows the pieces of a product that can be bought."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from services.catalog.application.queries import CatalogReader
from services.chassis.errors import RateLimited

WATCH_INTERVAL = 1.0
"""Seconds between two looks at a product: another replica may have sold it."""

MAX_WATCHES = 200
"""Watches of a process at once. Each reads its product once in `WATCH_INTERVAL`."""


class StockWatch:
    """Follows the stocks of products that somebody may see."""

    def __init__(self, queries: CatalogReader) -> None:
        self._queries = queries
        self._open = 0

    async def levels(
        self, id: str, viewer: Callable[[], Awaitable[str]]
    ) -> AsyncIterator[dict[str, int]]:
        """Give the available pieces by variant: at once, and again after each change.

        Before each look `viewer` says who asks, or raises if they may not any more. Raises
        `NotFound` if the product is not visible, or not any more, and `RateLimited`. One or two
        state calls for each look.
        """
        if self._open >= MAX_WATCHES:
            raise RateLimited("Too many stocks are watched at once.")
        self._open += 1
        last: dict[str, int] | None = None
        try:
            while True:
                offer = await self._queries.product(id, await viewer())
                if offer.available is not None and offer.available != last:
                    last = offer.available
                    yield last
                await asyncio.sleep(WATCH_INTERVAL)
        finally:
            self._open -= 1
