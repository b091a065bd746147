"""The public form of an order."""

from __future__ import annotations

from typing import Any

from services.orders.domain.orders import (
    COMPLETED,
    FINAL_STATES,
    REFUND_REFUSED,
    OrderItem,
    OrderRecord,
)


def order_view(order: OrderRecord) -> dict[str, Any]:
    """Return the `contracts.orders.Order`, without its version."""
    refusals = [event for event in order.log if event.what == REFUND_REFUSED]
    refusal = refusals[-1] if refusals and order.state == COMPLETED else None
    outcome = order.reversal or refusal
    return {
        "id": order.id,
        "buyer": order.terms.buyer,
        "seller": order.terms.seller,
        "shop": order.terms.shop,
        "lines": [_line_view(line) for line in order.terms.lines],
        "total": order.terms.total,
        "currency": order.terms.currency,
        "state": order.state,
        "reason": (outcome.why or outcome.what) if outcome else "",
        "paid": order.has(COMPLETED),
        "history": [{"what": event.what, "at": event.at, "why": event.why} for event in order.log],
        "created_at": order.log[0].at,
    }


def with_outage(view: dict[str, Any], outage: str) -> dict[str, Any]:
    """Add to the reason of an unfinished order why it does not continue during an outage."""
    if not outage or view["state"] in FINAL_STATES:
        return view
    reversal = f"{view['reason'].rstrip('.')}. " if view["reason"] else ""
    advice = "Nothing is lost. Do not order again: the order continues by itself."
    return view | {"reason": f"{reversal}This order waits. {outage} {advice}"}


def _line_view(line: OrderItem) -> dict[str, Any]:
    return {
        "product": line.product,
        "variant": line.variant,
        "title": line.title,
        "name": line.name,
        "quantity": line.quantity,
        "price": line.price,
        "picture": line.picture,
    }
