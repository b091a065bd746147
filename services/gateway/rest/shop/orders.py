"""Carts, checkouts and orders under `/api/shop/v1`.

A cart has its revision as `ETag`, and changes may require it in `If-Match`. Each route costs one
call of `orders`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from services.chassis.errors import Invalid, ServiceError
from services.chassis.storage.window import Window
from services.contracts import limits
from services.contracts.accounts import Model
from services.contracts.accounts import examples as json_examples
from services.contracts.catalog import Currency, QuoteItem, QuoteLine
from services.contracts.orders import Cart, CartQuantity, NewCart, NewCheckout, Order
from services.gateway.container import Gateway
from services.gateway.http.openapi import problem_responses
from services.gateway.presentation.entities import orders as entities
from services.gateway.presentation.entities import shop
from services.gateway.rest.shop import examples
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
)

Wait = Annotated[
    float,
    Query(ge=0, le=limits.MAX_WAIT, description="Seconds to wait until the order is final."),
]


class Checkout(Model):
    """The order of a cart, at the price that the buyer has seen."""

    model_config = json_examples(
        {"card": "tok_ok", "expected_total": 4800, "currency": "EUR", "idempotency_key": "7d1f2c"}
    )

    card: str = Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_]+$")
    expected_total: int = Field(ge=0, le=limits.MAX_PAYMENT, strict=True)
    currency: Currency
    idempotency_key: str = Field(default="", max_length=200)


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about carts and orders."""
    router = APIRouter()
    router.routes.extend(_cart_routes(gateway).routes)
    router.routes.extend(_order_routes(gateway).routes)
    return router


def _cart_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/cart", tags=["cart"], route_class=ShopRoute)
    a_cart = problem_responses(examples.CART, "The cart; its revision is the `ETag`.")

    def shown(cart: Cart) -> Response:
        return entity_response(entities.cart(cart, gateway.urls), cart.revision)

    @router.get("", responses=a_cart)
    async def show(caller: ShopReader) -> Response:
        """The caller's cart with current prices. All items are of one shop."""
        return shown(await gateway.services.orders.cart(caller))

    @router.put("", responses=a_cart)
    async def put(
        wanted: NewCart,
        caller: ShopWriter,
        conditions: Conditions,
    ) -> Response:
        """Replace the items of the cart."""
        return shown(await gateway.services.orders.set_cart(wanted, caller, conditions))

    @router.post("/items", responses=a_cart)
    async def add(
        wanted: QuoteItem,
        caller: ShopWriter,
        conditions: Conditions,
    ) -> Response:
        """Add an item to the cart."""
        return shown(await gateway.services.orders.add_to_cart(wanted, caller, conditions))

    @router.patch("/items/{variant}", responses=a_cart)
    async def change(
        variant: Id,
        wanted: CartQuantity,
        caller: ShopWriter,
        conditions: Conditions,
    ) -> Response:
        """Set the quantity of an item in the cart."""
        orders = gateway.services.orders
        return shown(await orders.set_quantity(variant, wanted, caller, conditions))

    @router.delete("/items/{variant}", responses=a_cart)
    async def remove(variant: Id, caller: ShopWriter, conditions: Conditions) -> Response:
        """Remove an item from the cart, if it is there."""
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
        wanted: Checkout,
        caller: ShopWriter,
        key: IdempotencyKey = "",
        wait: Wait = 0.0,
    ) -> Response:
        """Order the items of the cart. The order's history shows its progress.

        With `wait` it is mostly in its final state; else, or after that time, ask for it again.

        The same `Idempotency-Key` returns the same order, and is rejected with another body (422
        `key_reused`). If the total is not `expected_total`, nothing is ordered: 409 `price_changed`
        has the current prices. A cart becomes one order: a concurrent checkout finds it empty (422
        `cart_empty`) or changed (409 `cart_changed`).
        """
        body = wanted.model_dump() | ({"idempotency_key": key} if key else {})
        if not body["idempotency_key"]:
            raise Invalid("A checkout needs an Idempotency-Key.", code="key_missing")
        new = NewCheckout.model_construct(None, **body)
        try:
            order = await gateway.services.orders.checkout(new, caller, wait)
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
        """The caller's purchases or sales, optionally of one shop."""
        found = await gateway.services.orders.orders(
            caller, Window(limit, cursor), role=role, shop=shop
        )
        rows = [entities.order(order, gateway.urls) for order in found.orders]
        return page_response(gateway, request, rows, found.last)

    @router.get("/orders/{id}", responses=an_order)
    async def one(id: Id, caller: ShopReader) -> Response:
        """One order with its history, for its buyer and its seller."""
        return shown(await gateway.services.orders.order(id, caller))

    @router.post("/orders/{id}/cancel", responses=an_order)
    async def cancel(id: Id, caller: ShopWriter) -> Response:
        """Cancel the caller's order, while it is not paid."""
        return shown(await gateway.services.orders.end_order(id, "cancel", caller))

    @router.post("/orders/{id}/refund", responses=an_order)
    async def refund(id: Id, caller: ShopWriter) -> Response:
        """Refund an order completely, as its seller."""
        return shown(await gateway.services.orders.end_order(id, "refund", caller))

    return router


def _price_changed(failure: ServiceError, gateway: Gateway) -> ServiceError:
    """The error with current prices in the format of this API."""
    if failure.code != "price_changed":
        return failure
    details = failure.details
    lines = [QuoteLine.model_validate(line) for line in details.get("lines", [])]
    total = shop.money(details["total"], details["currency"])
    items = [shop.quote_line(line, gateway.urls) for line in lines]
    return type(failure)(failure.message, code=failure.code, total=total, items=items)
