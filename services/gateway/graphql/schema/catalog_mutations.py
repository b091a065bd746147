"""Mutations of shops, products and stock. `version` is the version that the caller has read."""

from __future__ import annotations

from typing import Any

import strawberry

from services.clients.base import if_match
from services.clients.paths import numeric_id
from services.contracts import catalog as contracts
from services.gateway.graphql.context import Info
from services.gateway.graphql.permissions import mutation, require_user
from services.gateway.graphql.schema.catalog import Product, Shop, Stock
from services.gateway.graphql.schema.scalars import Minor

_SELLING = "write:shop"


@strawberry.input(description="A new shop. Its currency cannot be changed.")
class NewShop:
    name: str
    currency: str
    description: str = ""


@strawberry.input(description="Changes of a shop. Omitted fields stay as they are.")
class EditedShop:
    name: str | None = None
    description: str | None = None
    archived: bool | None = None


@strawberry.input(description="A new variant with its stock.")
class NewVariant:
    price: Minor
    name: str = ""
    stock: int = 0


@strawberry.input(description="A new product. Upload pictures by `POST /api/v2/media`.")
class NewProduct:
    shop_id: strawberry.ID
    title: str
    variants: list[NewVariant]
    description: str = ""
    picture_ids: list[strawberry.ID] = strawberry.field(default_factory=list)


@strawberry.input(description="A variant of an edited product; with an id an existing one.")
class EditedVariant:
    price: Minor
    id: strawberry.ID | None = None
    name: str = ""


@strawberry.input(description="Changes of a product. Omitted fields stay as they are.")
class EditedProduct:
    title: str | None = None
    description: str | None = None
    picture_ids: list[strawberry.ID] | None = None
    variants: list[EditedVariant] | None = None
    archived: bool | None = None


@strawberry.type
class CatalogMutations:
    @mutation(
        "Create a shop. The same `idempotencyKey` returns the same shop for an hour.",
        require_user(_SELLING),
    )
    async def create_shop(
        self, info: Info, shop: NewShop, idempotency_key: str | None = None
    ) -> Shop | None:
        new: dict[str, Any] = {
            "name": shop.name,
            "description": shop.description,
            "currency": shop.currency,
            "idempotency_key": (idempotency_key or "")[:200],
        }
        context, wanted = info.context, contracts.NewShop.model_construct(None, **new)
        return Shop.of(await context.changes.catalog.create_shop(wanted, context.me), context)

    @mutation("Edit, archive or restore the caller's shop.", require_user(_SELLING))
    async def edit_shop(
        self, info: Info, id: strawberry.ID, version: int, changes: EditedShop
    ) -> Shop | None:
        wanted = contracts.EditedShop.model_construct(
            name=changes.name, description=changes.description, archived=changes.archived
        )
        context = info.context
        view = await context.changes.catalog.edit_shop(id, wanted, context.me, if_match(version))
        return Shop.of(view, context)

    @mutation(
        "Create a product. The same `idempotencyKey` returns the same product for an hour.",
        require_user(_SELLING),
    )
    async def create_product(
        self, info: Info, product: NewProduct, idempotency_key: str | None = None
    ) -> Product | None:
        new: dict[str, Any] = {
            "shop": numeric_id(product.shop_id),
            "title": product.title,
            "description": product.description,
            "media_ids": [numeric_id(id) for id in product.picture_ids],
            "variants": [
                {"name": one.name, "price": one.price, "stock": one.stock}
                for one in product.variants
            ],
            "idempotency_key": (idempotency_key or "")[:200],
        }
        context, wanted = info.context, contracts.NewProduct.model_construct(None, **new)
        return Product.of(await context.changes.catalog.create_product(wanted, context.me), context)

    @mutation("Edit, archive or restore the caller's product.", require_user(_SELLING))
    async def edit_product(
        self, info: Info, id: strawberry.ID, version: int, changes: EditedProduct
    ) -> Product | None:
        pictures, variants = changes.picture_ids, changes.variants
        edit: dict[str, Any] = {
            "title": changes.title,
            "description": changes.description,
            "archived": changes.archived,
            "media_ids": None if pictures is None else [numeric_id(one) for one in pictures],
            "variants": None if variants is None else [_variant(one) for one in variants],
        }
        context, wanted = info.context, contracts.EditedProduct.model_construct(None, **edit)
        view = await context.changes.catalog.edit_product(id, wanted, context.me, if_match(version))
        return Product.of(view, context)

    @mutation(
        "Set the stock (`onHand`, with the current `revision`), or adjust it (`delta`).",
        require_user(_SELLING),
    )
    async def set_stock(
        self,
        info: Info,
        product_id: strawberry.ID,
        variant_id: strawberry.ID,
        on_hand: int | None = None,
        delta: int | None = None,
        revision: int | None = None,
        idempotency_key: str | None = None,
    ) -> Stock | None:
        change = contracts.StockChange.model_construct(
            on_hand=on_hand,
            delta=delta,
            revision=revision,
            idempotency_key=(idempotency_key or "")[:200],
        )
        catalog, me = info.context.changes.catalog, info.context.me
        return Stock.of(await catalog.change_stock(product_id, variant_id, change, me, {}))


def _variant(one: EditedVariant) -> dict[str, Any]:
    id = numeric_id(one.id) if one.id is not None else None
    return {"id": id, "name": one.name, "price": one.price}
