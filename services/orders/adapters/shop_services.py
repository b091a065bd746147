"""The calls to catalog and payments that carts and the saga need. Each may be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.clients.base import JsonInvoker
from services.clients.catalog import CatalogClient
from services.clients.payments import PaymentsClient
from services.clients.shared_calls import SharedCalls, steps
from services.contracts.catalog import (
    AgreedPrice,
    NewReservation,
    Quote,
    QuoteItem,
    QuoteLine,
    QuoteRequest,
    ReleasedItems,
    Reservation,
    ReservedItem,
)
from services.contracts.payments import NewPayment, NewRefund, Payment
from services.orders.domain.carts import CartEntry
from services.orders.domain.orders import OrderRecord

REQUEST_TIMEOUT = 5.0
"""Seconds in which a step must be answered. It is retried, because its outcome is not known."""

RESERVATION_SECONDS = 1_800
"""For how long pieces are held: longer than a saga needs to confirm them."""


class Quotes(Protocol):
    """Quotes prices: a client of catalog, by HTTP or by gRPC."""

    async def quote(self, wanted: QuoteRequest, /) -> Quote: ...


class ShopServices:
    """What orders asks of catalog and payments. Other `quotes` replace those by HTTP."""

    def __init__(self, invoker: JsonInvoker, quotes: Quotes | None = None) -> None:
        # Not those of payments: a slow card would hold up the orders that share its call. Quotes
        # share calls among themselves: a buyer waits for them, and they wait for no stock.
        policies = steps(REQUEST_TIMEOUT)
        self._catalog = CatalogClient(SharedCalls(invoker, policies), REQUEST_TIMEOUT)
        self._quotes = quotes or CatalogClient(SharedCalls(invoker, policies), REQUEST_TIMEOUT)
        self._payments = PaymentsClient(invoker, REQUEST_TIMEOUT)

    async def quote(self, items: Sequence[CartEntry], buyer: str) -> list[QuoteLine]:
        """Return what items cost a buyer now.

        Raises `NotFound` (`not_sold`) with the variants that are not sold, or not to this buyer.
        """
        asked = [
            QuoteItem(product=item.product, variant=item.variant, quantity=item.quantity)
            for item in items
        ]
        return (await self._quotes.quote(QuoteRequest(items=asked, buyer=buyer))).lines

    async def reserve(self, order: OrderRecord) -> None:
        """Hold an order's pieces, if they are still sold at the agreed prices.

        Raises `NotFound` (`not_sold`), `Conflict` (`price_changed`, `out_of_stock` and others).
        """
        terms = order.terms
        agreed = [
            AgreedPrice(
                product=line.product,
                variant=line.variant,
                price=line.price,
                currency=terms.currency,
            )
            for line in terms.lines
        ]
        await self._catalog.reserve(
            NewReservation(
                order=order.id, items=_items(order), agreed=agreed, seconds=RESERVATION_SECONDS
            )
        )

    async def confirm(self, order: OrderRecord) -> None:
        """Sell what is held."""
        await self._catalog.change_reservation(order.id, "confirm")

    async def release(self, order: OrderRecord) -> Reservation:
        """Release what is held, and let the order hold nothing later."""
        return await self._catalog.release(order.id, ReleasedItems(items=_items(order)))

    async def restock(self, order: OrderRecord) -> None:
        """Put back what was sold."""
        await self._catalog.change_reservation(order.id, "restock")

    async def authorize(self, order: OrderRecord) -> Payment:
        """Hold the price on the buyer's card."""
        terms = order.terms
        new = NewPayment(
            buyer=terms.buyer,
            seller=terms.seller,
            amount=terms.total,
            currency=terms.currency,
            card=order.card,
        )
        return await self._payments.authorize(order.id, new)

    async def capture(self, order: OrderRecord) -> Payment:
        """Transfer what is held to the seller."""
        return await self._payments.end_authorization(order.id, "capture")

    async def void(self, order: OrderRecord) -> Payment:
        """Release what is held on the card, or let nothing be held later."""
        return await self._payments.end_authorization(order.id, "void")

    async def refund(self, order: OrderRecord, key: str) -> Payment:
        """Give the whole price back to the buyer."""
        return await self._payments.refund(order.id, NewRefund(key=key))

    async def payment(self, order: OrderRecord) -> Payment:
        """Return the payment of an order."""
        return await self._payments.payment(order.id)


def _items(order: OrderRecord) -> list[ReservedItem]:
    return [ReservedItem(variant=variant, quantity=n) for variant, n in order.terms.quantities]
