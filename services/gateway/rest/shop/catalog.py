"""Shops, products and their stock under `/api/shop/v1`.

Responses have the version as `ETag`, and changes require it in `If-Match`. Lists are paged by a
`cursor`. Each route costs one call of `catalog`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user
from services.contracts import limits
from services.contracts.accounts import Model
from services.contracts.catalog import (
    EditedProduct,
    EditedShop,
    NewProduct,
    NewShop,
    ProductView,
    QuoteRequest,
    ShopView,
    StockChange,
)
from services.gateway.container import Gateway
from services.gateway.http.openapi import problem_responses
from services.gateway.presentation.entities import shop as entities
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

OptionalReader = Annotated[Caller | None, Depends(optional_user("read:shop"))]


class StockCount(Model):
    """The number of pieces in stock."""

    on_hand: int = Field(ge=0, le=limits.MAX_STOCK, strict=True, examples=[12])


class StockDelta(Model):
    """The change of the number of pieces in stock."""

    delta: int = Field(ge=-limits.MAX_STOCK, le=limits.MAX_STOCK, strict=True, examples=[5])


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about shops, products and stock."""
    router = APIRouter()
    for part in (_shop_routes, _product_routes, _stock_routes):
        router.routes.extend(part(gateway).routes)
    return router


def _shop_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/shops", tags=["shops"], route_class=ShopRoute)
    one_shop = problem_responses(examples.SHOP, "The shop; its version is the `ETag`.")

    def shown(found: ShopView, status: int = 200) -> Response:
        return entity_response(entities.shop(found, gateway.urls), found.version, status)

    @router.get("", responses=problem_responses(examples.SHOPS, "A page, newest first."))
    async def some(
        request: Request,
        caller: OptionalReader,
        owner: IdFilter = "",
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> Response:
        """All shops, or those of one owner."""
        found = await gateway.services.catalog.shops(
            caller, limit=limit, max_id=cursor, owner=owner
        )
        rows = [entities.shop(view, gateway.urls) for view in found.shops]
        return page_response(gateway, request, rows, found.last)

    @router.post("", status_code=201, responses=problem_responses(examples.SHOP, "The shop.", 201))
    async def create(
        new: NewShop,
        caller: ShopWriter,
        key: IdempotencyKey = "",
    ) -> Response:
        """Create a shop. The same `Idempotency-Key` returns the same shop for an hour."""
        wanted = new.model_copy(update={"idempotency_key": key}) if key else new
        return shown(await gateway.services.catalog.create_shop(wanted, caller), 201)

    @router.get("/{id}", responses=one_shop)
    async def one(id: Id, caller: OptionalReader) -> Response:
        """One shop."""
        return shown(await gateway.services.catalog.shop(id, caller))

    @router.patch("/{id}", responses=one_shop)
    async def edit(
        id: Id,
        wanted: EditedShop,
        caller: ShopWriter,
        conditions: Conditions,
    ) -> Response:
        """Edit, archive or restore the caller's shop."""
        view = await gateway.services.catalog.edit_shop(id, wanted, caller, conditions)
        return shown(view)

    return router


def _product_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["products"], route_class=ShopRoute)
    one_product = problem_responses(examples.PRODUCT, "The product; its version is the `ETag`.")

    def shown(found: ProductView, status: int = 200) -> Response:
        return entity_response(entities.product(found, gateway.urls), found.version, status)

    @router.get(
        "/products", responses=problem_responses(examples.PRODUCTS, "A page, newest first.")
    )
    async def some(
        request: Request,
        caller: OptionalReader,
        q: Annotated[
            str, Query(max_length=200, description="Words that the product must contain.")
        ] = "",
        shop: IdFilter = "",
        archived: Annotated[
            bool, Query(description="Archived products, for the owner of `shop`.")
        ] = False,
        limit: Limit = 20,
        cursor: Cursor = "",
    ) -> Response:
        """Products: all, of a shop, or with some words.

        A page of a search may have fewer products than `limit` before the end too.
        """
        found = await gateway.services.catalog.products(
            caller, limit=limit, max_id=cursor, q=q, shop=shop, archived=archived
        )
        rows = [entities.product(view, gateway.urls) for view in found.products]
        return page_response(gateway, request, rows, found.last)

    @router.post(
        "/products", status_code=201, responses=problem_responses(examples.PRODUCT, "It.", 201)
    )
    async def create(
        new: NewProduct,
        caller: ShopWriter,
        key: IdempotencyKey = "",
    ) -> Response:
        """Create a product. Upload its pictures first, at `/api/v2/media`.

        The same `Idempotency-Key` returns the same product for an hour.
        """
        wanted = new.model_copy(update={"idempotency_key": key}) if key else new
        return shown(await gateway.services.catalog.create_product(wanted, caller), 201)

    @router.get("/products/{id}", responses=one_product)
    async def one(id: Id, caller: OptionalReader) -> Response:
        """One product."""
        return shown(await gateway.services.catalog.product(id, caller))

    @router.patch("/products/{id}", responses=one_product)
    async def edit(
        id: Id,
        wanted: EditedProduct,
        caller: ShopWriter,
        conditions: Conditions,
    ) -> Response:
        """Edit, archive or restore the caller's product."""
        view = await gateway.services.catalog.edit_product(id, wanted, caller, conditions)
        return shown(view)

    @router.delete("/products/{id}", responses=one_product)
    async def archive(id: Id, caller: ShopWriter, conditions: Conditions) -> Response:
        """Archive the caller's product. It can be restored, and orders keep their lines."""
        edit = EditedProduct(archived=True)
        view = await gateway.services.catalog.edit_product(id, edit, caller, conditions)
        return shown(view)

    @router.post(
        "/quotes", responses=problem_responses(examples.QUOTE, "The current price of each line.")
    )
    async def quote(
        wanted: QuoteRequest,
        caller: OptionalReader,
    ) -> Response:
        """Current prices and availability. Nothing is reserved."""
        lines = (await gateway.services.catalog.quote(wanted, caller)).lines
        return OrjsonResponse(
            {"items": [entities.quote_line(line, gateway.urls) for line in lines]}
        )

    return router


