"""What orders asks of catalog and payments. Everything asked for may be asked for again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.clients.base import JsonInvoker
from services.clients.catalog import CatalogClient
from services.clients.payments import PaymentsClient
from services.contracts.catalog import NewReservation, QuoteItem, QuoteRequest, Reservation
from services.contracts.payments import NewPayment, NewRefund, Payment
from services.orders.domain.carts import CartItem
from services.orders.domain.orders import OrderRecord

REQUEST_TIMEOUT = 5.0
"""Seconds in which a step must be answered; it is repeated, as its outcome is not known then."""

RESERVATION_SECONDS = 1_800
"""Seconds for which pieces are held: longer than a saga can take to confirm them."""

JsonObject = dict[str, Any]


class ShopServices:
    """The catalog and payments services in terms of carts and orders."""

    def __init__(self, invoker: JsonInvoker) -> None:
        self._catalog = CatalogClient(invoker, REQUEST_TIMEOUT)
        self._payments = PaymentsClient(invoker, REQUEST_TIMEOUT)

    async def quote(self, items: Sequence[CartItem]) -> list[JsonObject]:
        """What things cost now: `QuoteLine`s as JSON.

        Raises `NotFound` (`not_sold`) with the variants that are not sold.
        """
        wanted = [
            QuoteItem.model_construct(
                product=item.product, variant=item.variant, quantity=item.quantity
            )
            for item in items
        ]
        quote = await self._catalog.quote(QuoteRequest.model_construct(items=wanted))
        return [line.model_dump(mode="json") for line in quote.lines]

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
        new: JsonObject = {
            "order": order.id,
            "items": items,
            "agreed": agreed,
            "seconds": RESERVATION_SECONDS,
        }
        await self._catalog.reserve(NewReservation.model_construct(**new))

    async def confirm(self, order: OrderRecord) -> None:
        """Sell what is held."""
        await self._catalog.change_reservation(order.id, "confirm")

    async def release(self, order: OrderRecord) -> Reservation:
        """Hold nothing any more, now or later."""
        return await self._catalog.change_reservation(order.id, "release")

    async def restock(self, order: OrderRecord) -> None:
        """Put back what was sold."""
        await self._catalog.change_reservation(order.id, "restock")

    async def authorize(self, order: OrderRecord) -> Payment:
        """Have the buyer's card charged."""
        terms = order.terms
        new: JsonObject = {
            "buyer": terms.buyer,
            "seller": terms.seller,
            "amount": terms.total,
            "currency": terms.currency,
            "card": order.card,
        }
        return await self._payments.authorize(order.id, NewPayment.model_construct(**new))

    async def capture(self, order: OrderRecord) -> Payment:
        """Give the seller what is held."""
        return await self._payments.end_authorization(order.id, "capture")

    async def void(self, order: OrderRecord) -> Payment:
        """Give the buyer what is held, or never take it."""
        return await self._payments.end_authorization(order.id, "void")

    async def refund(self, order: OrderRecord, key: str) -> Payment:
        """Give the buyer back all that was taken."""
        return await self._payments.refund(order.id, NewRefund(key=key))

    async def payment(self, order: OrderRecord) -> Payment:
        """What became of a payment."""
        return await self._payments.payment(order.id)
