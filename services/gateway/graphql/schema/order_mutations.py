"""Mutations of carts and orders."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import strawberry

from services.clients.base import if_match
from services.clients.paths import numeric_id
from services.contracts import orders as contracts
from services.contracts.catalog import QuoteItem
from services.gateway.graphql.context import Context, Info
from services.gateway.graphql.permissions import mutation, require_user
from services.gateway.graphql.schema.orders import Cart, Order
from services.gateway.graphql.schema.scalars import Minor

_BUYING = "write:shop"
Revision = Annotated[
    int | None,
    strawberry.argument(
        description="The revision of the cart that the caller has read, as a precondition."
    ),
]


@strawberry.input(description="An item of a cart.")
class CartItem:
    product_id: strawberry.ID
    variant_id: strawberry.ID
    quantity: int = 1


@strawberry.type
class OrderMutations:
    @mutation("Replace the items of the cart.", require_user(_BUYING))
    async def set_cart(
        self, info: Info, items: list[CartItem], revision: Revision = None
    ) -> Cart | None:
        context = info.context
        wanted = contracts.NewCart.model_construct(items=[_item(item) for item in items])
        cart = await context.changes.orders.set_cart(wanted, context.me, if_match(revision))
        return Cart.of(cart, context)

    @mutation(
        "Add an item to the cart. All items of a cart are of one shop.", require_user(_BUYING)
    )
    async def add_to_cart(
        self, info: Info, item: CartItem, revision: Revision = None
    ) -> Cart | None:
        context, wanted = info.context, _item(item)
        cart = await context.changes.orders.add_to_cart(wanted, context.me, if_match(revision))
        return Cart.of(cart, context)

    @mutation("Set the quantity of an item in the cart; 0 removes it.", require_user(_BUYING))
    async def set_cart_quantity(
        self, info: Info, variant_id: strawberry.ID, quantity: int, revision: Revision = None
    ) -> Cart | None:
        context, seen = info.context, if_match(revision)
        orders, me = context.changes.orders, context.me
        if quantity == 0:
            return Cart.of(await orders.remove_from_cart(variant_id, me, seen), context)
        wanted = contracts.CartQuantity.model_construct(quantity=quantity)
        return Cart.of(await orders.set_quantity(variant_id, wanted, me, seen), context)

    @mutation(
        "Order the items of the cart. If the total is not `expectedTotal`, nothing is ordered "
        "(CONFLICT, `price_changed`). The same `idempotencyKey` "
        "returns the same order, and a cart becomes one order. `card` is the provider's token.",
        require_user(_BUYING),
    )
    async def checkout(
        self, info: Info, idempotency_key: str, card: str, expected_total: Minor, currency: str
    ) -> Order | None:
        new: dict[str, Any] = {
            "idempotency_key": idempotency_key,
            "card": card,
            "expected_total": expected_total,
            "currency": currency,
        }
        context, wanted = info.context, contracts.NewCheckout.model_construct(None, **new)
        return Order.of(await context.changes.orders.checkout(wanted, context.me), context)

    @mutation("Cancel an order that is not paid, as its buyer.", require_user(_BUYING))
    async def cancel_order(self, info: Info, id: strawberry.ID) -> Order | None:
        return await _end_order(info.context, id, "cancel")

    @mutation("Refund an order completely, as its seller.", require_user(_BUYING))
    async def refund_order(self, info: Info, id: strawberry.ID) -> Order | None:
        return await _end_order(info.context, id, "refund")


def _item(item: CartItem) -> QuoteItem:
    return QuoteItem.model_construct(
        product=numeric_id(item.product_id),
        variant=numeric_id(item.variant_id),
        quantity=item.quantity,
    )


async def _end_order(context: Context, id: str, action: Literal["cancel", "refund"]) -> Order:
    return Order.of(await context.changes.orders.end_order(id, action, context.me), context)
