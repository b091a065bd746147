"""The inventory: stock is created, adjusted, reserved for orders, sold, and put back.

The reservation of an order decides what its variants' stocks must say. If a process dies between
the two, the next call for the order, or the next order that needs the pieces, updates the stocks
(`application/stock_updates.py`). Concurrent calls of one process for one stock share one
compare-and-set (`Collection.update`); replicas that conflict retry with jitter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.catalog.application.stock_updates import StockUpdates
from services.catalog.application.views import stock_view
from services.catalog.domain import reservations, stock
from services.catalog.domain.reservations import Items, ReservationRecord
from services.catalog.domain.stock import StockAdjustment, StockRecord
from services.catalog.repository import Repository
from services.chassis.errors import NotFound


class Inventory:
    """All stock. `now` returns seconds since 1970."""

    def __init__(self, repository: Repository, *, now: Callable[[], float]) -> None:
        self._repository = repository
        self._now = now
        self._updates = StockUpdates(repository, now=now)

    # ── for sellers ─────────────────────────────────────────────────────────────────────────

    async def create_stock(self, variant: str, pieces: int) -> None:
        """Create the stock of a new variant. A repeat changes nothing. Two state calls."""
        first = StockRecord(pieces, revision=1)
        await self._repository.stocks.update(
            variant, lambda kept: kept or first, expect_absent=True
        )

    async def adjust(self, variant: str, change: StockAdjustment) -> StockRecord:
        """Apply a seller's change. Two state calls."""
        kept = await self._repository.stocks.update(
            variant, lambda kept: stock.adjust(kept, change)
        )
        return kept or StockRecord()

    def stock_view(self, variant: str, record: StockRecord) -> dict[str, Any]:
        """Return the `contracts.catalog.Stock` of a variant."""
        return stock_view(variant, record, self._now())

    # ── for orders ──────────────────────────────────────────────────────────────────────────

    async def reservation(self, order: str) -> ReservationRecord:
        """Return what an order holds. Raises `NotFound`. One state call."""
        kept = await self._repository.reservations.get(order)
        if kept is None:
            raise NotFound("Nothing is reserved for this order.")
        return reservations.expire_if_due(kept, self._now())

    async def reserve(self, order: str, items: Items, seconds: int) -> ReservationRecord:
        """Hold all items, or nothing. A repeat changes nothing.

        Four state calls and two for each variant. Raises `Conflict`: `out_of_stock`,
        `order_differs`, `released`, `reservation_expired`.
        """
        started = self._now()
        kept = await self._repository.reservations.update(
            order,
            lambda r: reservations.begin(r, order, items, seconds, self._now()),
            expect_absent=True,
        ) or ReservationRecord(order)
        if kept.state == "pending":
            missing = await self._updates.hold_all(kept, started)
            kept = await self._updates.update_reservation(
                kept, lambda r: reservations.complete(r, missing, self._now())
            )
        return await self._apply_or_refuse(kept, started)

    async def confirm(self, order: str) -> ReservationRecord:
        """Sell what is held. A repeat changes nothing. Two state calls and two for each variant.

        Raises `NotFound`, or `Conflict` if nothing is held any more.
        """
        started = self._now()
        kept = await self._repository.reservations.update(
            order, lambda r: reservations.confirm(r, self._now())
        )
        return await self._apply_or_refuse(kept or ReservationRecord(order), started)

    async def release(self, order: str) -> ReservationRecord:
        """Release what is held, and let the order hold nothing later. Costs as `confirm`.

        Raises `Conflict` (`already_confirmed`).
        """
        started = self._now()
        kept = await self._repository.reservations.update(
            order, lambda r: reservations.release(r, order)
        )
        return await self._updates.apply(kept or ReservationRecord(order, "released"), started)

    async def restock(self, order: str) -> ReservationRecord:
        """Put back what was sold, once. Costs two state calls more than `confirm`.

        Raises `NotFound`, or `Conflict` (`not_confirmed`).
        """
        started = self._now()
        kept = await self._repository.reservations.update(order, reservations.restock)
        return await self._updates.apply(kept or ReservationRecord(order), started)

    async def _apply_or_refuse(self, kept: ReservationRecord, started: float) -> ReservationRecord:
        """Update the stocks of a reservation, and raise its refusal if nothing is held."""
        kept = await self._updates.apply(kept, started)
        refusal = kept.refusal()
        if refusal is not None:
            raise refusal
        return kept
