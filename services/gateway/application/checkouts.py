"""Checkouts whose outcome is awaited, and carts that get back what was not paid."""

from __future__ import annotations

from services.chassis.errors import NotFound, PreconditionFailed
from services.chassis.security.caller import Caller
from services.clients.orders import OrdersClient
from services.contracts.catalog import QuoteItem
from services.contracts.orders import Cart, NewCart, NewCheckout, Order

FINAL_STATES = frozenset({"completed", "cancelled", "declined", "failed", "refunded"})
UNPAID_STATES = frozenset({"declined", "failed"})
"""Final states of an order that was not paid, though its buyer wanted to."""

_WAIT = 1.5
"""Seconds to wait until an order is final. A page shows how the others go on."""


class Checkouts:
    """Places orders, and puts items back into carts."""

    def __init__(self, orders: OrdersClient) -> None:
        self._orders = orders

    async def place(self, new: NewCheckout, caller: Caller) -> Order:
        """Order what is in the cart, and wait `_WAIT` at most until the order is final.

        Raises what `OrdersClient.checkout` raises. One call.
        """
        return await self._orders.checkout(new, caller, _WAIT)

    async def refill(self, order: Order, caller: Caller) -> bool:
        """Put the items of an order into its buyer's cart, except those that are no longer sold.

        Gives whether they are in it. A cart that has other items stays as it is. A repeat, also a
        concurrent one, changes nothing. Two calls, three if some are no longer sold.
        """
        cart = await self._orders.cart(caller)
        wanted = [
            QuoteItem(product=line.product, variant=line.variant, quantity=line.quantity)
            for line in order.lines
        ]
        if cart.lines or cart.gone:
            return _quantities(cart) == {item.variant: item.quantity for item in wanted}
        seen = {"if-match": f'"{cart.revision}"'}
        try:
            await self._set(wanted, caller, seen)
        except PreconditionFailed:
            return False
        return True

    async def _set(self, items: list[QuoteItem], caller: Caller, seen: dict[str, str]) -> None:
        try:
            await self._orders.set_cart(NewCart(items=items), caller, seen)
        except NotFound as missing:
            gone = missing.details.get("variants", [])
            sold = [item for item in items if item.variant not in gone]
            if not sold or sold == items:
                raise
            await self._orders.set_cart(NewCart(items=sold), caller, seen)


def _quantities(cart: Cart) -> dict[str, int]:
    sold = {line.variant: line.quantity for line in cart.lines}
    return sold | {item.variant: item.quantity for item in cart.gone}
