"""Changes carts, and shows them with current prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from services.chassis.errors import Conflict, Invalid, NotFound, PreconditionFailed
from services.chassis.http.preconditions import Condition
from services.contracts.catalog import QuoteLine
from services.orders.adapters.shop_services import ShopServices
from services.orders.domain import carts as rules
from services.orders.domain.carts import CartEntry, CartRecord
from services.orders.repository import Repository


class CartService:
    """Changes and shows the carts of all users."""

    def __init__(self, repository: Repository, shop_services: ShopServices) -> None:
        self._repository = repository
        self._shop_services = shop_services

    async def show(self, user: str) -> dict[str, Any]:
        """Return a `Cart`. One state call; one invocation, two if some items are not sold."""
        return await self._view(await self._repository.carts.get(user), user)

    async def replace(
        self, user: str, items: Sequence[CartEntry], seen: Condition | None
    ) -> dict[str, Any]:
        """Replace all items of a cart. Two state calls, two invocations."""
        items, shop = await self._offered(items, user) if items else ((), "")
        cart = await self._repository.carts.update(
            user, lambda kept: rules.replace_items(_check_revision(kept, seen), items, shop)
        )
        return await self._view(cart, user)

    async def add(self, user: str, item: CartEntry, seen: Condition | None) -> dict[str, Any]:
        """Add an item, or increase its quantity. Two state calls, two invocations."""
        (item,), shop = await self._offered([item], user)
        cart = await self._repository.carts.update(
            user, lambda kept: rules.add(_check_revision(kept, seen), item, shop)
        )
        return await self._view(cart, user)

    async def set_quantity(
        self, user: str, variant: str, quantity: int, seen: Condition | None
    ) -> dict[str, Any]:
        """Set the quantity of an item. Two state calls, one invocation."""
        cart = await self._repository.carts.update(
            user, lambda kept: rules.set_quantity(_check_revision(kept, seen), variant, quantity)
        )
        return await self._view(cart, user)

    async def remove(self, user: str, variant: str, seen: Condition | None) -> dict[str, Any]:
        """Remove an item. Two state calls, one invocation."""
        cart = await self._repository.carts.update(
            user, lambda kept: rules.remove(_check_revision(kept, seen), variant)
        )
        return await self._view(cart, user)

    async def _view(self, cart: CartRecord | None, user: str) -> dict[str, Any]:
        cart = cart or CartRecord()
        lines, gone = await self._priced(cart.items, user)
        first = lines[0] if lines else None
        added = {item.variant: item.price for item in cart.items}
        return {
            "lines": [
                line.model_dump(mode="json") | {"added_price": added[line.variant]}
                for line in lines
            ],
            "gone": [
                {"product": item.product, "variant": item.variant, "quantity": item.quantity}
                for item in gone
            ],
            "shop": first.shop if first else None,
            "seller": first.seller if first else None,
            "total": total_price(lines),
            "currency": first.currency if first else None,
            "revision": cart.revision,
        }

    async def _offered(self, items: Sequence[CartEntry], user: str) -> tuple[list[CartEntry], str]:
        """Return the items with their current prices, and the one shop of all.

        Raises if they cannot be bought together.
        """
        lines = await self._shop_services.quote(items, user)
        if any(line.seller == user for line in lines):
            raise Invalid("You cannot buy your own products.", code="own_product")
        shops = {line.shop for line in lines}
        if len(shops) > 1:
            raise Conflict("All items of a cart must be of one shop.", code="other_shop")
        prices = {line.variant: line.price for line in lines}
        return [replace(item, price=prices[item.variant]) for item in items], shops.pop()

    async def _priced(
        self, items: Sequence[CartEntry], user: str
    ) -> tuple[list[QuoteLine], list[CartEntry]]:
        """Return the current prices of items, and the items that are not sold any more."""
        gone: list[CartEntry] = []
        kept = list(items)
        for _ in range(2):
            if not kept:
                break
            try:
                return await self._shop_services.quote(kept, user), gone
            except NotFound as missing:
                variants = missing.details.get("variants")
                if missing.code != "not_sold" or not variants:
                    raise
                gone += [item for item in kept if item.variant in variants]
                kept = [item for item in kept if item.variant not in variants]
        return [], [*gone, *kept]


def total_price(lines: Sequence[QuoteLine]) -> int:
    """Return what the lines cost together, in minor units."""
    return sum(line.price * line.quantity for line in lines)


def _check_revision(cart: CartRecord | None, seen: Condition | None) -> CartRecord:
    cart = cart or CartRecord()
    if seen is not None and cart.revision not in seen:
        raise PreconditionFailed("The cart was changed since you read it. Read it again.")
    return cart
