"""The stock of one variant: how many pieces there are, and which of them are for whom.

Every piece that is there is counted in `on_hand`; those that are held for an order still are. So
`on_hand` is never less than what is held. An order's part in it only ever goes one way, held →
sold → back, or held → freed, and is remembered for as long as something late may ask for a step
that was taken already: then that step changes nothing.

A hold that has run out is not free by itself: its reservation may have been confirmed in the last
moment. Whoever needs its pieces asks the reservation first (`warehouse.py`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from services.catalog.domain.shops import check_revision
from services.chassis.errors import Conflict, Invalid
from services.contracts import limits

ALLOCATION_TTL = 300.0
"""Seconds for which an order's part is remembered at least, once nothing more can become of it."""

_MAX_KEYS = 50
"""How many changes by the seller are remembered by their keys."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one order has of a stock. `at`: until when it is held, else since when it is not."""

    quantity: int
    state: Literal["held", "sold", "freed", "back"]
    at: float


@dataclass(frozen=True, slots=True)
class StockRecord:
    """The document. `revision` grows whenever `on_hand` changes."""

    on_hand: int = 0
    revision: int = 0
    parts: Mapping[str, Allocation] = field(default_factory=dict)
    keys: tuple[str, ...] = ()

    @property
    def held(self) -> int:
        """Pieces that are held, also where the time has run out."""
        return sum(part.quantity for part in self.parts.values() if part.state == "held")

    def available(self, now: float) -> int:
        """Pieces that nobody has a right to any more or yet: for people to read."""
        held = (part.quantity for part in self.parts.values() if _is_held(part, now))
        return self.on_hand - sum(held)

    def expired_orders(self, now: float) -> list[str]:
        """Orders whose holds have run out, longest ago first."""
        due = [
            (part.at, order)
            for order, part in self.parts.items()
            if part.state == "held" and part.at <= now
        ]
        return [order for _, order in sorted(due)]

    def finished_orders(self, now: float) -> list[str]:
        """Orders of which nothing is held any more for so long that they may be forgotten."""
        return [
            order
            for order, part in self.parts.items()
            if part.state != "held" and part.at + ALLOCATION_TTL <= now
        ]

    def with_allocation(self, order: str, part: Allocation, *, pieces: int = 0) -> StockRecord:
        """With another part for an order, and so many pieces more or fewer."""
        return replace(
            self,
            on_hand=self.on_hand + pieces,
            revision=self.revision + (pieces != 0),
            parts={**self.parts, order: part},
        )


class InsufficientStock(Exception):
    """There are not enough pieces."""


def _is_held(part: Allocation, now: float) -> bool:
    return part.state == "held" and part.at > now


def hold(stock: StockRecord | None, order: str, quantity: int, until: float) -> StockRecord:
    """With pieces held for an order, once. Raises `Short`."""
    stock = stock or StockRecord()
    if order in stock.parts:
        return stock
    if stock.on_hand - stock.held < quantity:
        raise InsufficientStock
    return stock.with_allocation(order, Allocation(quantity, "held", until))


def free(stock: StockRecord | None, order: str, now: float) -> StockRecord:
    """With what was held for an order free again."""
    stock = stock or StockRecord()
    part = stock.parts.get(order)
    if part is None or part.state != "held":
        return stock
    return stock.with_allocation(order, Allocation(part.quantity, "freed", now))


def sell(stock: StockRecord | None, order: str, now: float) -> StockRecord:
    """With what was held for an order sold: it is not on hand any more."""
    stock = stock or StockRecord()
    part = stock.parts.get(order)
    if part is None or part.state != "held":
        return stock
    return stock.with_allocation(
        order, Allocation(part.quantity, "sold", now), pieces=-part.quantity
    )


def put_back(stock: StockRecord | None, order: str, quantity: int, now: float) -> StockRecord:
    """With what was sold to an order on hand again, once; what is so is remembered for longer.

    What was still held, as this stock had not heard that it was sold, has been on hand all along.
    """
    stock = stock or StockRecord()
    part = stock.parts.get(order)
    is_there = part is not None and part.state in ("held", "back")
    return stock.with_allocation(
        order, Allocation(quantity, "back", now), pieces=0 if is_there else quantity
    )


def forget(stock: StockRecord | None, orders: Mapping[str, Allocation]) -> StockRecord | None:
    """Without orders' parts, of those that have not changed."""
    if stock is None:
        return None
    kept = {o: part for o, part in stock.parts.items() if orders.get(o) != part}
    return replace(stock, parts=kept)


@dataclass(frozen=True, slots=True)
class StockAdjustment:
    """What a seller says of a stock: how many pieces there are, or how many more or fewer."""

    on_hand: int | None = None
    delta: int | None = None
    seen: Container[int] | None = None
    key: str = ""


def adjust(stock: StockRecord | None, change: StockAdjustment) -> StockRecord:
    """With a seller's change; what is held stays so.

    Raises `PreconditionFailed` if it has changed from what the change builds on,
    `Conflict` (`stock_held`) if fewer pieces would be left than are held.
    """
    stock = stock or StockRecord()
    if change.key and change.key in stock.keys:
        return stock
    if change.seen is not None:
        check_revision(stock.revision, change.seen)
    pieces = stock.on_hand + change.delta if change.delta is not None else change.on_hand or 0
    if pieces > limits.STOCK:
        raise Invalid(f"There can be at most {limits.STOCK} pieces.")
    if pieces < stock.held:
        raise Conflict(
            f"{stock.held} pieces are held for orders, so there cannot be {pieces}.",
            code="stock_held",
        )
    keys = (*stock.keys, change.key)[-_MAX_KEYS:] if change.key else stock.keys
    changed = pieces != stock.on_hand
    return replace(stock, on_hand=pieces, keys=keys, revision=stock.revision + changed)
