"""The routes of carts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from services.chassis.http.dependencies import IfMatchVersion
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.storage.window import normalize_id
from services.contracts.catalog import QuoteItem
from services.contracts.orders import Cart, CartQuantity, NewCart
from services.orders.api.parameters import Reader, Writer
from services.orders.application.carts import CartService
from services.orders.domain.carts import CartEntry

VariantId = Annotated[str, Path(max_length=20, pattern=r"^\d+$", examples=["116548273934401601"])]

_CART = responses(Cart, "The cart with current prices.", 401, 403, 503)
_CHANGED = responses(Cart, "The changed cart.", 401, 403, 404, 409, 412, 422, 503)


def create_router(carts: CartService) -> APIRouter:
    """Return the routes of carts."""
    router = APIRouter(prefix="/cart", tags=["cart"])

    @router.get("", responses=_CART)
    async def show_cart(caller: Reader) -> OrjsonResponse:
        """Return the caller's cart with current prices."""
        return OrjsonResponse(await carts.show(caller.user_id))

    @router.put("", responses=_CHANGED)
    async def replace_cart(new: NewCart, caller: Writer, seen: IfMatchVersion) -> OrjsonResponse:
        """Replace all items of the cart."""
        items = [_item(each) for each in new.items]
        return OrjsonResponse(await carts.replace(caller.user_id, items, seen))

    @router.post("/items", responses=_CHANGED)
    async def add_item(new: QuoteItem, caller: Writer, seen: IfMatchVersion) -> OrjsonResponse:
        """Add an item, or increase its quantity. All items of a cart are of one shop."""
        return OrjsonResponse(await carts.add(caller.user_id, _item(new), seen))

    @router.patch("/items/{variant}", responses=_CHANGED)
    async def set_quantity(
        variant: VariantId, new: CartQuantity, caller: Writer, seen: IfMatchVersion
    ) -> OrjsonResponse:
        """Set the quantity of an item that is in the cart."""
        user, id = caller.user_id, normalize_id(variant)
        return OrjsonResponse(await carts.set_quantity(user, id, new.quantity, seen))

    @router.delete("/items/{variant}", responses=_CHANGED)
    async def remove_item(
        variant: VariantId, caller: Writer, seen: IfMatchVersion
    ) -> OrjsonResponse:
        """Remove an item. It need not be in the cart."""
        return OrjsonResponse(await carts.remove(caller.user_id, normalize_id(variant), seen))

    return router


def _item(item: QuoteItem) -> CartEntry:
    return CartEntry(normalize_id(item.product), normalize_id(item.variant), item.quantity)
