"""What a stock may not say, given the reservations of the orders that it names."""

from __future__ import annotations

from collections.abc import Mapping

from services.catalog.domain.reservations import RELEASED, SOLD, ReservationRecord
from services.catalog.domain.stock import StockRecord


def find_disagreements(
    variant: str, stock: StockRecord, reservations: Mapping[str, ReservationRecord]
) -> set[str]:
    """Return the orders about which a stock is wrong. `""` is among them if its numbers are.

    A reservation changes before its stocks, so what was just read may disagree for a moment. That
    a hold outlives a reservation that was released or has expired is no fault: whoever needs the
    pieces releases it.
    """
    wrong = {""} if stock.on_hand < stock.held else set()
    for order, part in stock.parts.items():
        reservation = reservations.get(order)
        if (
            reservation is None
            or _is_other_quantity(variant, part.quantity, reservation)
            or _is_wrong(part.state, reservation)
        ):
            wrong.add(order)
    return wrong


def _is_other_quantity(variant: str, quantity: int, reservation: ReservationRecord) -> bool:
    """Whether it is about other pieces. One that was released before it was made names none."""
    if reservation.state in RELEASED and not reservation.items:
        return False
    return dict(reservation.items).get(variant) != quantity


def _is_wrong(state: str, reservation: ReservationRecord) -> bool:
    if state == "held":
        return reservation.state in SOLD
    if state == "sold":
        return reservation.state not in SOLD or reservation.state == "restocked"
    if state == "back":
        return reservation.state not in ("restocking", "restocked")
    return reservation.state not in RELEASED