def _stock_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/products/{{id}}", tags=["stock"], route_class=ShopRoute)
    as_it_is = problem_responses(examples.STOCK, "The new stock; its revision is the `ETag`.")

    async def count(
        id: str,
        variant: str,
        caller: Caller,
        change: StockChange,
        conditions: Mapping[str, str] | None = None,
    ) -> Response:
        stock = await gateway.services.catalog.change_stock(
            id, variant, change, caller, conditions or {}
        )
        return entity_response(entities.stock(stock), stock.revision)

    @router.get(
        "/stock",
        responses=problem_responses({"items": [examples.STOCK]}, "The stock of each variant."),
    )
    async def stocks(id: Id, caller: ShopReader) -> Response:
        """The stock of the caller's product, and how much of it is reserved for orders."""
        rows = await gateway.services.catalog.stock(id, caller)
        return OrjsonResponse({"items": [entities.stock(row) for row in rows]})

    @router.put("/variants/{variant}/stock", responses=as_it_is)
    async def set_stock(
        id: Id, variant: Id, wanted: StockCount, caller: ShopWriter, conditions: Conditions
    ) -> Response:
        """Set the stock. `If-Match` is its current revision, quoted."""
        return await count(id, variant, caller, StockChange(on_hand=wanted.on_hand), conditions)

    @router.post("/variants/{variant}/stock/adjustments", responses=as_it_is)
    async def adjust(
        id: Id, variant: Id, wanted: StockDelta, caller: ShopWriter, key: IdempotencyKey = ""
    ) -> Response:
        """Adjust the stock; with an `Idempotency-Key` only once."""
        change = StockChange(delta=wanted.delta, idempotency_key=key)
        return await count(id, variant, caller, change)

    return router
