"""The stock of one variant: how many pieces there are, and which orders hold some of them.

`on_hand` counts every piece, also those that are held for an order, so it is never less than what
is held. An order's allocation only moves forward, held → sold → back or held → freed. It is kept
for as long as a late request may repeat a step: a repeated step changes nothing.

A hold that has expired is not released by itself, because its reservation may have been confirmed
at the last moment. Whoever needs the pieces reads the reservation first
(`application/inventory.py`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from services.catalog.domain.shops import check_revision
from services.chassis.errors import Conflict, Invalid
from services.contracts import limits

ALLOCATION_TTL = 300.0
"""Seconds for which a finished allocation is kept at least."""

_MAX_KEYS = 50
"""How many idempotency keys of adjustments are kept."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """An order's part of a stock. `at`: when the hold ends, or when the state was reached."""

    quantity: int
    state: Literal["held", "sold", "freed", "back"]
    at: float


@dataclass(frozen=True, slots=True)
class StockRecord:
    """The stored document of a stock. `revision` grows whenever `on_hand` changes."""

    on_hand: int = 0
    revision: int = 0
    parts: Mapping[str, Allocation] = field(default_factory=dict)
    keys: tuple[str, ...] = ()

    @property
    def held(self) -> int:
        """Pieces that are held, also by holds that have expired."""
        return sum(part.quantity for part in self.parts.values() if part.state == "held")

    def available(self, now: float) -> int:
        """Pieces that no order holds, for display."""
        held = (part.quantity for part in self.parts.values() if _is_held(part, now))
        return self.on_hand - sum(held)

    def expired_orders(self, now: float) -> list[str]:
        """Orders whose holds have expired, the oldest first."""
        due = [
            (part.at, order)
            for order, part in self.parts.items()
            if part.state == "held" and part.at <= now
        ]
        return [order for _, order in sorted(due)]

    def finished_orders(self, now: float) -> list[str]:
        """Orders whose finished allocations are older than ALLOCATION_TTL."""
        return [
            order
            for order, part in self.parts.items()
            if part.state != "held" and part.at + ALLOCATION_TTL <= now
        ]

    def with_allocation(self, order: str, part: Allocation, *, pieces: int = 0) -> StockRecord:
        """Return the stock with an order's allocation replaced and `pieces` added to `on_hand`."""
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
    """Hold pieces for an order, once. Raises `InsufficientStock`.

    A repeat holds them as long as the reservation that it then makes.
    """
    stock = stock or StockRecord()
    if part := stock.parts.get(order):
        if part.state == "held" and part.at < until:
            return stock.with_allocation(order, replace(part, at=until))
        return stock
    if stock.on_hand - stock.held < quantity:
        raise InsufficientStock
    return stock.with_allocation(order, Allocation(quantity, "held", until))


def free(stock: StockRecord | None, order: str, now: float) -> StockRecord:
    """Release what is held for an order."""
    stock = stock or StockRecord()
    part = stock.parts.get(order)
    if part is None or part.state != "held":
        return stock
    return stock.with_allocation(order, Allocation(part.quantity, "freed", now))


def sell(stock: StockRecord | None, order: str, now: float) -> StockRecord:
    """Sell what is held for an order: it leaves `on_hand`."""
    stock = stock or StockRecord()
    part = stock.parts.get(order)
    if part is None or part.state != "held":
        return stock
    return stock.with_allocation(
        order, Allocation(part.quantity, "sold", now), pieces=-part.quantity
    )


def put_back(stock: StockRecord | None, order: str, quantity: int, now: float) -> StockRecord:
    """Put back what was sold to an order, once. A repeat extends the allocation's lifetime.

    Pieces that this stock still holds, because it got no sale of them, never left `on_hand`.
    """
    stock = stock or StockRecord()
    part = stock.parts.get(order)
    is_there = part is not None and part.state in ("held", "back")
    return stock.with_allocation(
        order, Allocation(quantity, "back", now), pieces=0 if is_there else quantity
    )


def forget(stock: StockRecord | None, orders: Mapping[str, Allocation]) -> StockRecord | None:
    """Remove the allocations of orders that have not changed since they were read."""
    if stock is None:
        return None
    kept = {o: part for o, part in stock.parts.items() if orders.get(o) != part}
    return replace(stock, parts=kept)


@dataclass(frozen=True, slots=True)
class StockAdjustment:
    """A seller's change of a stock: either the new number of pieces, or a difference."""

    on_hand: int | None = None
    delta: int | None = None
    seen: Container[int] | None = None
    key: str = ""


def adjust(stock: StockRecord | None, change: StockAdjustment) -> StockRecord:
    """Apply a seller's change. What is held stays held.

    Raises `PreconditionFailed` if the stock's revision is not among those `seen`,
    `Conflict` (`stock_held`) if fewer pieces would be left than are held.
    """
    stock = stock or StockRecord()
    if change.key and change.key in stock.keys:
        return stock
    if change.seen is not None:
        check_revision(stock.revision, change.seen)
    pieces = stock.on_hand + change.delta if change.delta is not None else change.on_hand or 0
    if pieces > limits.MAX_STOCK:
        raise Invalid(f"A stock can have at most {limits.MAX_STOCK} pieces.")
    if pieces < stock.held:
        raise Conflict(
            f"{stock.held} pieces are held for orders, so there cannot be {pieces}.",
            code="stock_held",
        )
    keys = (*stock.keys, change.key)[-_MAX_KEYS:] if change.key else stock.keys
    changed = pieces != stock.on_hand
    return replace(stock, on_hand=pieces, keys=keys, revision=stock.revision + changed)
