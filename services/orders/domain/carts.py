"""Carts: what a user is about to buy, all of one shop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.chassis.errors import Conflict, Invalid, NotFound
from services.contracts.limits import MAX_LINES, MAX_PIECES
from services.orders.domain.orders import OrderRecord


@dataclass(frozen=True, slots=True)
class CartEntry:
    """A quantity of a variant. `price` of one piece is what it was when it was added."""

    product: str
    variant: str
    quantity: int
    price: int | None = None


@dataclass(frozen=True, slots=True)
class CartRecord:
    """The stored document. `shop` sells all items; `revision` grows with every change of them.

    `order` has claimed the items, and may not be written yet. Nothing is reserved or paid before.
    """

    items: tuple[CartEntry, ...] = ()
    shop: str = ""
    revision: int = 0
    order: OrderRecord | None = None

    def item(self, variant: str) -> CartEntry:
        """Return the item of a variant. Raises `NotFound`."""
        for item in self.items:
            if item.variant == variant:
                return item
        raise NotFound("This item is not in the cart.")


def add(cart: CartRecord | None, item: CartEntry, shop: str) -> CartRecord:
    """Add an item, or increase its quantity.

    Raises `Conflict` (`other_shop`) if the cart has items of another shop, `Invalid` beyond the
    limits.
    """
    cart = cart or CartRecord()
    if cart.items and cart.shop != shop:
        raise Conflict(
            "The cart has items of another shop. Order those first, or empty the cart.",
            code="other_shop",
        )
    there = sum(each.quantity for each in cart.items if each.variant == item.variant)
    others = [each for each in cart.items if each.variant != item.variant]
    return _with_items(cart, [*others, replace(item, quantity=there + item.quantity)], shop)


def replace_items(cart: CartRecord | None, items: Sequence[CartEntry], shop: str) -> CartRecord:
    """Replace all items. The quantities of items with the same variant are added."""
    cart = cart or CartRecord()
    sums: dict[str, CartEntry] = {}
    for item in items:
        there = sums[item.variant].quantity if item.variant in sums else 0
        sums[item.variant] = replace(item, quantity=there + item.quantity)
    return _with_items(cart, list(sums.values()), shop)


def set_quantity(cart: CartRecord | None, variant: str, quantity: int) -> CartRecord:
    """Set the quantity of an item. Raises `NotFound` if it is not in the cart."""
    cart = cart or CartRecord()
    cart.item(variant)
    items = [
        replace(each, quantity=quantity) if each.variant == variant else each for each in cart.items
    ]
    return _with_items(cart, items, cart.shop)


def remove(cart: CartRecord | None, variant: str) -> CartRecord:
    """Remove an item. It need not be in the cart."""
    cart = cart or CartRecord()
    return _with_items(cart, [each for each in cart.items if each.variant != variant], cart.shop)


def claim(cart: CartRecord | None, order: OrderRecord) -> CartRecord | None:
    """Empty the cart and keep the order in it.

    The cart stays as it is if it has changed since it was priced, or if an earlier order is not
    written yet.
    """
    if cart is None or cart.order or cart.revision != order.cart_revision:
        return cart
    return CartRecord(revision=cart.revision + 1, order=order)


def clear_claim(cart: CartRecord | None, order: str) -> CartRecord | None:
    """Remove an order that is written from the cart."""
    if cart is None or cart.order is None or cart.order.id != order:
        return cart
    return replace(cart, order=None)


def _with_items(cart: CartRecord, items: list[CartEntry], shop: str) -> CartRecord:
    if len(items) > MAX_LINES:
        raise Invalid(f"A cart can have at most {MAX_LINES} different items.")
    if any(item.quantity > MAX_PIECES for item in items):
        raise Invalid(f"At most {MAX_PIECES} pieces of an item can be ordered at once.")
    if tuple(items) == cart.items:
        return cart
    return replace(cart, items=tuple(items), shop=shop if items else "", revision=cart.revision + 1)
