"""The reservation of an order: the document that decides what the order holds.

    reserved ──► confirmed ──► restocking ──► restocked
       └──► expired, released
    refused (out of stock)

All pieces are held first, and then the reservation is created with the answer. From then on it
changes first, and the stocks are updated to match it. So any process can repeat any step after a
crash, with the same result. Pieces that are held without a reservation are those of a step that was
interrupted: a repeat finds them, a release frees them, and if neither comes, they expire.

`pending` is the state of reservations that earlier releases began: they were created first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from services.chassis.errors import Conflict, NotFound, ServiceError

State = Literal[
    "pending",
    "reserved",
    "confirmed",
    "refused",
    "released",
    "expired",
    "restocking",
    "restocked",
]
Items = tuple[tuple[str, int], ...]

SETTLED = frozenset({"confirmed", "refused", "released", "expired", "restocked"})
"""States after which the reservation does not change to reflect its stocks."""

SOLD = frozenset({"confirmed", "restocking", "restocked"})
RELEASED = frozenset({"refused", "released", "expired"})


@dataclass(frozen=True, slots=True)
class ReservationRecord:
    """The stored document. `items` are variants and quantities, in the order of allocation."""

    order: str
    state: State = "pending"
    items: Items = ()
    seconds: int = 0
    expires: float = 0.0
    missing: tuple[str, ...] = ()

    def is_due(self, now: float) -> bool:
        """Whether it expired before it was confirmed."""
        return self.state in ("pending", "reserved") and now >= self.expires

    def refusal(self) -> ServiceError | None:
        """The error that explains why nothing is held for the order, if nothing is."""
        if self.state == "refused":
            return Conflict(
                "There is not enough stock for this order.",
                code="out_of_stock",
                variants=list(self.missing),
            )
        if self.state == "expired":
            return Conflict(
                "The reservation of this order has expired.", code="reservation_expired"
            )
        if self.state == "released":
            return Conflict("The reservation of this order was released.", code="released")
        return None


def merge_items(items: Iterable[tuple[str, int]]) -> Items:
    """Return each variant once, sorted, so that two orders cannot starve each other."""
    sums: dict[str, int] = {}
    for variant, quantity in items:
        sums[variant] = sums.get(variant, 0) + quantity
    return tuple(sorted(sums.items()))


def begin(order: str, items: Items, seconds: int, now: float) -> ReservationRecord:
    """Return a reservation whose pieces are not held yet."""
    return ReservationRecord(order, "pending", items, seconds, now + seconds)


def repeat(kept: ReservationRecord, items: Items, seconds: int, now: float) -> ReservationRecord:
    """Return an existing reservation, for a repeat.

    Raises `Conflict` (`order_differs`) if other items are reserved for the order.
    """
    if kept.items and (kept.items, kept.seconds) != (items, seconds):
        raise Conflict("Other items are reserved for this order.", code="order_differs")
    return expire_if_due(kept, now)


def expire_if_due(kept: ReservationRecord, now: float) -> ReservationRecord:
    """Mark the reservation as expired if its time has run out."""
    return replace(kept, state="expired") if kept.is_due(now) else kept


def complete(kept: ReservationRecord, missing: tuple[str, ...], now: float) -> ReservationRecord:
    """Record the answer of all stocks: reserved, or refused because some variants are missing."""
    if kept.state != "pending":
        return kept
    if missing:
        return replace(kept, state="refused", missing=missing)
    return expire_if_due(replace(kept, state="reserved"), now)


def confirm(kept: ReservationRecord | None, now: float) -> ReservationRecord:
    """Confirm what is held.

    Raises `NotFound`, or `Conflict` (`not_reserved`) while it is pending.
    """
    if kept is None:
        raise NotFound("Nothing is reserved for this order.")
    kept = expire_if_due(kept, now)
    if kept.state == "pending":
        raise Conflict("The reservation of this order is not complete yet.", code="not_reserved")
    return replace(kept, state="confirmed") if kept.state == "reserved" else kept


def release(kept: ReservationRecord | None, order: str) -> ReservationRecord:
    """Release what is held. An unknown order can reserve nothing afterwards."""
    if kept is None:
        return ReservationRecord(order, "released")
    if kept.state in SOLD:
        raise Conflict("The order was confirmed. Restock it instead.", code="already_confirmed")
    return kept if kept.state in RELEASED else replace(kept, state="released")


def restock(kept: ReservationRecord | None) -> ReservationRecord:
    """Begin to put back what was sold. Raises `NotFound`, or `Conflict` (`not_confirmed`)."""
    if kept is None:
        raise NotFound("Nothing is reserved for this order.")
    if kept.state not in SOLD:
        raise Conflict("The order was not confirmed.", code="not_confirmed")
    return replace(kept, state="restocking") if kept.state == "confirmed" else kept


def finish_restocking(kept: ReservationRecord) -> ReservationRecord:
    """Record that all stocks have put back their pieces."""
    return replace(kept, state="restocked") if kept.state == "restocking" else kept


def upgrade_from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Schema 1 had a state `confirming` between `reserved` and `confirmed`."""
    return data | {"state": "confirmed"} if data["state"] == "confirming" else data
