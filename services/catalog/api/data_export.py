"""The shops and products of a user, for their data export."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.catalog.application.inventory import Inventory
from services.catalog.domain import products as product_rules
from services.catalog.domain import shops as shop_rules
from services.catalog.domain.products import ProductRecord, VariantRecord
from services.catalog.domain.stock import StockRecord
from services.catalog.repository import Repository
from services.chassis.data_export import create_export_router, list_reader, merged_reader
from services.chassis.storage.window import Row


def create_router(repository: Repository, inventory: Inventory) -> APIRouter:
    """Return the export routes. Closed shops and archived products are exported too."""

    async def shops(rows: list[Row]) -> list[dict[str, Any] | None]:
        found = await repository.shops.get_many([row[0] for row in rows])
        return [_public_fields(found.get(row[0]), shop_rules.PUBLIC_FIELDS) for row in rows]

    async def shops_of(user: str) -> list[str]:
        return [row[0] for row in await repository.shops_by_owner.all(user)]

    async def products(rows: list[Row]) -> list[dict[str, Any] | None]:
        found = await repository.products.get_many([row[0] for row in rows])
        variants = [variant.id for product in found.values() for variant in product.variants]
        stocks = await repository.stocks.get_many(variants)

        def exported(product: ProductRecord | None) -> dict[str, Any] | None:
            fields = _public_fields(product, product_rules.PUBLIC_FIELDS)
            if product is None or fields is None:
                return None
            return fields | {"variants": [with_stock(variant) for variant in product.variants]}

        def with_stock(variant: VariantRecord) -> dict[str, Any]:
            stock = inventory.stock_view(variant.id, stocks.get(variant.id, StockRecord()))
            counts = {name: stock[name] for name in ("on_hand", "held", "available")}
            return {"id": variant.id, "name": variant.name, "price": variant.price, **counts}

        return [exported(found.get(row[0])) for row in rows]

    return create_export_router(
        {
            "shops": list_reader(repository.shops_by_owner, shops),
            "products": merged_reader(repository.products_by_shop, shops_of, products),
        }
    )


def _public_fields(kept: Any, fields: tuple[str, ...]) -> dict[str, Any] | None:
    if kept is None or kept.deleted:
        return None
    return {name: getattr(kept, name) for name in fields if name != "deleted"}
