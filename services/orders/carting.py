"""Carts: changed, and shown with what things cost now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.chassis.errors import Conflict, Invalid, NotFound, PreconditionFailed
from services.chassis.http.preconditions import Condition
from services.orders.domain import carts as rules
from services.orders.domain.carts import Cart, Item
from services.orders.market import Answer, Market
from services.orders.store import Store


class Carts:
    """Everybody's carts."""

    def __init__(self, store: Store, market: Market) -> None:
        self._store = store
        self._market = market

    async def show(self, user: str) -> dict[str, Any]:
        """A `Cart`. One state call; one invocation, two where something is sold no more."""
        return await self.view(await self._store.carts.get(user) or Cart())

    async def view(self, cart: Cart) -> dict[str, Any]:
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
            "total": total(lines),
            "currency": lines[0]["currency"] if lines else None,
            "revision": cart.revision,
        }

    async def put(self, user: str, items: Sequence[Item], seen: Condition | None) -> dict[str, Any]:
        """Have a cart hold these things, and no others. Two state calls, two invocations."""
        shop = await self._shop(items, user) if items else ""
        cart = await self._store.carts.update(
            user, lambda kept: rules.holding(_seen(kept, seen), items, shop)
        )
        return await self.view(cart or Cart())

    async def add(self, user: str, item: Item, seen: Condition | None) -> dict[str, Any]:
        """Some more of something. Two state calls, two invocations."""
        shop = await self._shop([item], user)
        cart = await self._store.carts.update(
            user, lambda kept: rules.adding(_seen(kept, seen), item, shop)
        )
        return await self.view(cart or Cart())

    async def change(
        self, user: str, variant: str, quantity: int, seen: Condition | None
    ) -> dict[str, Any]:
        """So many of something. Two state calls, one invocation."""
        cart = await self._store.carts.update(
            user, lambda kept: rules.with_quantity(_seen(kept, seen), variant, quantity)
        )
        return await self.view(cart or Cart())

    async def remove(self, user: str, variant: str, seen: Condition | None) -> dict[str, Any]:
        """Nothing of something. Two state calls, one invocation."""
        cart = await self._store.carts.update(
            user, lambda kept: rules.without(_seen(kept, seen), variant)
        )
        return await self.view(cart or Cart())

    async def _shop(self, items: Sequence[Item], user: str) -> str:
        """The one shop of all these things. Raises where they cannot be bought together."""
        lines = await self._market.quote(items)
        if any(line["seller"] == user for line in lines):
            raise Invalid("Nobody can buy from themselves.", code="own_product")
        shops = {line["shop"] for line in lines}
        if len(shops) > 1:
            raise Conflict("A cart has things of one shop only.", code="other_shop")
        return str(shops.pop())

    async def _priced(self, items: Sequence[Item]) -> tuple[list[Answer], list[Item]]:
        gone: list[Item] = []
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


def total(lines: Sequence[Answer]) -> int:
    """What some lines cost together."""
    return sum(line["price"] * line["quantity"] for line in lines)


def _seen(cart: Cart | None, seen: Condition | None) -> Cart:
    """The cart, if it is as whoever changes it has seen it. Raises `PreconditionFailed`."""
    cart = cart or Cart()
    if seen is not None and cart.revision not in seen:
        raise PreconditionFailed("The cart was changed since you read it. Read it again.")
    return cart
