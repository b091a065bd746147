"""The inventory: stock is created, adjusted, reserved for orders, sold, and put back.

All pieces of an order are held, and then its reservation is created. From then on the reservation
decides what its variants' stocks must say. If a process dies between the two, the next call for the
order, or the next order that needs the pieces, updates the stocks (`application/stock_updates.py`).
Concurrent calls of one process for one stock share one compare-and-set (`Collection.update`);
replicas that conflict retry with jitter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cachetools import FIFOCache

from services.catalog.application.stock_updates import ReservationDocuments, StockUpdates
from services.catalog.application.views import stock_view
from services.catalog.domain import reservations, stock
from services.catalog.domain.reservations import Items, ReservationRecord
from services.catalog.domain.stock import StockAdjustment, StockRecord
from services.catalog.repository import Repository
from services.chassis.errors import NotFound

_MAX_REMEMBERED_ORDERS = 10_000


class Inventory:
    """All stock. `now` returns seconds since 1970."""

    def __init__(self, repository: Repository, *, now: Callable[[], float]) -> None:
        self._repository = repository
        self._now = now
        self._updates = StockUpdates(repository, now=now)
        self._variants: FIFOCache[str, Sequence[str]] = FIFOCache(_MAX_REMEMBERED_ORDERS)
        """Of orders, to read their stocks together with the reservation."""

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

    async def read(self, order: str, items: Items) -> ReservationDocuments:
        """Return what `reserve` needs to know. One state call."""
        return await self._updates.read(order, [variant for variant, _ in items])

    async def reserve(
        self, order: str, items: Items, seconds: int, seen: ReservationDocuments
    ) -> ReservationRecord:
        """Hold all items, or nothing. A repeat changes nothing.

        One state call, and one or two for each variant. Raises `Conflict`: `out_of_stock`,
        `order_differs`, `released`, `reservation_expired`.
        """
        self._remember_variants(order, items)
        proposed = reservations.begin(order, items, seconds, self._now())
        if seen.reservation is None:
            missing = await self._updates.hold_all(proposed, seen)
            proposed = reservations.complete(proposed, missing, self._now())

        def decide(kept: ReservationRecord | None) -> ReservationRecord:
            self._updates.check_deadline(seen.began)
            return reservations.repeat(kept or proposed, items, seconds, self._now())

        kept = await self._repository.reservations.update(
            order, decide, expect_absent=seen.reservation is None, known=seen.reservation
        )
        return await self._complete(kept or proposed, items, seen)

    async def _complete(
        self, kept: ReservationRecord, items: Items, seen: ReservationDocuments
    ) -> ReservationRecord:
        """Complete a reservation that an earlier release began, and update the stocks."""
        if kept.state == "pending":
            missing = await self._updates.hold_all(kept, seen)
            kept = await self._updates.update_reservation(
                kept, lambda r: reservations.complete(r, missing, self._now())
            )
        return await self._apply_or_refuse(_with_items(kept, items), seen)

    async def confirm(self, order: str) -> ReservationRecord:
        """Sell what is held. A repeat changes nothing.

        Two state calls and one for each variant, two for those that other orders change meanwhile.
        Raises `NotFound`, or `Conflict` if nothing is held any more.
        """
        seen = await self._updates.read(order, self._variants.get(order, ()))
        kept = await self._repository.reservations.update(
            order, lambda r: reservations.confirm(r, self._now()), known=seen.reservation
        )
        return await self._apply_or_refuse(kept or ReservationRecord(order), seen)

    async def release(self, order: str, items: Items) -> ReservationRecord:
        """Release what is held, and let the order hold nothing later. Costs as `confirm`.

        The items are those of the order: some of them may be held without a reservation. Raises
        `Conflict` (`already_confirmed`).
        """
        seen = await self._updates.read(order, [variant for variant, _ in items])
        kept = await self._repository.reservations.update(
            order, lambda r: reservations.release(r, order), known=seen.reservation
        ) or ReservationRecord(order, "released")
        await self._updates.apply(_with_items(kept, items), seen)
        return kept

    async def restock(self, order: str) -> ReservationRecord:
        """Put back what was sold, once. Costs two state calls more than `confirm`.

        Raises `NotFound`, or `Conflict` (`not_confirmed`).
        """
        seen = await self._updates.read(order, ())
        kept = await self._repository.reservations.update(
            order, reservations.restock, known=seen.reservation
        )
        return await self._updates.apply(kept or ReservationRecord(order), seen)

    def _remember_variants(self, order: str, items: Items) -> None:
        self._variants[order] = [variant for variant, _ in items]

    async def _apply_or_refuse(
        self, kept: ReservationRecord, seen: ReservationDocuments
    ) -> ReservationRecord:
        """Update the stocks of a reservation, and raise its refusal if nothing is held."""
        kept = await self._updates.apply(kept, seen)
        refusal = kept.refusal()
        if refusal is not None:
            raise refusal
        return kept


def _with_items(kept: ReservationRecord, items: Items) -> ReservationRecord:
    """Return a reservation that names the items of its order.

    One that was released before it was made names none, but some may be held.
    """
    return kept if kept.items else replace(kept, items=items)
