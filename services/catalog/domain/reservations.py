"""What is held for one order: the document that decides, whatever the stocks say yet.

    pending ──► reserved ──► confirmed ──► restocking ──► restocked
       │  └───────┴──► expired, released
       └──► refused (out of stock)

A reservation changes first, and then the stocks are made to agree with it. So every step can be
taken again, by anybody, after any crash, and ends the same.
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
"""States after which nothing is left to be noted: what a stock says is held may be out of date."""

SOLD = frozenset({"confirmed", "restocking", "restocked"})
RELEASED = frozenset({"refused", "released", "expired"})


@dataclass(frozen=True, slots=True)
class ReservationRecord:
    """`items` are variants with quantities, in the order in which they are taken from stock."""

    order: str
    state: State = "pending"
    items: Items = ()
    seconds: int = 0
    expires: float = 0.0
    missing: tuple[str, ...] = ()

    def is_due(self, now: float) -> bool:
        """Whether its time has run out before it was confirmed."""
        return self.state in ("pending", "reserved") and now >= self.expires

    def refusal(self) -> ServiceError | None:
        """Why nothing is held for the order, if so."""
        if self.state == "refused":
            return Conflict(
                "There is not enough left of what was ordered.",
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
    """Each variant once, always in the same order: so two orders cannot starve one another."""
    sums: dict[str, int] = {}
    for variant, quantity in items:
        sums[variant] = sums.get(variant, 0) + quantity
    return tuple(sorted(sums.items()))


def begin(
    kept: ReservationRecord | None, order: str, items: Items, seconds: int, now: float
) -> ReservationRecord:
    """Reserved, perhaps again. Raises `Conflict` (`order_differs`) for another reservation."""
    if kept is None:
        return ReservationRecord(order, "pending", items, seconds, now + seconds)
    if kept.items and (kept.items, kept.seconds) != (items, seconds):
        raise Conflict("Something else was reserved for this order.", code="order_differs")
    return expire_if_due(kept, now)


def expire_if_due(kept: ReservationRecord, now: float) -> ReservationRecord:
    """Expired, if its time has run out."""
    return replace(kept, state="expired") if kept.is_due(now) else kept


def complete(kept: ReservationRecord, missing: tuple[str, ...], now: float) -> ReservationRecord:
    """After all stocks were asked: reserved, or refused for what is missing."""
    if kept.state != "pending":
        return kept
    if missing:
        return replace(kept, state="refused", missing=missing)
    return expire_if_due(replace(kept, state="reserved"), now)


def confirm(kept: ReservationRecord | None, now: float) -> ReservationRecord:
    """To be sold, if it is held still."""
    if kept is None:
        raise NotFound("Nothing is reserved for this order.")
    kept = expire_if_due(kept, now)
    if kept.state == "pending":
        raise Conflict("The reservation of this order is not whole yet.", code="not_reserved")
    return replace(kept, state="confirmed") if kept.state == "reserved" else kept


def release(kept: ReservationRecord | None, order: str) -> ReservationRecord:
    """To be held no more; of an unknown order, never to be."""
    if kept is None:
        return ReservationRecord(order, "released")
    if kept.state in SOLD:
        raise Conflict("The order was confirmed; restock it.", code="already_confirmed")
    return kept if kept.state in RELEASED else replace(kept, state="released")


def restock(kept: ReservationRecord | None) -> ReservationRecord:
    """To be put back on hand."""
    if kept is None:
        raise NotFound("Nothing is reserved for this order.")
    if kept.state not in SOLD:
        raise Conflict("The order was not confirmed.", code="not_confirmed")
    return replace(kept, state="restocking") if kept.state == "confirmed" else kept


def finish_restocking(kept: ReservationRecord) -> ReservationRecord:
    """With what is put back behind it, as all stocks have done so."""
    return replace(kept, state="restocked") if kept.state == "restocking" else kept


def upgrade_from_1(data: dict[str, Any]) -> dict[str, Any]:
    """There was a state between reserved and confirmed, until all stocks knew."""
    return data | {"state": "confirmed"} if data["state"] == "confirming" else data
