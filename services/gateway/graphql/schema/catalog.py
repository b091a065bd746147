"""What people sell: shops and products, as the catalog shows them to the caller."""

from __future__ import annotations

import strawberry

from services.chassis.errors import NotFound
from services.chassis.storage.window import Window
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
from services.gateway.graphql.schema.scalars import Minor, Picture, Time
from services.gateway.presentation.renderer import Row

_READING = "read:shop"


@strawberry.type(
    description="An amount in minor units of an ISO 4217 currency: 10^`exponent` are one."
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


@strawberry.type(description="One way in which a product is sold.")
class Variant:
    id: strawberry.ID
    name: str
    price: Money
    available: int | None = strawberry.field(description="Pieces that are left.")


@strawberry.type(description="How much there is of a variant, for its seller.")
class Stock:
    variant_id: strawberry.ID
    on_hand: int
    held: int
    available: int
    revision: int = strawberry.field(description="For the next change.")

    @classmethod
    def of(cls, row: Row) -> Stock:
        """From what the catalog says."""
        source = contracts.Stock.model_validate(row)
        return cls(
            variant_id=strawberry.ID(source.variant),
            on_hand=source.on_hand,
            held=source.held,
            available=source.available,
            revision=source.revision,
        )


@strawberry.type(description="Where somebody sells.")
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
    version: int = strawberry.field(description="For the next change.")

    @classmethod
    def of(cls, row: Row, context: Context) -> Shop:
        """From what the catalog says."""
        view = contracts.ShopView.model_validate(row)
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

    @field("Whose it is.")
    async def owner(self) -> Person | None:
        return await person_of(self.context, self.source.owner)

    @field("What is sold in it; for its owner, also what is not any more.", optional_user(_READING))
    async def products(
        self, first: First = None, after: After = None, archived: bool = False
    ) -> Connection[Product] | None:
        wanted = {"shop": self.id, "archived": "true" if archived else "false"}
        return await products(self.context, first, after, **wanted)


@strawberry.type(description="What somebody sells.")
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
    version: int = strawberry.field(description="For the next change.")

    @classmethod
    def of(cls, row: Row, context: Context) -> Product:
        """From what the catalog says."""
        view = contracts.ProductView.model_validate(row)
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

    @field("Its pictures.")
    def pictures(self) -> list[Picture]:
        return [Picture.of(one, self.context.gateway.urls) for one in self.source.pictures]

    @field("Who sells it.")
    async def seller(self) -> Person | None:
        return await person_of(self.context, self.source.seller)

    @field("Where it is sold.")
    async def shop(self) -> Shop | None:
        return await shop_of(self.context, self.source.shop)

    @field("How much there is of each variant, for its seller.", require_user(_READING))
    async def stock(self) -> list[Stock] | None:
        path = f"products/{self.id}/stock"
        rows = await self.context.loaders.ask("catalog", path, self.context.caller)
        return [Stock.of(row) for row in rows]


# ── how they are found ──────────────────────────────────────────────────────────────────────────


async def shop_of(context: Context, id: str) -> Shop | None:
    """A shop, if the caller may see it."""
    try:
        row = await context.loaders.ask("catalog", f"shops/{id}", context.caller)
    except NotFound:
        return None
    return Shop.of(row, context)


async def shops(
    context: Context, first: int | None, after: str | None, **wanted: str
) -> Connection[Shop]:
    """A page of shops, newest first."""
    rows = window(first, after, None, None, MAX_POSTS)
    found = await _page(context, "shops", rows, wanted)
    nodes = [Shop.of(row, context) for row in found["shops"]]
    return page([(str(node.id), node) for node in nodes], rows, found["last"])


async def products(
    context: Context, first: int | None, after: str | None, **wanted: str
) -> Connection[Product]:
    """A page of products, newest first."""
    rows = window(first, after, None, None, MAX_POSTS)
    found = await _page(context, "products", rows, wanted)
    nodes = [Product.of(row, context) for row in found["products"]]
    return page([(str(node.id), node) for node in nodes], rows, found["last"])


async def _page(context: Context, path: str, rows: Window, wanted: dict[str, str]) -> Row:
    asked = probe(rows).params() | {name: value for name, value in wanted.items() if value}
    found: Row = await context.loaders.ask("catalog", path, context.caller, params=asked)
    return found
