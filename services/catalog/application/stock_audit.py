"""Checks that stocks agree with the reservations of orders, for the metrics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice

from services.catalog.domain.disagreements import find_disagreements
from services.catalog.domain.reservations import ReservationRecord
from services.catalog.domain.stock import StockRecord
from services.catalog.repository import ALL, Repository
from services.chassis.storage.readable import load_readable
from services.chassis.storage.window import Window

SWEEP_INTERVAL = 30.0
"""Seconds between two pages of products that are checked."""

PAGE_SIZE = 10
"""Products of a page."""

MAX_DISAGREEMENTS = 1_000
"""Disagreements that are remembered."""

_BATCH_SIZE = 200

Disagreements = set[tuple[str, str]]
"""Variants and orders."""


class StockAudit:
    """Checks the offered products, a page in each round.

    A reservation changes before its stocks. So what disagrees once is read again in the next round,
    and counts if it still disagrees, until it no longer does.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.disagreements: Disagreements = set()
        """What disagreed in the last two rounds at least."""
        self._suspected: Disagreements = set()
        self._cursor = ""

    async def sweep(self) -> None:
        """Check the next page, and again what disagreed. Four state calls, else six."""
        known = self.disagreements | self._suspected
        still = await self._check({variant for variant, _ in known}) & known if known else set()
        variants, cursor = await self._page(self._cursor)
        suspected = await self._check(variants) - still
        self.disagreements = set(islice(still, MAX_DISAGREEMENTS))
        self._suspected = set(islice(suspected, MAX_DISAGREEMENTS))
        self._cursor = cursor

    async def _page(self, max_id: str) -> tuple[list[str], str]:
        """The variants of the products that follow, and where the next page begins."""
        window = Window(PAGE_SIZE, max_id=max_id)
        ids = [row[0] for row in await self._repository.offered_products.page(ALL, window)]
        docs, _ = await load_readable(self._repository.state, self._repository.products, ids)
        variants = [variant.id for doc in docs.values() for variant in doc.value.variants]
        return variants, ids[-1] if len(ids) == PAGE_SIZE else ""

    async def _check(self, variants: Collection[str]) -> Disagreements:
        """What disagrees now. A document that cannot be read is wrong, too."""
        docs, unreadable = await load_readable(
            self._repository.state, self._repository.stocks, sorted(variants)
        )
        stocks = {id: doc.value for id, doc in docs.items()}
        reservations = await self._reservations_of(stocks)
        return {(variant, "") for variant in unreadable} | {
            (variant, order)
            for variant, stock in stocks.items()
            for order in find_disagreements(variant, stock, reservations)
        }

    async def _reservations_of(
        self, stocks: Mapping[str, StockRecord]
    ) -> dict[str, ReservationRecord]:
        orders = sorted({order for stock in stocks.values() for order in stock.parts})
        found: dict[str, ReservationRecord] = {}
        for start in range(0, len(orders), _BATCH_SIZE):
            docs, _ = await load_readable(
                self._repository.state,
                self._repository.reservations,
                orders[start : start + _BATCH_SIZE],
            )
            found |= {id: doc.value for id, doc in docs.items()}
        return found
