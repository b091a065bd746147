"""Mutations of carts and orders."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from services.gateway.application.identifiers import numeric_id
from services.gateway.graphql.context import Context, Info
from services.gateway.graphql.permissions import mutation, require_user
from services.gateway.graphql.schema.orders import Cart, Order
from services.gateway.graphql.schema.scalars import Minor

_BUYING = "write:shop"


Revision = Annotated[
    int | None, strawberry.argument(description="What one has seen of the cart, if it matters.")
]


@strawberry.input(description="So many pieces of something.")
class CartItem:
    product_id: strawberry.ID
    variant_id: strawberry.ID
    quantity: int = 1


@strawberry.type
class OrderMutations:
    @mutation("Have the cart hold these things, and no others.", require_user(_BUYING))
    async def set_cart(
        self, info: Info, items: list[CartItem], revision: Revision = None
    ) -> Cart | None:
        wanted = {"items": [_item(item) for item in items]}
        return await _cart(info.context, "PUT", "cart", wanted, revision)

    @mutation(
        "Some more of something. All that is in a cart is of one shop.", require_user(_BUYING)
    )
    async def add_to_cart(
        self, info: Info, item: CartItem, revision: Revision = None
    ) -> Cart | None:
        return await _cart(info.context, "POST", "cart/items", _item(item), revision)

    @mutation("So many of something that is in the cart; none take it out.", require_user(_BUYING))
    async def set_cart_quantity(
        self, info: Info, variant_id: strawberry.ID, quantity: int, revision: Revision = None
    ) -> Cart | None:
        path = f"cart/items/{numeric_id(variant_id)}"
        if quantity == 0:
            return await _cart(info.context, "DELETE", path, None, revision)
        return await _cart(info.context, "PATCH", path, {"quantity": quantity}, revision)

    @mutation(
        "Order what is in the cart. `expectedTotal` is what one was shown: if it costs something "
        "else by now, nothing is ordered (CONFLICT, `price_changed`). The same `idempotencyKey` "
        "gives the same order, and a cart becomes one order. `card` is the provider's token.",
        require_user(_BUYING),
    )
    async def checkout(
        self, info: Info, idempotency_key: str, card: str, expected_total: Minor, currency: str
    ) -> Order | None:
        wanted = {
            "idempotency_key": idempotency_key,
            "card": card,
            "expected_total": expected_total,
            "currency": currency,
        }
        return await _order(info.context, "checkouts", wanted)

    @mutation("End an order that is not paid yet, as its buyer.", require_user(_BUYING))
    async def cancel_order(self, info: Info, id: strawberry.ID) -> Order | None:
        return await _order(info.context, f"orders/{numeric_id(id)}/cancel")

    @mutation("Give all that was paid back, as the seller.", require_user(_BUYING))
    async def refund_order(self, info: Info, id: strawberry.ID) -> Order | None:
        return await _order(info.context, f"orders/{numeric_id(id)}/refund")


def _item(item: CartItem) -> dict[str, Any]:
    return {
        "product": numeric_id(item.product_id),
        "variant": numeric_id(item.variant_id),
        "quantity": item.quantity,
    }


async def _cart(
    context: Context, method: str, path: str, wanted: Any, revision: int | None
) -> Cart:
    row = await context.mutate("orders", path, method=method, json=wanted, version=revision)
    return Cart.of(row, context)


async def _order(context: Context, path: str, wanted: Any = None) -> Order:
    return Order.of(await context.mutate("orders", path, json=wanted), context)
