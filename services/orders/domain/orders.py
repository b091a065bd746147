"""An order is a log of events, from which its state is derived.

The log is bounded: each event occurs once, except those of refunds, of which there are at most
`MAX_REFUND_REQUESTS`. Two kinds of events decide a race, because one document changes at a time:
after `capturing` the order only goes forward, and after one of `REVERSALS` it only goes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chassis.errors import NotFound

MAX_REFUND_REQUESTS = 5
"""How often a refund that the provider refuses may be requested again."""

PLACED, RESERVED, AUTHORIZED = "placed", "reserved", "authorized"
PAYMENT_PENDING = "payment_pending"
CONFIRMED, CAPTURING, COMPLETED = "confirmed", "capturing", "completed"
PRICE_CHANGED, NOT_AVAILABLE, DECLINED = "price_changed", "not_available", "declined"
CANCEL_REQUESTED, GAVE_UP = "cancel_requested", "gave_up"
VOIDED, RELEASED = "voided", "released"
CANCELLED, FAILED = "cancelled", "failed"
REFUND_REQUESTED, REFUND_REFUSED = "refund_requested", "refund_refused"
REFUNDING, RESTOCKED, REFUNDED = "refunding", "restocked", "refunded"

REVERSALS = {
    PRICE_CHANGED: FAILED,
    NOT_AVAILABLE: FAILED,
    DECLINED: DECLINED,
    CANCEL_REQUESTED: CANCELLED,
    GAVE_UP: FAILED,
}
"""The events that reverse a checkout, and the state in which it ends then."""

FINAL_STATES = frozenset({COMPLETED, CANCELLED, DECLINED, FAILED, REFUNDED})
"""States in which nothing is left to do."""


@dataclass(frozen=True, slots=True)
class OrderItem:
    """What was bought. `picture` is the attachment as `catalog` returned it."""

    product: str
    variant: str
    title: str
    name: str
    quantity: int
    price: int
    picture: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What was agreed on when the order was placed."""

    buyer: str
    seller: str
    shop: str
    currency: str
    lines: tuple[OrderItem, ...]

    @property
    def total(self) -> int:
        """In minor units."""
        return sum(line.price * line.quantity for line in self.lines)

    @property
    def quantities(self) -> list[tuple[str, int]]:
        """The variants and their quantities, sorted."""
        return sorted((line.variant, line.quantity) for line in self.lines)


@dataclass(frozen=True, slots=True)
class OrderLogEntry:
    """One event in the life of an order."""

    what: str
    at: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """The stored document. `card` is the provider's token, kept until the checkout ends."""

    id: str
    terms: OrderTerms
    log: tuple[OrderLogEntry, ...]
    card: str = ""
    cart_revision: int = 0

    def has(self, what: str) -> bool:
        return any(event.what == what for event in self.log)

    @property
    def reversal(self) -> OrderLogEntry | None:
        """The event that reversed the checkout, if any."""
        return next((event for event in self.log if event.what in REVERSALS), None)

    @property
    def checkout_outcome(self) -> str:
        """The state in which the checkout ended, empty before."""
        found = [event.what for event in self.log if event.what in (COMPLETED, CANCELLED, FAILED)]
        reversal = self.reversal
        if found == [FAILED] and reversal and reversal.what == DECLINED:
            return DECLINED
        return found[-1] if found else ""

    @property
    def refund_requests(self) -> int:
        """How often a refund was requested."""
        return sum(event.what == REFUND_REQUESTED for event in self.log)

    @property
    def is_refunding(self) -> bool:
        requests = (REFUND_REQUESTED, REFUND_REFUSED)
        last = [event.what for event in self.log if event.what in requests]
        return last[-1:] == [REFUND_REQUESTED] and not self.has(REFUNDED)

    @property
    def state(self) -> str:
        """The `contracts.orders.OrderState`."""
        if self.has(REFUNDED):
            return REFUNDED
        if self.checkout_outcome:
            return REFUNDING if self.is_refunding else self.checkout_outcome
        if self.has(CAPTURING) and not self.reversal:
            return "paying"
        if self.reversal:
            return "ending"
        return "waiting" if self.has(PAYMENT_PENDING) else PLACED

    @property
    def open_since(self) -> str:
        """When its present checkout or refund began (RFC 3339)."""
        begins = REFUND_REQUESTED if self.is_refunding else PLACED
        return [event.at for event in self.log if event.what == begins][-1]

    @property
    def is_final(self) -> bool:
        return self.state in FINAL_STATES


def place(order: str, terms: OrderTerms, *, card: str, cart_revision: int, now: str) -> OrderRecord:
    """Return a new order."""
    return OrderRecord(order, terms, (OrderLogEntry(PLACED, now),), card, cart_revision)


def require_party(order: OrderRecord | None, viewer: str) -> OrderRecord:
    """Return the order to its buyer or its seller. Raises `NotFound` for everybody else."""
    if order is None or viewer not in (order.terms.buyer, order.terms.seller):
        raise NotFound("There is no such order.")
    return order
