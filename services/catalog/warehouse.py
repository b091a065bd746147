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
from services.catalog.domain.reservations import LOST, SETTLED, SOLD, Items, Reservation
from services.catalog.domain.stock import Counted, Short, Stock
from services.catalog.store import Store
from services.chassis.errors import NotFound, Unavailable

PATIENCE = 30.0
"""Seconds after which a step that has begun may touch no stock any more: far fewer than a stock
remembers what became of an order."""

CROWD = 40
"""How many parts of a stock may be over before they are cleared away."""

_AT_ONCE = 20
_TURNS = 8


class Warehouse:
    """All stock. `now` is the clock, in seconds since 1970."""

    def __init__(self, store: Store, *, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    # ── for sellers ─────────────────────────────────────────────────────────────────────────

    async def fill(self, variant: str, pieces: int) -> None:
        """The first stock of a new variant. Again is fine. Two state calls."""
        first = Stock(pieces, revision=1)
        await self._store.stocks.update(variant, lambda kept: kept or first, fresh=True)

    async def count(self, variant: str, change: Counted) -> Stock:
        """A seller's change. Two state calls."""
        return (
            await self._store.stocks.update(variant, lambda kept: rules.counted(kept, change))
            or Stock()
        )

    def shown(self, variant: str, stock: Stock) -> dict[str, Any]:
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

    async def reservation(self, order: str) -> Reservation:
        """What is held for an order. Raises `NotFound`. One state call."""
        kept = await self._store.reservations.get(order)
        if kept is None:
            raise NotFound("Nothing is reserved for this order.")
        return steps.lapsed(kept, self._now())

    async def reserve(self, order: str, items: Items, seconds: int) -> Reservation:
        """Hold all items, or nothing; again is fine. Four state calls and two for each variant.

        Raises `Conflict`: `out_of_stock`, `order_differs`, `released`, `reservation_expired`.
        """
        begun, store = self._now(), self._store.reservations
        kept = await store.update(
            order, lambda r: steps.begun(r, order, items, seconds, self._now()), fresh=True
        ) or Reservation(order)
        if kept.state == "pending":
            missing = await self._hold(kept, begun)
            kept = await self._step(kept, lambda r: steps.completed(r, missing, self._now()))
        return await self._answered(kept, begun)

    async def confirm(self, order: str) -> Reservation:
        """Sell what is held; again is fine. Two state calls and two for each variant.

        Raises `NotFound`, or `Conflict` where nothing is held any more.
        """
        begun = self._now()
        kept = await self._store.reservations.update(
            order, lambda r: steps.confirmed(r, self._now())
        )
        return await self._answered(kept or Reservation(order), begun)

    async def release(self, order: str) -> Reservation:
        """Hold nothing any more, now or later; again is fine. Costs as `confirm`.

        Raises `Conflict` (`already_confirmed`).
        """
        begun = self._now()
        kept = await self._store.reservations.update(order, lambda r: steps.released(r, order))
        return await self._agree(kept or Reservation(order, "released"), begun)

    async def restock(self, order: str) -> Reservation:
        """Put back what was sold, once; again is fine. Costs two state calls more than `confirm`.

        Raises `NotFound`, or `Conflict` (`not_confirmed`).
        """
        begun = self._now()
        kept = await self._store.reservations.update(order, steps.restocked)
        return await self._agree(kept or Reservation(order), begun)

    async def _answered(self, kept: Reservation, begun: float) -> Reservation:
        """A reservation with which the stocks agree; raises why nothing is held."""
        kept = await self._agree(kept, begun)
        refusal = kept.refusal()
        if refusal is not None:
            raise refusal
        return kept

    # ── stocks follow reservations ──────────────────────────────────────────────────────────

    async def _hold(self, reservation: Reservation, begun: float) -> tuple[str, ...]:
        """Hold one variant after the other; returns those that are short, if any."""
        for variant, quantity in reservation.items:
            if not await self._hold_one(reservation, variant, quantity, begun):
                return await self._missing(reservation, variant)
        return ()

    async def _hold_one(
        self, reservation: Reservation, variant: str, quantity: int, begun: float
    ) -> bool:
        def decide(kept: Stock | None) -> Stock:
            self._check_time(begun)
            return rules.hold(kept, reservation.order, quantity, reservation.expires)

        for _ in range(_TURNS):
            try:
                stock = await self._store.stocks.update(variant, decide)
            except Short:
                if not await self._settle(variant, await self._store.stocks.get(variant)):
                    return False
                continue
            await self._tidy(variant, stock or Stock())
            return True
        raise Unavailable("Too much is going on around this product. Try again.")

    async def _missing(self, reservation: Reservation, short: str) -> tuple[str, ...]:
        """All variants of which there is too little, for the buyer to know: one state call."""
        now = self._now()
        stocks = await self._store.stocks.get_many([variant for variant, _ in reservation.items])
        return tuple(
            variant
            for variant, quantity in reservation.items
            if variant == short
            or (
                reservation.order not in (stock := stocks.get(variant, Stock())).parts
                and stock.available(now) < quantity
            )
        )

    async def _agree(self, reservation: Reservation, begun: float) -> Reservation:
        """Make all stocks agree with a reservation as read after `begun`, and note that they do."""
        if reservation.state in ("pending", "reserved"):
            return reservation
        await asyncio.gather(*(self._follow(v, [reservation], begun) for v, _ in reservation.items))
        if reservation.state in SETTLED:
            return reservation

        def decide(kept: Reservation) -> Reservation:
            self._check_time(begun)
            return steps.settled(kept)

        return await self._step(reservation, decide)

    async def _step(
        self, reservation: Reservation, decide: Callable[[Reservation], Reservation]
    ) -> Reservation:
        kept = await self._store.reservations.update(
            reservation.order, lambda r: decide(r) if r else None
        )
        return kept or reservation

    async def _follow(
        self, variant: str, reservations: Sequence[Reservation], begun: float
    ) -> Stock | None:
        """Make one stock agree with some reservations. Two state calls."""

        def decide(kept: Stock | None) -> Stock | None:
            self._check_time(begun)
            for reservation in reservations:
                kept = _following(kept, variant, reservation, self._now())
            return kept

        return await self._store.stocks.update(variant, decide)

    def _check_time(self, begun: float) -> None:
        """A step that took too long might be taken for a new one: it must be asked for again."""
        if self._now() > begun + PATIENCE:
            raise Unavailable("This took too long. Try again.")

    async def _settle(self, variant: str, stock: Stock | None) -> bool:
        """Ask after holds that have run out; says whether there were any.

        Their reservations decide: they expire now, or were confirmed just in time.
        """
        begun = self._now()
        due = stock.run_out(begun)[:_AT_ONCE] if stock else []
        if not due:
            return False
        asked = await asyncio.gather(*(self._lapse(order) for order in due))
        await self._follow(variant, asked, begun)
        return True

    async def _lapse(self, order: str) -> Reservation:
        kept = await self._store.reservations.update(
            order, lambda r: steps.lapsed(r, self._now()) if r else None
        )
        return kept or Reservation(order, "released")

    async def _tidy(self, variant: str, stock: Stock) -> None:
        """Keep a stock small: settle what has run out, forget what is over for long.

        A bounded part at a time, and only where there is a crowd of them.
        """
        now = self._now()
        if len(stock.run_out(now)) > CROWD:
            await self._settle(variant, stock)
        over = stock.forgettable(now)
        if len(over) <= CROWD:
            return
        reservations = await self._store.reservations.get_many(over[: 2 * CROWD])
        parts = {
            order: stock.parts[order]
            for order, reservation in reservations.items()
            if reservation.state in SETTLED
        }
        await self._store.stocks.update(variant, lambda kept: rules.forget(kept, parts))


def _following(
    stock: Stock | None, variant: str, reservation: Reservation, now: float
) -> Stock | None:
    if reservation.state in LOST:
        return rules.free(stock, reservation.order, now)
    if reservation.state == "restocking":
        quantity = dict(reservation.items)[variant]
        return rules.put_back(stock, reservation.order, quantity, now)
    return rules.sell(stock, reservation.order, now) if reservation.state in SOLD else stock
