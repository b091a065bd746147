"""Queries of shops and products."""

from __future__ import annotations

import strawberry

from services.chassis.errors import NotFound
from services.clients.paths import numeric_id
from services.gateway.graphql.connections import After, Connection, First
from services.gateway.graphql.context import Info
from services.gateway.graphql.permissions import field, optional_user
from services.gateway.graphql.schema.catalog import Product, Shop, products, shop_of, shops


@strawberry.type
class CatalogQueries:
    @field("A shop.", optional_user("read:shop"))
    async def shop(self, info: Info, id: strawberry.ID) -> Shop | None:
        found = await shop_of(info.context, numeric_id(id))
        if found is None:
            raise NotFound("There is no such shop.")
        return found

    @field("All shops.", optional_user("read:shop"))
    async def shops(
        self, info: Info, first: First = None, after: After = None
    ) -> Connection[Shop] | None:
        return await shops(info.context, first, after)

    @field("A product.", optional_user("read:shop"))
    async def product(self, info: Info, id: strawberry.ID) -> Product | None:
        wanted = numeric_id(id)
        found = await info.context.loaders.products([wanted])
        if wanted not in found:
            raise NotFound("There is no such product.")
        return Product.of(found[wanted], info.context)

    @field("Products, optionally with some words.", optional_user("read:shop"))
    async def products(
        self,
        info: Info,
        query: str | None = None,
        first: First = None,
        after: After = None,
    ) -> Connection[Product] | None:
        return await products(info.context, first, after, q=(query or "")[:200])
