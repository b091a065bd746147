"""An order is what happened to it: a log, from which all else is read.

The log is bounded: each of its entries stands in it once, but for those of refunds, of which there
are at most `REFUNDS`. Two entries decide a race, because one document is changed at a time:
`capturing`, after which there is no way but forward, and those of `TURNS`, after which there is
none but back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.errors import Conflict, Forbidden, NotFound

MAX_REFUND_REQUESTS = 5
"""How often a refund that the provider refuses may be asked for again."""

PLACED, RESERVED, PAYMENT_PENDING, AUTHORIZED = (
    "placed",
    "reserved",
    "payment_pending",
    "authorized",
)
CONFIRMED, CAPTURING, COMPLETED = "confirmed", "capturing", "completed"
PRICE_CHANGED, NOT_AVAILABLE, DECLINED = "price_changed", "not_available", "declined"
CANCEL_REQUESTED, GAVE_UP = "cancel_requested", "gave_up"
VOIDED, RELEASED = "voided", "released"
CANCELLED, FAILED = "cancelled", "failed"
REFUNDING = "refunding"
REFUND_REQUESTED, REFUND_REFUSED, RESTOCKED, REFUNDED = (
    "refund_requested",
    "refund_refused",
    "restocked",
    "refunded",
)

REVERSALS = {
    PRICE_CHANGED: FAILED,
    NOT_AVAILABLE: FAILED,
    DECLINED: DECLINED,
    CANCEL_REQUESTED: CANCELLED,
    GAVE_UP: FAILED,
}
"""What turns an order back, and where it comes to rest then."""

FINAL_STATES = frozenset({COMPLETED, CANCELLED, DECLINED, FAILED, REFUNDED})
"""States in which nothing is left to be done."""


@dataclass(frozen=True, slots=True)
class OrderItem:
    """What was bought. `picture` is the attachment as `catalog` showed it."""

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
        """How many of which variant, in an order of its own."""
        return sorted((line.variant, line.quantity) for line in self.lines)


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One thing that happened."""

    what: str
    at: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """The document. `card` is the provider's token, until the order comes to rest."""

    id: str
    terms: OrderTerms
    log: tuple[OrderEvent, ...]
    card: str = ""
    cart_revision: int = 0

    def has(self, what: str) -> bool:
        return any(entry.what == what for entry in self.log)

    @property
    def reversal(self) -> OrderEvent | None:
        """What turned it back, if anything did."""
        return next((entry for entry in self.log if entry.what in REVERSALS), None)

    @property
    def checkout_outcome(self) -> str:
        """Where the checkout came to rest, or nothing."""
        ends = (COMPLETED, CANCELLED, FAILED)
        found = [entry.what for entry in self.log if entry.what in ends]
        turn = self.reversal
        if found == [FAILED] and turn and turn.what == DECLINED:
            return DECLINED
        return found[-1] if found else ""

    @property
    def refund_requests(self) -> int:
        """How often a refund was asked for."""
        return sum(entry.what == REFUND_REQUESTED for entry in self.log)

    @property
    def is_refunding(self) -> bool:
        last = [
            entry.what for entry in self.log if entry.what in (REFUND_REQUESTED, REFUND_REFUSED)
        ]
        return last[-1:] == [REFUND_REQUESTED] and not self.has(REFUNDED)

    @property
    def state(self) -> str:
        """Where it stands: a `contracts.orders.OrderState`."""
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
    def is_final(self) -> bool:
        return self.state in FINAL_STATES


def place(order: str, terms: OrderTerms, *, card: str, cart_revision: int, now: str) -> OrderRecord:
    """A new order."""
    return OrderRecord(order, terms, (OrderEvent(PLACED, now),), card, cart_revision)


def record(order: OrderRecord, entries: Iterable[OrderEvent]) -> OrderRecord:
    """With what happened, each once; the same order if nothing of it is new."""
    for entry in entries:
        if not order.has(entry.what):
            order = replace(order, log=(*order.log, entry))
    return order


def begin_capture(order: OrderRecord, entries: Iterable[OrderEvent], now: str) -> OrderRecord:
    """With the point behind it after which it cannot be cancelled, unless it was turned back."""
    if order.reversal or order.checkout_outcome:
        return order
    return record(order, [*entries, OrderEvent(CAPTURING, now)])


def reverse(order: OrderRecord, entries: Iterable[OrderEvent], turn: OrderEvent) -> OrderRecord:
    """Turned back, unless there is no way but forward, or it was before."""
    if order.reversal or order.checkout_outcome or order.has(CAPTURING):
        return order
    return record(order, [*entries, turn])


def reverse_refused_capture(order: OrderRecord, why: str, now: str) -> OrderRecord:
    """Turned back after all: the provider has said that it does not capture."""
    if order.reversal or order.checkout_outcome:
        return order
    return record(order, [OrderEvent(GAVE_UP, now, why)])


