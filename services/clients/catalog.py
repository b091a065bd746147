"""The catalog service: shops, products, stock, quotes, reservations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from services.chassis.security.caller import Caller
from services.clients.base import ExportingClient, JsonRequest, given
from services.clients.paths import numeric_id
from services.contracts.catalog import (
    EditedProduct,
    EditedShop,
    NewProduct,
    NewReservation,
    NewShop,
    Product,
    ProductList,
    ProductView,
    Quote,
    QuoteRequest,
    ReleasedItems,
    Reservation,
    ShopList,
    ShopView,
    Stock,
    StockChange,
)

Conditions = Mapping[str, str]
"""The headers `If-Match` and `If-None-Match` of a change."""


def products_request(ids: Sequence[str]) -> JsonRequest:
    """At most 80 products by id."""
    return JsonRequest("products", {"ids": ",".join(ids)})


class CatalogClient(ExportingClient):
    """Routes of the catalog service."""

    app_id = "catalog"

    # ── shops ───────────────────────────────────────────────────────────────────────────────

    async def shops(
        self, caller: Caller | None, *, limit: int, max_id: str = "", owner: str = ""
    ) -> ShopList:
        """Shops, newest first: all of them, or those of one owner."""
        params = given(limit=limit, max_id=max_id, owner=owner)
        return await self._get(ShopList, "shops", caller, params)

    async def shop(self, id: str, caller: Caller | None = None) -> ShopView:
        """One shop. Raises `NotFound`."""
        return await self._get(ShopView, f"shops/{numeric_id(id)}", caller)

    async def create_shop(self, new: NewShop, caller: Caller) -> ShopView:
        """Open a shop. The same `idempotency_key` gives the same shop for an hour."""
        return await self._post(ShopView, "shops", caller, json=new)

    async def edit_shop(
        self, id: str, wanted: EditedShop, caller: Caller, conditions: Conditions
    ) -> ShopView:
        """Edit, close or reopen the caller's own shop."""
        path = f"shops/{numeric_id(id)}"
        return await self._send(ShopView, "PATCH", path, caller, json=wanted, headers=conditions)

    # ── products ────────────────────────────────────────────────────────────────────────────

    async def products(
        self,
        caller: Caller | None,
        *,
        limit: int,
        max_id: str = "",
        q: str = "",
        shop: str = "",
        archived: bool = False,
        stock: bool = True,
    ) -> ProductList:
        """Products, newest first; without `stock` they come without the pieces left."""
        params = given(limit=limit, max_id=max_id, q=q, shop=shop, archived=archived)
        params |= {} if stock else {"stock": "false"}
        return await self._get(ProductList, "products", caller, params)

    async def product(self, id: str, caller: Caller | None = None) -> ProductView:
        """One product. Raises `NotFound`."""
        return await self._get(ProductView, f"products/{numeric_id(id)}", caller)

    async def cards(self, ids: Sequence[str]) -> list[Product]:
        """The products that some posts show, of those that are on sale."""
        rows = await self._post(list[Any], "cards", json={"ids": list(ids)})
        return [Product.model_validate(row) for row in rows]

    async def create_product(self, new: NewProduct, caller: Caller) -> ProductView:
        """Sell a product. The same `idempotency_key` gives the same product for an hour."""
        return await self._post(ProductView, "products", caller, json=new)

    async def edit_product(
        self, id: str, wanted: EditedProduct, caller: Caller, conditions: Conditions
    ) -> ProductView:
        """Edit, archive or bring back the caller's own product."""
        path = f"products/{numeric_id(id)}"
        return await self._send(ProductView, "PATCH", path, caller, json=wanted, headers=conditions)

    # ── stock and prices ────────────────────────────────────────────────────────────────────

    async def stock(self, product: str, caller: Caller) -> list[Stock]:
        """The stock of each variant of the caller's own product."""
        rows = await self._get(list[Any], f"products/{numeric_id(product)}/stock", caller)
        return [Stock.model_validate(row) for row in rows]

    async def change_stock(
        self,
        product: str,
        variant: str,
        change: StockChange,
        caller: Caller,
        conditions: Conditions,
    ) -> Stock:
        """Set the stock of a variant, or change it by some pieces."""
        path = f"products/{numeric_id(product)}/variants/{numeric_id(variant)}/stock"
        return await self._send(Stock, "POST", path, caller, json=change, headers=conditions)

    async def quote(self, wanted: QuoteRequest, caller: Caller | None = None) -> Quote:
        """What some pieces cost now. Raises `NotFound` (`not_sold`)."""
        return await self._post(Quote, "quotes", caller, json=wanted)

    # ── reservations ────────────────────────────────────────────────────────────────────────

    async def reserve(self, new: NewReservation) -> Reservation:
        """Hold the pieces of an order.

        Raises `NotFound` (`not_sold`), `Conflict` (`price_changed`, `out_of_stock` and others).
        """
        return await self._post(Reservation, "reservations", json=new)

    async def change_reservation(
        self, order: str, action: Literal["confirm", "restock"]
    ) -> Reservation:
        """Sell what is held, or put back what was sold."""
        return await self._post(Reservation, f"reservations/{numeric_id(order)}/{action}")

    async def release(self, order: str, items: ReleasedItems) -> Reservation:
        """Hold the items of an order no more."""
        path = f"reservations/{numeric_id(order)}/release"
        return await self._post(Reservation, path, json=items)
