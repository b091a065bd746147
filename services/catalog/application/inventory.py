"""Stock: counted by sellers, held for orders, sold, and put back.

Of an order with several variants the reservation decides, and the stocks follow: whatever dies in
between, the next call for the order, or the next order that needs the pieces, brings the stocks in
line with what the reservation says. Calls of one process for one stock are decided together and
cost one swap (`Collection.update`); replicas that get into each other's way try again with jitter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from services.catalog.domain import reservations as steps
from services.catalog.domain import stock as rules
from services.catalog.domain.reservations import RELEASED, SETTLED, SOLD, Items, ReservationRecord
from services.catalog.domain.stock import InsufficientStock, StockAdjustment, StockRecord
from services.catalog.repository import Repository
from services.chassis.errors import NotFound, Unavailable

STEP_TIMEOUT = 30.0
"""Seconds after which a step that has begun may touch no stock any more: far fewer than a stock
remembers what became of an order."""

TIDY_THRESHOLD = 40
"""How many parts of a stock may be over before they are cleared away."""

_BATCH_SIZE = 20
_MAX_ATTEMPTS = 8


class Inventory:
    """All stock. `now` is the clock, in seconds since 1970."""

    def __init__(self, store: Repository, *, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    # ── for sellers ─────────────────────────────────────────────────────────────────────────

    async def create_stock(self, variant: str, pieces: int) -> None:
        """The first stock of a new variant. Again is fine. Two state calls."""
        first = StockRecord(pieces, revision=1)
        await self._store.stocks.update(variant, lambda kept: kept or first, fresh=True)

    async def adjust(self, variant: str, change: StockAdjustment) -> StockRecord:
        """A seller's change. Two state calls."""
        return (
            await self._store.stocks.update(variant, lambda kept: rules.adjust(kept, change))
            or StockRecord()
        )

    def stock_view(self, variant: str, stock: StockRecord) -> dict[str, Any]:
        """The contracts' `Stock`."""
        available = stock.available(self._now())
        return {
            "variant": variant,
            "on_hand": stock.on_hand,
            "held": stock.on_hand - available,
            "available": available,
            "revision": stock.revision,
        }

    # ── for orders ──────────────────────────────────────────────────────────────────────────

    async def reservation(self, order: str) -> ReservationRecord:
        """What is held for an order. Raises `NotFound`. One state call."""
        kept = await self._store.reservations.get(order)
        if kept is None:
            raise NotFound("Nothing is reserved for this order.")
        return steps.expire_if_due(kept, self._now())

    async def reserve(self, order: str, items: Items, seconds: int) -> ReservationRecord:
        """Hold all items, or nothing; again is fine. Four state calls and two for each variant.

        Raises `Conflict`: `out_of_stock`, `order_differs`, `released`, `reservation_expired`.
        """
        begun, store = self._now(), self._store.reservations
        kept = await store.update(
            order, lambda r: steps.begin(r, order, items, seconds, self._now()), fresh=True
        ) or ReservationRecord(order)
        if kept.state == "pending":
            missing = await self._hold_all(kept, begun)
            kept = await self._update_reservation(
                kept, lambda r: steps.complete(r, missing, self._now())
            )
        return await self._applied(kept, begun)

    async def confirm(self, order: str) -> ReservationRecord:
        """Sell what is held; again is fine. Two state calls and two for each variant.

        Raises `NotFound`, or `Conflict` where nothing is held any more.
        """
        begun = self._now()
        kept = await self._store.reservations.update(order, lambda r: steps.confirm(r, self._now()))
        return await self._applied(kept or ReservationRecord(order), begun)

    async def release(self, order: str) -> ReservationRecord:
        """Hold nothing any more, now or later; again is fine. Costs as `confirm`.

        Raises `Conflict` (`already_confirmed`).
        """
        begun = self._now()
        kept = await self._store.reservations.update(order, lambda r: steps.release(r, order))
        return await self._apply(kept or ReservationRecord(order, "released"), begun)

    async def restock(self, order: str) -> ReservationRecord:
        """Put back what was sold, once; again is fine. Costs two state calls more than `confirm`.

        Raises `NotFound`, or `Conflict` (`not_confirmed`).
        """
        begun = self._now()
        kept = await self._store.reservations.update(order, steps.restock)
        return await self._apply(kept or ReservationRecord(order), begun)

    async def _applied(self, kept: ReservationRecord, begun: float) -> ReservationRecord:
        """A reservation with which the stocks agree; raises why nothing is held."""
        kept = await self._apply(kept, begun)
        refusal = kept.refusal()
        if refusal is not None:
            raise refusal
        return kept

    # ── stocks follow reservations ──────────────────────────────────────────────────────────

    async def _hold_all(self, reservation: ReservationRecord, begun: float) -> tuple[str, ...]:
        """Hold one variant after the other; returns those that are short, if any."""
        for variant, quantity in reservation.items:
            if not await self._hold_one(reservation, variant, quantity, begun):
                return await self._missing_variants(reservation, variant)
        return ()

    async def _hold_one(
        self, reservation: ReservationRecord, variant: str, quantity: int, begun: float
    ) -> bool:
        def decide(kept: StockRecord | None) -> StockRecord:
            self._check_deadline(begun)
            return rules.hold(kept, reservation.order, quantity, reservation.expires)

        for _ in range(_MAX_ATTEMPTS):
            try:
                stock = await self._store.stocks.update(variant, decide)
            except InsufficientStock:
                if not await self._release_expired(variant, await self._store.stocks.get(variant)):
                    return False
                continue
            await self._tidy(variant, stock or StockRecord())
            return True
        raise Unavailable("Too much is going on around this product. Try again.")

    async def _missing_variants(
        self, reservation: ReservationRecord, short: str
    ) -> tuple[str, ...]:
        """All variants of which there is too little, for the buyer to know: one state call."""
        now = self._now()
        stocks = await self._store.stocks.get_many([variant for variant, _ in reservation.items])
        return tuple(
            variant
            for variant, quantity in reservation.items
            if variant == short
            or (
                reservation.order not in (stock := stocks.get(variant, StockRecord())).parts
                and stock.available(now) < quantity
            )
        )

    async def _apply(self, reservation: ReservationRecord, begun: float) -> ReservationRecord:
        """Make all stocks agree with a reservation as read after `begun`, and note that they do."""
        if reservation.state in ("pending", "reserved"):
            return reservation
        await asyncio.gather(
            *(self._update_stock(v, [reservation], begun) for v, _ in reservation.items)
        )
        if reservation.state in SETTLED:
            return reservation

        def decide(kept: ReservationRecord) -> ReservationRecord:
            self._check_deadline(begun)
            return steps.finish_restocking(kept)

        return await self._update_reservation(reservation, decide)

    async def _update_reservation(
        self,
        reservation: ReservationRecord,
        decide: Callable[[ReservationRecord], ReservationRecord],
    ) -> ReservationRecord:
        kept = await self._store.reservations.update(
            reservation.order, lambda r: decide(r) if r else None
        )
        return kept or reservation

    async def _update_stock(
        self, variant: str, reservations: Sequence[ReservationRecord], begun: float
    ) -> StockRecord | None:
        """Make one stock agree with some reservations. Two state calls."""

        def decide(kept: StockRecord | None) -> StockRecord | None:
            self._check_deadline(begun)
            for reservation in reservations:
                kept = _with_reservation(kept, variant, reservation, self._now())
            return kept

        return await self._store.stocks.update(variant, decide)

    def _check_deadline(self, begun: float) -> None:
        """A step that took too long might be taken for a new one: it must be asked for again."""
        if self._now() > begun + STEP_TIMEOUT:
            raise Unavailable("This took too long. Try again.")

    async def _release_expired(self, variant: str, stock: StockRecord | None) -> bool:
        """Ask after holds that have run out; says whether there were any.

        Their reservations decide: they expire now, or were confirmed just in time.
        """
        begun = self._now()
        due = stock.expired_orders(begun)[:_BATCH_SIZE] if stock else []
        if not due:
            return False
        asked = await asyncio.gather(*(self._expire(order) for order in due))
        await self._update_stock(variant, asked, begun)
        return True

    async def _expire(self, order: str) -> ReservationRecord:
        kept = await self._store.reservations.update(
            order, lambda r: steps.expire_if_due(r, self._now()) if r else None
        )
        return kept or ReservationRecord(order, "released")

    async def _tidy(self, variant: str, stock: StockRecord) -> None:
        """Keep a stock small: settle what has run out, forget what is over for long.

        A bounded part at a time, and only where there is a crowd of them.
        """
        now = self._now()
        if len(stock.expired_orders(now)) > TIDY_THRESHOLD:
            await self._release_expired(variant, stock)
        over = stock.finished_orders(now)
        if len(over) <= TIDY_THRESHOLD:
            return
        reservations = await self._store.reservations.get_many(over[: 2 * TIDY_THRESHOLD])
        parts = {
            order: stock.parts[order]
            for order, reservation in reservations.items()
            if reservation.state in SETTLED
        }
        await self._store.stocks.update(variant, lambda kept: rules.forget(kept, parts))


def _with_reservation(
    stock: StockRecord | None, variant: str, reservation: ReservationRecord, now: float
) -> StockRecord | None:
    if reservation.state in RELEASED:
        return rules.free(stock, reservation.order, now)
    if reservation.state == "restocking":
        quantity = dict(reservation.items)[variant]
        return rules.put_back(stock, reservation.order, quantity, now)
    return rules.sell(stock, reservation.order, now) if reservation.state in SOLD else stock
