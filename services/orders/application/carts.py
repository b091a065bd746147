"""Carts: changed, and shown with what things cost now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.errors import Conflict, Invalid, NotFound, PreconditionFailed
from services.chassis.http.preconditions import Condition
from services.orders.adapters.shop_services import JsonObject, ShopServices
from services.orders.domain import carts as rules
from services.orders.domain.carts import CartItem, CartRecord
from services.orders.repository import Repository


class CartService:
    """Everybody's carts."""

    def __init__(self, store: Repository, market: ShopServices) -> None:
        self._store = store
        self._market = market

    async def show(self, user: str) -> dict[str, Any]:
        """A `Cart`. One state call; one invocation, two where something is sold no more."""
        return await self.view(await self._store.carts.get(user) or CartRecord())

    async def view(self, cart: CartRecord) -> dict[str, Any]:
        """A cart with what it costs now. One or two invocations."""
        lines, gone = await self._priced(cart.items)
        return {
            "lines": lines,
            "gone": [
                {"product": item.product, "variant": item.variant, "quantity": item.quantity}
                for item in gone
            ],
            "shop": lines[0]["shop"] if lines else None,
            "seller": lines[0]["seller"] if lines else None,
            "total": total_price(lines),
            "currency": lines[0]["currency"] if lines else None,
            "revision": cart.revision,
        }

    async def replace(
        self, user: str, items: Sequence[CartItem], seen: Condition | None
    ) -> dict[str, Any]:
        """Have a cart hold these things, and no others. Two state calls, two invocations."""
        shop = await self._common_shop(items, user) if items else ""
        cart = await self._store.carts.update(
            user, lambda kept: rules.replace_items(_check_revision(kept, seen), items, shop)
        )
        return await self.view(cart or CartRecord())

    async def add(self, user: str, item: CartItem, seen: Condition | None) -> dict[str, Any]:
        """Some more of something. Two state calls, two invocations."""
        shop = await self._common_shop([item], user)
        cart = await self._store.carts.update(
            user, lambda kept: rules.add(_check_revision(kept, seen), item, shop)
        )
        return await self.view(cart or CartRecord())

    async def set_quantity(
        self, user: str, variant: str, quantity: int, seen: Condition | None
    ) -> dict[str, Any]:
        """So many of something. Two state calls, one invocation."""
        cart = await self._store.carts.update(
            user, lambda kept: rules.set_quantity(_check_revision(kept, seen), variant, quantity)
        )
        return await self.view(cart or CartRecord())

    async def remove(self, user: str, variant: str, seen: Condition | None) -> dict[str, Any]:
        """Nothing of something. Two state calls, one invocation."""
        cart = await self._store.carts.update(
            user, lambda kept: rules.remove(_check_revision(kept, seen), variant)
        )
        return await self.view(cart or CartRecord())

    async def _common_shop(self, items: Sequence[CartItem], user: str) -> str:
        """The one shop of all these things. Raises where they cannot be bought together."""
        lines = await self._market.quote(items)
        if any(line["seller"] == user for line in lines):
            raise Invalid("Nobody can buy from themselves.", code="own_product")
        shops = {line["shop"] for line in lines}
        if len(shops) > 1:
            raise Conflict("A cart has things of one shop only.", code="other_shop")
        return str(shops.pop())

    async def _priced(self, items: Sequence[CartItem]) -> tuple[list[JsonObject], list[CartItem]]:
        gone: list[CartItem] = []
        kept = list(items)
        for _ in range(2):
            if not kept:
                break
            try:
                return await self._market.quote(kept), gone
            except NotFound as missing:
                variants = missing.details.get("variants")
                if missing.code != "not_sold" or not variants:
                    raise
                gone += [item for item in kept if item.variant in variants]
                kept = [item for item in kept if item.variant not in variants]
        return [], [*gone, *kept]


def total_price(lines: Sequence[JsonObject]) -> int:
    """What some lines cost together."""
    return sum(line["price"] * line["quantity"] for line in lines)


def _check_revision(cart: CartRecord | None, seen: Condition | None) -> CartRecord:
    """The cart, if it is as whoever changes it has seen it. Raises `PreconditionFailed`."""
    cart = cart or CartRecord()
    if seen is not None and cart.revision not in seen:
        raise PreconditionFailed("The cart was changed since you read it. Read it again.")
    return cart
