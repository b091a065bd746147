"""Shops and products."""

from __future__ import annotations

import strawberry

from services.chassis.errors import NotFound
from services.contracts import catalog as contracts
from services.gateway.graphql.connections import (
    MAX_POSTS,
    After,
    Connection,
    First,
    page,
    probe,
    window,
)
from services.gateway.graphql.context import Context
from services.gateway.graphql.permissions import field, optional_user, require_user
from services.gateway.graphql.schema.people import Person, person_of
from services.gateway.graphql.schema.scalars import Minor, ShownPicture, Time

_READING = "read:shop"


@strawberry.type(
    description="An amount in minor units of an ISO 4217 currency: 10^`exponent` per unit."
)
class Money:
    amount: Minor
    currency: str
    exponent: int

    @classmethod
    def of(cls, amount: int, currency: contracts.Currency) -> Money:
        """From minor units."""
        exponent = contracts.EXPONENTS[currency]
        return cls(amount=Minor(amount), currency=currency, exponent=exponent)


@strawberry.type(description="A variant of a product.")
class Variant:
    id: strawberry.ID
    name: str
    price: Money
    available: int | None = strawberry.field(description="The available quantity.")


@strawberry.type(description="The stock of a variant, for its seller.")
class Stock:
    variant_id: strawberry.ID
    on_hand: int
    held: int
    available: int
    revision: int = strawberry.field(description="Required by the next change.")

    @classmethod
    def of(cls, source: contracts.Stock) -> Stock:
        """From a row of the catalog service."""
        return cls(
            variant_id=strawberry.ID(source.variant),
            on_hand=source.on_hand,
            held=source.held,
            available=source.available,
            revision=source.revision,
        )


@strawberry.type(description="A shop.")
class Shop:
    source: strawberry.Private[contracts.Shop]
    context: strawberry.Private[Context]
    id: strawberry.ID
    url: str = strawberry.field(description="Its page.")
    name: str
    description: str
    currency: str
    archived: bool
    created_at: Time
    edited_at: Time | None
    version: int = strawberry.field(description="Required by the next change.")

    @classmethod
    def of(cls, view: contracts.ShopView, context: Context) -> Shop:
        """From a row of the catalog service."""
        shop = view.shop
        return cls(
            source=shop,
            context=context,
            id=strawberry.ID(shop.id),
            url=context.gateway.urls.shop(shop.id),
            name=shop.name,
            description=shop.description,
            currency=shop.currency,
            archived=shop.archived,
            created_at=Time(shop.created_at),
            edited_at=Time(shop.edited_at) if shop.edited_at else None,
            version=view.version,
        )

    @field("The owner.")
    async def owner(self) -> Person | None:
        return await person_of(self.context, self.source.owner)

    @field("The products of the shop; for its owner also archived ones.", optional_user(_READING))
    async def products(
        self, first: First = None, after: After = None, archived: bool = False
    ) -> Connection[Product] | None:
        return await products(self.context, first, after, shop=self.id, archived=archived)


@strawberry.type(description="A product.")
class Product:
    source: strawberry.Private[contracts.Product]
    context: strawberry.Private[Context]
    id: strawberry.ID
    url: str = strawberry.field(description="Its page.")
    title: str
    description: str
    variants: list[Variant]
    archived: bool
    created_at: Time
    edited_at: Time | None
    version: int = strawberry.field(description="Required by the next change.")

    @classmethod
    def of(cls, view: contracts.ProductView, context: Context) -> Product:
        """From a row of the catalog service."""
        product, left = view.product, view.available or {}
        return cls(
            source=product,
            context=context,
            id=strawberry.ID(product.id),
            url=context.gateway.urls.product(product.id),
            title=product.title,
            description=product.description,
            variants=[
                Variant(
                    id=strawberry.ID(one.id),
                    name=one.name,
                    price=Money.of(one.price, product.currency),
                    available=left.get(one.id),
                )
                for one in product.variants
            ],
            archived=product.archived,
            created_at=Time(product.created_at),
            edited_at=Time(product.edited_at) if product.edited_at else None,
            version=view.version,
        )

    @field("The pictures.")
    def pictures(self) -> list[ShownPicture]:
        return [ShownPicture.of(one, self.context.gateway.urls) for one in self.source.pictures]

    @field("The seller.")
    async def seller(self) -> Person | None:
        return await person_of(self.context, self.source.seller)

    @field("The shop of the product.")
    async def shop(self) -> Shop | None:
        return await shop_of(self.context, self.source.shop)

    @field("The stock of each variant, for its seller.", require_user(_READING))
    async def stock(self) -> list[Stock] | None:
        stocks = await self.context.reads.catalog.stock(self.id, self.context.me)
        return [Stock.of(stock) for stock in stocks]


# ── lookups ─────────────────────────────────────────────────────────────────────────────────────


async def shop_of(context: Context, id: str) -> Shop | None:
    """A shop, if the caller may see it."""
    try:
        view = await context.reads.catalog.shop(id, context.caller)
    except NotFound:
        return None
    return Shop.of(view, context)


async def shops(
    context: Context, first: int | None, after: str | None, owner: str = ""
) -> Connection[Shop]:
    """A page of shops, newest first."""
    rows = window(first, after, None, None, MAX_POSTS)
    asked = probe(rows)
    found = await context.reads.catalog.shops(
        context.caller, limit=asked.limit, max_id=asked.max_id, owner=owner
    )
    nodes = [Shop.of(view, context) for view in found.shops]
    return page([(str(node.id), node) for node in nodes], rows, found.last)


async def products(
    context: Context,
    first: int | None,
    after: str | None,
    *,
    q: str = "",
    shop: str = "",
    archived: bool = False,
) -> Connection[Product]:
    """A page of products, newest first."""
    rows = window(first, after, None, None, MAX_POSTS)
    asked = probe(rows)
    found = await context.reads.catalog.products(
        context.caller, limit=asked.limit, max_id=asked.max_id, q=q, shop=shop, archived=archived
    )
    nodes = [Product.of(view, context) for view in found.products]
    return page([(str(node.id), node) for node in nodes], rows, found.last)