def complete(order: OrderRecord, now: str) -> OrderRecord:
    """Paid: it is done."""
    if order.checkout_outcome or order.reversal:
        return order
    return replace(record(order, [OrderEvent(COMPLETED, now)]), card="")


def close(order: OrderRecord, entries: Iterable[OrderEvent], now: str) -> OrderRecord:
    """At rest, after all was given back."""
    turn = order.reversal
    if order.checkout_outcome or turn is None:
        return order
    what = CANCELLED if REVERSALS[turn.what] == CANCELLED else FAILED
    return replace(record(order, [*entries, OrderEvent(what, now)]), card="")


def cancel(order: OrderRecord | None, buyer: str, now: str) -> OrderRecord:
    """Cancelled by its buyer; again is fine. Raises `Conflict` (`too_late`)."""
    order = require_party(order, buyer)
    if order.terms.buyer != buyer:
        raise Forbidden("Only the buyer can cancel an order; the seller can refund it.")
    if order.reversal and order.reversal.what == CANCEL_REQUESTED:
        return order
    if order.reversal or order.checkout_outcome or order.has(CAPTURING):
        raise Conflict("It is too late to cancel this order.", code="too_late")
    return record(order, [OrderEvent(CANCEL_REQUESTED, now)])


def request_refund(order: OrderRecord | None, seller: str, now: str) -> OrderRecord:
    """To be given back by its seller; again is fine.

    Raises `Conflict` (`not_completed`), also where it was tried too often.
    """
    order = require_party(order, seller)
    if order.terms.seller != seller:
        raise Forbidden("Only the seller can refund an order; the buyer can cancel it.")
    if order.has(REFUNDED) or order.is_refunding:
        return order
    if order.checkout_outcome != COMPLETED:
        raise Conflict("Only what was paid can be refunded.", code="not_completed")
    if order.refund_requests >= MAX_REFUND_REQUESTS:
        raise Conflict("The provider has refused this refund too often.", code="refund_refused")
    return replace(order, log=(*order.log, OrderEvent(REFUND_REQUESTED, now)))


def refuse_refund(order: OrderRecord, number: int, why: str, now: str) -> OrderRecord:
    """With a refund that the provider does not make."""
    if not order.is_refunding or order.refund_requests != number:
        return order
    return replace(order, log=(*order.log, OrderEvent(REFUND_REFUSED, now, why)))


def finish_refund(order: OrderRecord, entries: Iterable[OrderEvent], now: str) -> OrderRecord:
    """Given back, money and goods."""
    if not order.is_refunding:
        return order
    return record(order, [*entries, OrderEvent(REFUNDED, now)])


def require_party(order: OrderRecord | None, viewer: str) -> OrderRecord:
    """An order for its buyer or its seller. Raises `NotFound` for everybody else."""
    if order is None or viewer not in (order.terms.buyer, order.terms.seller):
        raise NotFound("There is no such order.")
    return order


def to_public(order: OrderRecord) -> dict[str, Any]:
    """A `contracts.orders.Order`, but for its version."""
    turn = order.reversal
    refusals = [entry for entry in order.log if entry.what == REFUND_REFUSED]
    told = turn or (refusals[-1] if refusals and order.state == COMPLETED else None)
    return {
        "id": order.id,
        "buyer": order.terms.buyer,
        "seller": order.terms.seller,
        "shop": order.terms.shop,
        "lines": [_public_item(line) for line in order.terms.lines],
        "total": order.terms.total,
        "currency": order.terms.currency,
        "state": order.state,
        "reason": (told.why or told.what) if told else "",
        "paid": order.has(COMPLETED),
        "history": [{"what": entry.what, "at": entry.at, "why": entry.why} for entry in order.log],
        "created_at": order.log[0].at,
    }


def with_outage(told: dict[str, Any], trouble: str) -> dict[str, Any]:
    """What is told of an order, with why nothing happens to it while there is some trouble."""
    if not trouble or told["state"] in FINAL_STATES:
        return told
    reverse = f"{told['reason'].rstrip('.')}. " if told["reason"] else ""
    why = (
        f"{reverse}This order waits. {trouble} Nothing is lost, and nothing need be ordered again: "
    )
    return told | {"reason": f"{why}the order then goes on by itself."}


def _public_item(line: OrderItem) -> dict[str, Any]:
    return {
        "product": line.product,
        "variant": line.variant,
        "title": line.title,
        "name": line.name,
        "quantity": line.quantity,
        "price": line.price,
        "picture": line.picture,
    }


def decode_events(marks: Sequence[Sequence[str]]) -> list[OrderEvent]:
    """What a workflow carried along from step to step."""
    return [OrderEvent(what, at) for what, at in marks]
