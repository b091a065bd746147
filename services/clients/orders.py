"""The orders service: carts, checkouts, orders."""

from __future__ import annotations

from typing import Literal

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.base import ExportingClient, given
from services.clients.catalog import Conditions
from services.clients.paths import numeric_id
from services.contracts.catalog import QuoteItem
from services.contracts.orders import Cart, CartQuantity, NewCart, NewCheckout, Order, OrderList


class OrdersClient(ExportingClient):
    """Routes of the orders service."""

    app_id = "orders"

    # ── carts ───────────────────────────────────────────────────────────────────────────────

    async def cart(self, caller: Caller) -> Cart:
        """The caller's cart with what it costs now."""
        return await self._get(Cart, "cart", caller)

    async def set_cart(self, new: NewCart, caller: Caller, conditions: Conditions) -> Cart:
        """Replace all that is in it."""
        return await self._send(Cart, "PUT", "cart", caller, json=new, headers=conditions)

    async def add_to_cart(self, item: QuoteItem, caller: Caller, conditions: Conditions) -> Cart:
        """Add some pieces."""
        return await self._send(Cart, "POST", "cart/items", caller, json=item, headers=conditions)

    async def set_quantity(
        self, variant: str, quantity: CartQuantity, caller: Caller, conditions: Conditions
    ) -> Cart:
        """Set how many pieces of a variant there are."""
        path = f"cart/items/{numeric_id(variant)}"
        return await self._send(Cart, "PATCH", path, caller, json=quantity, headers=conditions)

    async def remove_from_cart(self, variant: str, caller: Caller, conditions: Conditions) -> Cart:
        """Remove a variant; it need not be there."""
        path = f"cart/items/{numeric_id(variant)}"
        return await self._send(Cart, "DELETE", path, caller, headers=conditions)

    # ── orders ──────────────────────────────────────────────────────────────────────────────

    async def checkout(self, new: NewCheckout, caller: Caller, wait: float = 0.0) -> Order:
        """Order what is in the cart, and wait some seconds at most until the order is final."""
        params = {"wait": str(wait)} if wait else {}
        return await self._send(Order, "POST", "checkouts", caller, json=new, params=params)

    async def orders(
        self, caller: Caller, window: Window, *, role: str, shop: str = ""
    ) -> OrderList:
        """What the caller bought or sold, newest first, optionally in one shop."""
        params = window.params() | given(role=role, shop=shop)
        return await self._get(OrderList, "orders", caller, params)

    async def order(self, id: str, caller: Caller) -> Order:
        """One order, for its buyer and its seller. Raises `NotFound`."""
        return await self._get(Order, f"orders/{numeric_id(id)}", caller)

    async def end_order(
        self, id: str, action: Literal["cancel", "refund"], caller: Caller
    ) -> Order:
        """Cancel an order as its buyer, or refund it as its seller."""
        return await self._post(Order, f"orders/{numeric_id(id)}/{action}", caller)
