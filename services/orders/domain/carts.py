"""A cart: what somebody is about to buy, all of one shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.chassis.errors import Conflict, Invalid, NotFound
from services.contracts.limits import LINES, PIECES
from services.orders.domain.orders import Order


@dataclass(frozen=True, slots=True)
class Item:
    """So many pieces of a variant."""

    product: str
    variant: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Cart:
    """The document. `shop` is that of all its items; `revision` grows with every change of them.

    `order` took what was in it, and perhaps is not written yet: nothing is reserved or paid before.
    """

    items: tuple[Item, ...] = ()
    shop: str = ""
    revision: int = 0
    order: Order | None = None

    def item(self, variant: str) -> Item:
        """What it has of a variant. Raises `NotFound`."""
        for item in self.items:
            if item.variant == variant:
                return item
        raise NotFound("There is no such thing in the cart.")


def adding(cart: Cart | None, item: Item, shop: str) -> Cart:
    """With some more of something.

    Raises `Conflict` (`other_shop`) beside things of another shop, `Invalid` beyond the bounds.
    """
    cart = cart or Cart()
    if cart.items and cart.shop != shop:
        raise Conflict(
            "The cart has things of another shop: order those first, or empty it.",
            code="other_shop",
        )
    there = sum(each.quantity for each in cart.items if each.variant == item.variant)
    others = [each for each in cart.items if each.variant != item.variant]
    return _with(cart, [*others, replace(item, quantity=there + item.quantity)], shop)


def holding(cart: Cart | None, items: Sequence[Item], shop: str) -> Cart:
    """With these things, each named once, in the place of all others."""
    cart = cart or Cart()
    sums: dict[str, Item] = {}
    for item in items:
        there = sums[item.variant].quantity if item.variant in sums else 0
        sums[item.variant] = replace(item, quantity=there + item.quantity)
    return _with(cart, list(sums.values()), shop)


def with_quantity(cart: Cart | None, variant: str, quantity: int) -> Cart:
    """With so many of what it has already. Raises `NotFound`."""
    cart = cart or Cart()
    cart.item(variant)
    items = [
        replace(each, quantity=quantity) if each.variant == variant else each for each in cart.items
    ]
    return _with(cart, items, cart.shop)


def without(cart: Cart | None, variant: str) -> Cart:
    """Without something; it need not be there."""
    cart = cart or Cart()
    return _with(cart, [each for each in cart.items if each.variant != variant], cart.shop)


def claimed(cart: Cart | None, order: Order) -> Cart | None:
    """Empty, and an order's; unless it was changed since, or an order before is not written yet."""
    if cart is None or cart.order or cart.revision != order.cart_revision:
        return cart
    return Cart(revision=cart.revision + 1, order=order)


def written(cart: Cart | None, order: str) -> Cart | None:
    """Without an order that is written by now."""
    if cart is None or cart.order is None or cart.order.id != order:
        return cart
    return replace(cart, order=None)


def _with(cart: Cart, items: list[Item], shop: str) -> Cart:
    if len(items) > LINES:
        raise Invalid(f"A cart holds at most {LINES} different things.")
    if any(item.quantity > PIECES for item in items):
        raise Invalid(f"At most {PIECES} pieces of a thing can be ordered at once.")
    if tuple(items) == cart.items:
        return cart
    return replace(cart, items=tuple(items), shop=shop if items else "", revision=cart.revision + 1)
