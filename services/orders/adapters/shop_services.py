"""What orders asks of catalog and payments. Everything asked for may be asked for again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.dapr.client import DaprClient
from services.orders.domain.carts import CartItem
from services.orders.domain.orders import OrderRecord

REQUEST_TIMEOUT = 5.0
"""Seconds in which a step must be answered; it is repeated, as its outcome is not known then."""

RESERVATION_SECONDS = 1_800
"""Seconds for which pieces are held: longer than a saga can take to confirm them."""

JsonObject = dict[str, Any]


class ShopServices:
    """The other two parts of the shop."""

    def __init__(self, sidecar: DaprClient) -> None:
        self._sidecar = sidecar

    async def quote(self, items: Sequence[CartItem]) -> list[JsonObject]:
        """What things cost now: `QuoteLine`s.

        Raises `NotFound` (`not_sold`) with the variants that are not sold.
        """
        asked = [
            {"product": item.product, "variant": item.variant, "quantity": item.quantity}
            for item in items
        ]
        lines: list[JsonObject] = (await self._post("catalog", "quotes", {"items": asked}))["lines"]
        return lines

    async def reserve(self, order: OrderRecord) -> None:
        """Hold an order's pieces, if they are still sold at the prices that were agreed on.

        Raises `NotFound` (`not_sold`), `Conflict` (`price_changed`, `out_of_stock` and others).
        """
        terms = order.terms
        agreed = [
            {
                "product": line.product,
                "variant": line.variant,
                "price": line.price,
                "currency": terms.currency,
            }
            for line in terms.lines
        ]
        items = [{"variant": variant, "quantity": many} for variant, many in terms.quantities]
        body = {"order": order.id, "items": items, "agreed": agreed, "seconds": RESERVATION_SECONDS}
        await self._post("catalog", "reservations", body)

    async def confirm(self, order: OrderRecord) -> None:
        """Sell what is held."""
        await self._post("catalog", f"reservations/{order.id}/confirm")

    async def release(self, order: OrderRecord) -> JsonObject:
        """Hold nothing any more, now or later."""
        return await self._post("catalog", f"reservations/{order.id}/release")

    async def restock(self, order: OrderRecord) -> None:
        """Put back what was sold."""
        await self._post("catalog", f"reservations/{order.id}/restock")

    async def authorize(self, order: OrderRecord) -> JsonObject:
        """Have the buyer's card charged: a `Payment`, as the next ones."""
        terms = order.terms
        body = {
            "buyer": terms.buyer,
            "seller": terms.seller,
            "amount": terms.total,
            "currency": terms.currency,
            "card": order.card,
        }
        return await self._post("payments", f"payments/{order.id}/authorize", body)

    async def capture(self, order: OrderRecord) -> JsonObject:
        """Give the seller what is held."""
        return await self._post("payments", f"payments/{order.id}/capture")

    async def void(self, order: OrderRecord) -> JsonObject:
        """Give the buyer what is held, or never take it."""
        return await self._post("payments", f"payments/{order.id}/void")

    async def refund(self, order: OrderRecord, key: str) -> JsonObject:
        """Give the buyer back all that was taken."""
        return await self._post("payments", f"payments/{order.id}/refund", {"key": key})

    async def payment(self, order: OrderRecord) -> JsonObject:
        """What became of a payment."""
        reply = await self._sidecar.invoke(
            "payments", f"payments/{order.id}", deadline=REQUEST_TIMEOUT
        )
        found: JsonObject = reply.json()
        return found

    async def _post(self, app: str, path: str, body: Any = None) -> JsonObject:
        reply = await self._sidecar.invoke(
            app, path, method="POST", json=body, deadline=REQUEST_TIMEOUT
        )
        found: JsonObject = reply.json()
        return found
