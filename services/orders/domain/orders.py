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

REFUNDS = 5
"""How often a refund that the provider refuses may be asked for again."""

PLACED, RESERVED, PENDING, AUTHORIZED = "placed", "reserved", "payment_pending", "authorized"
CONFIRMED, CAPTURING, COMPLETED = "confirmed", "capturing", "completed"
PRICE_CHANGED, NOT_AVAILABLE, DECLINED = "price_changed", "not_available", "declined"
CANCEL, GAVE_UP = "cancel_requested", "gave_up"
VOIDED, RELEASED = "voided", "released"
CANCELLED, FAILED = "cancelled", "failed"
REFUNDING = "refunding"
REFUND, REFUSED, RESTOCKED, REFUNDED = (
    "refund_requested",
    "refund_refused",
    "restocked",
    "refunded",
)

TURNS = {
    PRICE_CHANGED: FAILED,
    NOT_AVAILABLE: FAILED,
    DECLINED: DECLINED,
    CANCEL: CANCELLED,
    GAVE_UP: FAILED,
}
"""What turns an order back, and where it comes to rest then."""

ENDS = frozenset({COMPLETED, CANCELLED, DECLINED, FAILED, REFUNDED})
"""States in which nothing is left to be done."""


@dataclass(frozen=True, slots=True)
class Line:
    """What was bought. `picture` is the attachment as `catalog` showed it."""

    product: str
    variant: str
    title: str
    name: str
    quantity: int
    price: int
    picture: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed on when the order was placed."""

    buyer: str
    seller: str
    shop: str
    currency: str
    lines: tuple[Line, ...]

    @property
    def total(self) -> int:
        """In minor units."""
        return sum(line.price * line.quantity for line in self.lines)

    @property
    def pieces(self) -> list[tuple[str, int]]:
        """How many of which variant, in an order of its own."""
        return sorted((line.variant, line.quantity) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    what: str
    at: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """The document. `card` is the provider's token, until the order comes to rest."""

    id: str
    terms: Terms
    log: tuple[Entry, ...]
    card: str = ""
    cart_revision: int = 0

    def has(self, what: str) -> bool:
        return any(entry.what == what for entry in self.log)

    @property
    def turn(self) -> Entry | None:
        """What turned it back, if anything did."""
        return next((entry for entry in self.log if entry.what in TURNS), None)

    @property
    def end(self) -> str:
        """Where the checkout came to rest, or nothing."""
        ends = (COMPLETED, CANCELLED, FAILED)
        found = [entry.what for entry in self.log if entry.what in ends]
        turn = self.turn
        if found == [FAILED] and turn and turn.what == DECLINED:
            return DECLINED
        return found[-1] if found else ""

    @property
    def refunds(self) -> int:
        """How often a refund was asked for."""
        return sum(entry.what == REFUND for entry in self.log)

    @property
    def is_refunding(self) -> bool:
        last = [entry.what for entry in self.log if entry.what in (REFUND, REFUSED)]
        return last[-1:] == [REFUND] and not self.has(REFUNDED)

    @property
    def state(self) -> str:
        """Where it stands: a `contracts.orders.OrderState`."""
        if self.has(REFUNDED):
            return REFUNDED
        if self.end:
            return REFUNDING if self.is_refunding else self.end
        if self.has(CAPTURING) and not self.turn:
            return "paying"
        if self.turn:
            return "ending"
        return "waiting" if self.has(PENDING) else PLACED

    @property
    def is_at_rest(self) -> bool:
        return self.state in ENDS


def place(order: str, terms: Terms, *, card: str, cart_revision: int, now: str) -> Order:
    """A new order."""
    return Order(order, terms, (Entry(PLACED, now),), card, cart_revision)


def noted(order: Order, entries: Iterable[Entry]) -> Order:
    """With what happened, each once; the same order if nothing of it is new."""
    for entry in entries:
        if not order.has(entry.what):
            order = replace(order, log=(*order.log, entry))
    return order


def paying(order: Order, entries: Iterable[Entry], now: str) -> Order:
    """With the point behind it after which it cannot be cancelled, unless it was turned back."""
    if order.turn or order.end:
        return order
    return noted(order, [*entries, Entry(CAPTURING, now)])


def turned(order: Order, entries: Iterable[Entry], turn: Entry) -> Order:
    """Turned back, unless there is no way but forward, or it was before."""
    if order.turn or order.end or order.has(CAPTURING):
        return order
    return noted(order, [*entries, turn])


