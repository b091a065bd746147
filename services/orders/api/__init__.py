"""The routes of orders."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Path, Query

from services.chassis.http.dependencies import IfMatchVersion, window
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_service, require_user
from services.chassis.storage.window import Window, normalize_id
from services.contracts.catalog import QuoteItem
from services.contracts.orders import (
    Cart,
    CartQuantity,
    NewCart,
    NewCheckout,
    Order,
    OrderList,
    Rebuilt,
)
from services.orders.application.carts import CartService
from services.orders.application.checkout import CheckoutService
from services.orders.application.projection_rebuild import ProjectionRebuild
from services.orders.domain.carts import CartItem
from services.orders.examples import (
    CART,
    NEW_CART,
    NEW_CHECKOUT,
    NEW_ITEM,
    ORDER,
    ORDERS,
    QUANTITY,
    answers,
)

Reader = Annotated[Caller, Depends(require_user("read:shop"))]
Writer = Annotated[Caller, Depends(require_user("write:shop"))]
PathId = Annotated[str, Path(max_length=40, examples=["116548290000001537"])]
VariantId = Annotated[str, Path(max_length=20, pattern=r"^\d+$", examples=["116548273934401601"])]

PageWindow = Annotated[Window, Depends(window())]

A_CART = answers(Cart, "The cart, with what it costs now.", CART, 401, 403, 503)
A_CHANGED_CART = answers(Cart, "The cart as it is then.", CART, 401, 403, 404, 409, 412, 422, 503)
AN_ORDER = answers(Order, "The order as it is then.", ORDER, 401, 403, 404, 409, 422, 503)


def create_router(
    carts: CartService, checkout: CheckoutService, rebuild: ProjectionRebuild
) -> APIRouter:
    """All routes."""
    router = APIRouter()
    router.routes.extend(_carts(carts).routes)
    router.routes.extend(_orders(checkout).routes)

    @router.post(
        "/rebuilds",
        dependencies=[Depends(require_service("orders"))],
        tags=["operation"],
        responses=answers(Rebuilt, "What was mended.", {"orders": 1200, "mended": 0}, 403),
    )
    async def rebuilt() -> OrjsonResponse:
        """Make all that lists show anew from the logs; for the operator, by the own sidecar."""
        return OrjsonResponse(await rebuild.run())

    return router


def _carts(carts: CartService) -> APIRouter:
    router = APIRouter(prefix="/cart", tags=["cart"])

    @router.get("", responses=A_CART)
    async def show(caller: Reader) -> OrjsonResponse:
        """The caller's cart, with what it costs now."""
        return OrjsonResponse(await carts.show(caller.user_id))

    @router.put("", responses=A_CHANGED_CART)
    async def put(
        new: Annotated[NewCart, Body(openapi_examples=NEW_CART)],
        caller: Writer,
        seen: IfMatchVersion,
    ) -> OrjsonResponse:
        """Have the cart hold these things, and no others."""
        items = [_item(each) for each in new.items]
        return OrjsonResponse(await carts.replace(caller.user_id, items, seen))

    @router.post("/items", responses=A_CHANGED_CART)
    async def add(
        new: Annotated[QuoteItem, Body(openapi_examples=NEW_ITEM)],
        caller: Writer,
        seen: IfMatchVersion,
    ) -> OrjsonResponse:
        """Some more of something. All that is in a cart is of one shop."""
        return OrjsonResponse(await carts.add(caller.user_id, _item(new), seen))

    @router.patch("/items/{variant}", responses=A_CHANGED_CART)
    async def change(
        variant: VariantId,
        new: Annotated[CartQuantity, Body(openapi_examples=QUANTITY)],
        caller: Writer,
        seen: IfMatchVersion,
    ) -> OrjsonResponse:
        """So many of something that is in the cart."""
        user, id = caller.user_id, normalize_id(variant)
        return OrjsonResponse(await carts.set_quantity(user, id, new.quantity, seen))

    @router.delete("/items/{variant}", responses=A_CHANGED_CART)
    async def remove(variant: VariantId, caller: Writer, seen: IfMatchVersion) -> OrjsonResponse:
        """Nothing of something; it need not be there."""
        return OrjsonResponse(await carts.remove(caller.user_id, normalize_id(variant), seen))

    return router


def _orders(checkout: CheckoutService) -> APIRouter:
    router = APIRouter(tags=["orders"])

    @router.post("/checkouts", responses=AN_ORDER)
    async def place(
        new: Annotated[NewCheckout, Body(openapi_examples=NEW_CHECKOUT)], caller: Writer
    ) -> OrjsonResponse:
        """Order what is in the cart. The same idempotency key gives the same order."""
        return OrjsonResponse(await checkout.place(caller.user_id, new))

    @router.get("/orders", responses=answers(OrderList, "A page.", ORDERS, 401, 403, 422))
    async def some(
        caller: Reader,
        wanted: PageWindow,
        role: Literal["buyer", "seller"] = "buyer",
        shop: Annotated[str, Query(max_length=20, pattern=r"^\d*$")] = "",
    ) -> OrjsonResponse:
        """What the caller bought or sold, perhaps in one shop; newest first."""
        return OrjsonResponse(await checkout.list_orders(role, caller.user_id, shop, wanted))

    @router.get("/orders/{id}", responses=AN_ORDER)
    async def show(id: PathId, caller: Reader) -> OrjsonResponse:
        """An order, for its buyer and its seller, with all that happened to it."""
        return OrjsonResponse(await checkout.show(id, caller.user_id))

    @router.post("/orders/{id}/cancel", responses=AN_ORDER)
    async def cancel(id: PathId, caller: Writer) -> OrjsonResponse:
        """End an order that is not paid yet, for its buyer."""
        return OrjsonResponse(await checkout.cancel(id, caller.user_id))

    @router.post("/orders/{id}/refund", responses=AN_ORDER)
    async def refund(id: PathId, caller: Writer) -> OrjsonResponse:
        """Give all that was paid back, for its seller."""
        return OrjsonResponse(await checkout.refund(id, caller.user_id))

    return router


def _item(item: QuoteItem) -> CartItem:
    return CartItem(normalize_id(item.product), normalize_id(item.variant), item.quantity)
