"""Carts, checkouts and orders under `/api/shop/v1`.

A cart has its revision as `ETag`, and who changes it may send that back as `If-Match`. Each route
costs one call of `orders`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Request, Response
from pydantic import Field

from services.chassis.errors import Invalid, ServiceError
from services.chassis.storage.window import Window
from services.contracts import limits
from services.contracts.accounts import Model
from services.contracts.catalog import Currency, QuoteItem, QuoteLine
from services.contracts.orders import Cart, CartQuantity, NewCart, NewCheckout, Order
from services.gateway.container import Gateway
from services.gateway.presentation.entities import orders as entities
from services.gateway.presentation.entities import shop
from services.gateway.rest.shop import order_examples as examples
from services.gateway.rest.shop.responses import (
    PREFIX,
    Conditions,
    Cursor,
    Id,
    IdempotencyKey,
    IdFilter,
    Limit,
    ShopReader,
    ShopRoute,
    ShopWriter,
    entity_response,
    page_response,
    problem_responses,
)


class Checkout(Model):
    """Somebody orders what is in their cart, at the price that they were shown."""

    card: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_]+$")
    expected_total: int = Field(ge=0, le=limits.PAYMENT, strict=True)
    currency: Currency
    idempotency_key: str = Field(default="", max_length=200)


def create_router(gateway: Gateway) -> APIRouter:
    """All routes."""
    router = APIRouter()
    router.routes.extend(_cart_routes(gateway).routes)
    router.routes.extend(_order_routes(gateway).routes)
    return router


def _cart_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/cart", tags=["cart"], route_class=ShopRoute)
    a_cart = problem_responses(examples.CART, "The cart as it is then; its revision is the `ETag`.")

    def shown(cart: Cart) -> Response:
        return entity_response(entities.cart(cart, gateway.urls), cart.revision)

    @router.get("", responses=a_cart)
    async def show(caller: ShopReader) -> Response:
        """What is in one's cart, with what it costs now. All of it is of one shop."""
        return shown(await gateway.services.orders.cart(caller))

    @router.put("", responses=a_cart)
    async def put(
        wanted: Annotated[NewCart, Body(openapi_examples=examples.NEW_CARTS)],
        caller: ShopWriter,
        conditions: Conditions,
    ) -> Response:
        """Have one's cart hold these things, and no others."""
        return shown(await gateway.services.orders.set_cart(wanted, caller, conditions))

    @router.post("/items", responses=a_cart)
    async def add(
        wanted: Annotated[QuoteItem, Body(openapi_examples=examples.NEW_ITEMS)],
        caller: ShopWriter,
        conditions: Conditions,
    ) -> Response:
        """Put some more of something into one's cart."""
        return shown(await gateway.services.orders.add_to_cart(wanted, caller, conditions))

    @router.patch("/items/{variant}", responses=a_cart)
    async def change(
        variant: Id,
        wanted: Annotated[CartQuantity, Body(openapi_examples=examples.QUANTITIES)],
        caller: ShopWriter,
        conditions: Conditions,
    ) -> Response:
        """Have so many of something in one's cart."""
        orders = gateway.services.orders
        return shown(await orders.set_quantity(variant, wanted, caller, conditions))

    @router.delete("/items/{variant}", responses=a_cart)
    async def remove(variant: Id, caller: ShopWriter, conditions: Conditions) -> Response:
        """Take something out of one's cart; it need not be there."""
        return shown(await gateway.services.orders.remove_from_cart(variant, caller, conditions))

    return router


def _order_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["orders"], route_class=ShopRoute)
    an_order = problem_responses(examples.ORDER, "The order; its version is the `ETag`.")

    def shown(order: Order, status: int = 200) -> Response:
        return entity_response(entities.order(order, gateway.urls), order.version, status)

    @router.post(
        "/checkouts",
        status_code=201,
        responses=problem_responses(examples.ORDER, "The order.", 201),
    )
    async def place(
        wanted: Annotated[Checkout, Body(openapi_examples=examples.CHECKOUTS)],
        caller: ShopWriter,
        key: IdempotencyKey = "",
    ) -> Response:
        """Order what is in one's cart; what becomes of it is told by the order's history.

        The same `Idempotency-Key` gives the same order, with another body it is refused (422
        `key_reused`). Where it costs another price than `expected_total`, nothing is ordered: 409
        `price_changed` says what it costs now. A cart becomes one order: another checkout at the
        same time finds it empty (422 `cart_empty`) or changed (409 `cart_changed`).
        """
        body = wanted.model_dump() | ({"idempotency_key": key} if key else {})
        if not body["idempotency_key"]:
            raise Invalid("A checkout needs an Idempotency-Key.", code="key_missing")
        new = NewCheckout.model_construct(None, **body)
        try:
            order = await gateway.services.orders.checkout(new, caller)
        except ServiceError as failure:
            raise _price_changed(failure, gateway) from failure
        return shown(order, 201)

    @router.get("/orders", responses=problem_responses(examples.ORDERS, "A page, newest first."))
    async def some(
        request: Request,
        caller: ShopReader,
        role: Literal["buyer", "seller"] = "buyer",
        shop: IdFilter = "",
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> Response:
        """What one bought, or sold, perhaps in one of one's shops."""
        found = await gateway.services.orders.orders(
            caller, Window(limit, cursor), role=role, shop=shop
        )
        rows = [entities.order(order, gateway.urls) for order in found.orders]
        return page_response(gateway, request, rows, found.last)

    @router.get("/orders/{id}", responses=an_order)
    async def one(id: Id, caller: ShopReader) -> Response:
        """One order, for its buyer and its seller, with all that happened to it."""
        return shown(await gateway.services.orders.order(id, caller))

    @router.post("/orders/{id}/cancel", responses=an_order)
    async def cancel(id: Id, caller: ShopWriter) -> Response:
        """End an order that one has made, while it is not paid."""
        return shown(await gateway.services.orders.end_order(id, "cancel", caller))

    @router.post("/orders/{id}/refund", responses=an_order)
    async def refund(id: Id, caller: ShopWriter) -> Response:
        """Give back all that was paid to one for an order."""
        return shown(await gateway.services.orders.end_order(id, "refund", caller))

    return router


def _price_changed(failure: ServiceError, gateway: Gateway) -> ServiceError:
    """A refusal with what things cost now as this API shows it."""
    if failure.code != "price_changed":
        return failure
    details = failure.details
    lines = [QuoteLine.model_validate(line) for line in details.get("lines", [])]
    total = shop.money(details["total"], details["currency"])
    items = [shop.quote_line(line, gateway.urls) for line in lines]
    return type(failure)(failure.message, code=failure.code, total=total, items=items)
