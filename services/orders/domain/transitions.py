"""The transitions of an order: each appends events to its log, or changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from services.chassis.errors import Conflict, Forbidden
from services.orders.domain.orders import (
    CANCEL_REQUESTED,
    CANCELLED,
    CAPTURING,
    COMPLETED,
    FAILED,
    GAVE_UP,
    MAX_REFUND_REQUESTS,
    REFUND_REFUSED,
    REFUND_REQUESTED,
    REFUNDED,
    REVERSALS,
    OrderLogEntry,
    OrderRecord,
    require_party,
)


def record(order: OrderRecord, events: Iterable[OrderLogEntry]) -> OrderRecord:
    """Append the events that the log does not have. Returns the same order if it has them all."""
    for event in events:
        if not order.has(event.what):
            order = replace(order, log=(*order.log, event))
    return order


def begin_capture(order: OrderRecord, events: Iterable[OrderLogEntry], now: str) -> OrderRecord:
    """Pass the point after which the order cannot be cancelled, unless it was reversed."""
    if order.reversal or order.checkout_outcome:
        return order
    return record(order, [*events, OrderLogEntry(CAPTURING, now)])


def reverse(
    order: OrderRecord, events: Iterable[OrderLogEntry], reversal: OrderLogEntry
) -> OrderRecord:
    """Reverse the checkout, unless it was reversed before or its payment is being captured."""
    if order.reversal or order.checkout_outcome or order.has(CAPTURING):
        return order
    return record(order, [*events, reversal])


def reverse_refused_capture(order: OrderRecord, why: str, now: str) -> OrderRecord:
    """Reverse the checkout because the provider refused to capture the payment."""
    if order.reversal or order.checkout_outcome:
        return order
    return record(order, [OrderLogEntry(GAVE_UP, now, why)])


def complete(order: OrderRecord, now: str) -> OrderRecord:
    """Complete the checkout: the order is paid."""
    if order.checkout_outcome or order.reversal:
        return order
    return replace(record(order, [OrderLogEntry(COMPLETED, now)]), card="")


def close(order: OrderRecord, events: Iterable[OrderLogEntry], now: str) -> OrderRecord:
    """End a reversed checkout, after everything was given back."""
    reversal = order.reversal
    if order.checkout_outcome or reversal is None:
        return order
    what = CANCELLED if REVERSALS[reversal.what] == CANCELLED else FAILED
    return replace(record(order, [*events, OrderLogEntry(what, now)]), card="")


def cancel(order: OrderRecord | None, buyer: str, now: str) -> OrderRecord:
    """Cancel the order for its buyer. A repeat changes nothing. Raises `Conflict` (`too_late`)."""
    order = require_party(order, buyer)
    if order.terms.buyer != buyer:
        raise Forbidden("Only the buyer can cancel an order. The seller can refund it.")
    if order.reversal and order.reversal.what == CANCEL_REQUESTED:
        return order
    if order.reversal or order.checkout_outcome or order.has(CAPTURING):
        raise Conflict("It is too late to cancel this order.", code="too_late")
    return record(order, [OrderLogEntry(CANCEL_REQUESTED, now)])


def request_refund(order: OrderRecord | None, seller: str, now: str) -> OrderRecord:
    """Request a refund for the seller. A repeat changes nothing.

    Raises `Conflict` (`not_completed`), or `refund_refused` after too many requests.
    """
    order = require_party(order, seller)
    if order.terms.seller != seller:
        raise Forbidden("Only the seller can refund an order. The buyer can cancel it.")
    if order.has(REFUNDED) or order.is_refunding:
        return order
    if order.checkout_outcome != COMPLETED:
        raise Conflict("Only a paid order can be refunded.", code="not_completed")
    if order.refund_requests >= MAX_REFUND_REQUESTS:
        raise Conflict("The provider has refused this refund too often.", code="refund_refused")
    return replace(order, log=(*order.log, OrderLogEntry(REFUND_REQUESTED, now)))


def refuse_refund(order: OrderRecord, number: int, why: str, now: str) -> OrderRecord:
    """Record that the provider refused the refund with this number."""
    if not order.is_refunding or order.refund_requests != number:
        return order
    return replace(order, log=(*order.log, OrderLogEntry(REFUND_REFUSED, now, why)))


def finish_refund(order: OrderRecord, events: Iterable[OrderLogEntry], now: str) -> OrderRecord:
    """Record that money and goods were given back."""
    if not order.is_refunding:
        return order
    return record(order, [*events, OrderLogEntry(REFUNDED, now)])
