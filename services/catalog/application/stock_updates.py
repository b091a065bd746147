"""Updates stocks to match reservations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.catalog.domain import reservations as reservation_rules
from services.catalog.domain import stock as rules
from services.catalog.domain.reservations import RELEASED, SETTLED, SOLD, ReservationRecord
from services.catalog.domain.stock import InsufficientStock, StockRecord
from services.catalog.repository import Repository
from services.chassis.dapr.state import ABSENT
from services.chassis.errors import Unavailable
from services.chassis.storage.documents import Document

STEP_TIMEOUT = 30.0
"""Seconds after which a step may not change stocks any more. Much shorter than the time for which
a stock keeps finished allocations."""

TIDY_THRESHOLD = 40
"""Finished allocations of a stock above which they are removed."""

_BATCH_SIZE = 20
_MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class ReservationDocuments:
    """The reservation of an order and some of its stocks, as they were read after `began`."""

    began: float
    reservation: Document[ReservationRecord] | None
    stocks: Mapping[str, Document[StockRecord]]


class StockUpdates:
    """Updates stocks to match reservations. `now` returns seconds since 1970."""

    def __init__(self, repository: Repository, *, now: Callable[[], float]) -> None:
        self._repository = repository
        self._now = now

    async def read(self, order: str, variants: Sequence[str]) -> ReservationDocuments:
        """Return the reservation of an order, and some stocks. One state call."""
        began, reservations, stocks = (
            self._now(),
            self._repository.reservations,
            self._repository.stocks,
        )
        keys = [reservations.key(order), *map(stocks.key, variants)]
        rows = await self._repository.state.get_many(keys)
        found = {id: stocks.decode(rows.get(stocks.key(id), ABSENT)) for id in variants}
        return ReservationDocuments(
            began,
            reservations.decode(rows.get(reservations.key(order), ABSENT)),
            {id: doc for id, doc in found.items() if doc},
        )

    async def hold_all(
        self, reservation: ReservationRecord, seen: ReservationDocuments
    ) -> tuple[str, ...]:
        """Hold one variant after another. Returns the variants that are out of stock."""
        for variant, quantity in reservation.items:
            if not await self._hold(reservation, variant, quantity, seen):
                return await self._missing_variants(reservation, variant)
        return ()

    async def apply(
        self, reservation: ReservationRecord, seen: ReservationDocuments
    ) -> ReservationRecord:
        """Update the stocks of a reservation, and record it."""
        if reservation.state in ("pending", "reserved"):
            return reservation
        await asyncio.gather(
            *(
                self._update_stock(v, [reservation], seen.began, seen.stocks.get(v))
                for v, _ in reservation.items
            )
        )
        if reservation.state in SETTLED:
            return reservation

        def decide(kept: ReservationRecord) -> ReservationRecord:
            self.check_deadline(seen.began)
            return reservation_rules.finish_restocking(kept)

        return await self.update_reservation(reservation, decide)

    async def update_reservation(
        self,
        reservation: ReservationRecord,
        decide: Callable[[ReservationRecord], ReservationRecord],
    ) -> ReservationRecord:
        """Change an existing reservation. Two state calls."""
        kept = await self._repository.reservations.update(
            reservation.order, lambda r: decide(r) if r else None
        )
        return kept or reservation

    async def _hold(
        self,
        reservation: ReservationRecord,
        variant: str,
        quantity: int,
        seen: ReservationDocuments,
    ) -> bool:
        def decide(kept: StockRecord | None) -> StockRecord:
            self.check_deadline(seen.began)
            return rules.hold(kept, reservation.order, quantity, reservation.expires)

        stocks, known = self._repository.stocks, seen.stocks.get(variant)
        for _ in range(_MAX_ATTEMPTS):
            try:
                stock = await stocks.update(variant, decide, known=known)
            except InsufficientStock:
                known = None
                if not await self._release_expired(variant, await stocks.get(variant)):
                    return False
                continue
            await self._tidy(variant, stock or StockRecord())
            return True
        raise Unavailable("Too many orders want this product right now. Try again.")

    async def _missing_variants(
        self, reservation: ReservationRecord, short: str
    ) -> tuple[str, ...]:
        """Return all variants that are out of stock, to tell the buyer. One state call."""
        now = self._now()
        variants = [variant for variant, _ in reservation.items]
        stocks = await self._repository.stocks.get_many(variants)

        def is_missing(variant: str, quantity: int) -> bool:
            stock = stocks.get(variant, StockRecord())
            return reservation.order not in stock.parts and stock.available(now) < quantity

        return tuple(
            v for v, quantity in reservation.items if v == short or is_missing(v, quantity)
        )

    async def _update_stock(
        self,
        variant: str,
        reservations: Sequence[ReservationRecord],
        started: float,
        known: Document[StockRecord] | None = None,
    ) -> StockRecord | None:
        """Update one stock to match some reservations. Two state calls, one if it was just read."""

        def decide(kept: StockRecord | None) -> StockRecord | None:
            self.check_deadline(started)
            for reservation in reservations:
                kept = _with_reservation(kept, variant, reservation, self._now())
            return kept

        return await self._repository.stocks.update(variant, decide, known=known)

    def check_deadline(self, started: float) -> None:
        """Refuse a step that took too long: its stock may have forgotten the allocation."""
        if self._now() > started + STEP_TIMEOUT:
            raise Unavailable("This took too long. Try again.")

    async def _release_expired(self, variant: str, stock: StockRecord | None) -> bool:
        """Release holds that have expired. Returns whether there were any.

        Their reservations decide: they expire now, or were confirmed at the last moment.
        """
        started = self._now()
        due = stock.expired_orders(started)[:_BATCH_SIZE] if stock else []
        if not due:
            return False
        expired = await asyncio.gather(*(self._expire(order) for order in due))
        await self._update_stock(variant, expired, started)
        return True

    async def _expire(self, order: str) -> ReservationRecord:
        """Expire a reservation, or let none be made of a hold that was not used."""
        unused = ReservationRecord(order, "released")
        kept = await self._repository.reservations.update(
            order, lambda r: reservation_rules.expire_if_due(r, self._now()) if r else unused
        )
        return kept or unused

    async def _tidy(self, variant: str, stock: StockRecord) -> None:
        """Keep a stock small: release expired holds and forget old allocations, in batches."""
        now = self._now()
        if len(stock.expired_orders(now)) > TIDY_THRESHOLD:
            await self._release_expired(variant, stock)
        finished = stock.finished_orders(now)
        if len(finished) <= TIDY_THRESHOLD:
            return
        batch = finished[: 2 * TIDY_THRESHOLD]
        reservations = await self._repository.reservations.get_many(batch)
        parts = {
            order: stock.parts[order]
            for order, reservation in reservations.items()
            if reservation.state in SETTLED
        }
        await self._repository.stocks.update(variant, lambda kept: rules.forget(kept, parts))


def _with_reservation(
    stock: StockRecord | None, variant: str, reservation: ReservationRecord, now: float
) -> StockRecord | None:
    if reservation.state in RELEASED:
        return rules.free(stock, reservation.order, now)
    if reservation.state == "restocking":
        quantity = dict(reservation.items)[variant]
        return rules.put_back(stock, reservation.order, quantity, now)
    return rules.sell(stock, reservation.order, now) if reservation.state in SOLD else stock