def refused_at_last(order: Order, why: str, now: str) -> Order:
    """Turned back after all: the provider has said that it does not capture."""
    if order.turn or order.end:
        return order
    return noted(order, [Entry(GAVE_UP, now, why)])


def completed(order: Order, now: str) -> Order:
    """Paid: it is done."""
    if order.end or order.turn:
        return order
    return replace(noted(order, [Entry(COMPLETED, now)]), card="")


def closed(order: Order, entries: Iterable[Entry], now: str) -> Order:
    """At rest, after all was given back."""
    turn = order.turn
    if order.end or turn is None:
        return order
    what = CANCELLED if TURNS[turn.what] == CANCELLED else FAILED
    return replace(noted(order, [*entries, Entry(what, now)]), card="")


def cancelled(order: Order | None, buyer: str, now: str) -> Order:
    """Cancelled by its buyer; again is fine. Raises `Conflict` (`too_late`)."""
    order = seen(order, buyer)
    if order.terms.buyer != buyer:
        raise Forbidden("Only the buyer can cancel an order; the seller can refund it.")
    if order.turn and order.turn.what == CANCEL:
        return order
    if order.turn or order.end or order.has(CAPTURING):
        raise Conflict("It is too late to cancel this order.", code="too_late")
    return noted(order, [Entry(CANCEL, now)])


def refund_asked(order: Order | None, seller: str, now: str) -> Order:
    """To be given back by its seller; again is fine.

    Raises `Conflict` (`not_completed`), also where it was tried too often.
    """
    order = seen(order, seller)
    if order.terms.seller != seller:
        raise Forbidden("Only the seller can refund an order; the buyer can cancel it.")
    if order.has(REFUNDED) or order.is_refunding:
        return order
    if order.end != COMPLETED:
        raise Conflict("Only what was paid can be refunded.", code="not_completed")
    if order.refunds >= REFUNDS:
        raise Conflict("The provider has refused this refund too often.", code="refund_refused")
    return replace(order, log=(*order.log, Entry(REFUND, now)))


def refund_refused(order: Order, number: int, why: str, now: str) -> Order:
    """With a refund that the provider does not make."""
    if not order.is_refunding or order.refunds != number:
        return order
    return replace(order, log=(*order.log, Entry(REFUSED, now, why)))


def refunded(order: Order, entries: Iterable[Entry], now: str) -> Order:
    """Given back, money and goods."""
    if not order.is_refunding:
        return order
    return noted(order, [*entries, Entry(REFUNDED, now)])


def seen(order: Order | None, viewer: str) -> Order:
    """An order for its buyer or its seller. Raises `NotFound` for everybody else."""
    if order is None or viewer not in (order.terms.buyer, order.terms.seller):
        raise NotFound("There is no such order.")
    return order


def public(order: Order) -> dict[str, Any]:
    """A `contracts.orders.Order`, but for its version."""
    turn = order.turn
    refusals = [entry for entry in order.log if entry.what == REFUSED]
    told = turn or (refusals[-1] if refusals and order.state == COMPLETED else None)
    return {
        "id": order.id,
        "buyer": order.terms.buyer,
        "seller": order.terms.seller,
        "shop": order.terms.shop,
        "lines": [_told(line) for line in order.terms.lines],
        "total": order.terms.total,
        "currency": order.terms.currency,
        "state": order.state,
        "reason": (told.why or told.what) if told else "",
        "paid": order.has(COMPLETED),
        "history": [{"what": entry.what, "at": entry.at, "why": entry.why} for entry in order.log],
        "created_at": order.log[0].at,
    }


def waiting(told: dict[str, Any], trouble: str) -> dict[str, Any]:
    """What is told of an order, with why nothing happens to it while there is some trouble."""
    if not trouble or told["state"] in ENDS:
        return told
    turned = f"{told['reason'].rstrip('.')}. " if told["reason"] else ""
    why = (
        f"{turned}This order waits. {trouble} Nothing is lost, and nothing need be ordered again: "
    )
    return told | {"reason": f"{why}the order then goes on by itself."}


def _told(line: Line) -> dict[str, Any]:
    return {
        "product": line.product,
        "variant": line.variant,
        "title": line.title,
        "name": line.name,
        "quantity": line.quantity,
        "price": line.price,
        "picture": line.picture,
    }


def entries_of(marks: Sequence[Sequence[str]]) -> list[Entry]:
    """What a workflow carried along from step to step."""
    return [Entry(what, at) for what, at in marks]
