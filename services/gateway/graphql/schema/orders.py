"""Carts and orders."""

from __future__ import annotations

from enum import Enum

import strawberry

from services.clients.paths import numeric_id
from services.contracts import catalog as sold
from services.contracts import orders as contracts
from services.gateway.graphql.connections import (
    MAX_POSTS,
    After,
    Before,
    Connection,
    First,
    Last,
    page,
    probe,
    window,
)
from services.gateway.graphql.context import Context, Info
from services.gateway.graphql.permissions import field, require_user
from services.gateway.graphql.schema.catalog import Money, Product, Shop, shop_of
from services.gateway.graphql.schema.people import Person, person_of
from services.gateway.graphql.schema.scalars import ShownPicture, Time

_READING = "read:shop"


@strawberry.enum(description="The caller's role in an order.")
class OrderRole(Enum):
    BUYER = "buyer"
    SELLER = "seller"


@strawberry.type(description="An item of a cart or an order, with its price per piece.")
class Line:
    context: strawberry.Private[Context]
    shown: strawberry.Private[sold.QuoteLine | contracts.OrderLine]
    product_id: strawberry.ID
    variant_id: strawberry.ID
    title: str
    name: str
    quantity: int
    price: Money
    available: int | None = strawberry.field(description="In a cart: the available quantity.")
    added_price: Money | None = strawberry.field(
        description="In a cart: the price when the item was added."
    )

    @classmethod
    def of(
        cls,
        source: sold.QuoteLine | contracts.OrderLine,
        currency: sold.Currency,
        context: Context,
    ) -> Line:
        """From a contract model of the orders service."""
        added = source.added_price if isinstance(source, contracts.CartLine) else None
        return cls(
            context=context,
            shown=source,
            product_id=strawberry.ID(source.product),
            variant_id=strawberry.ID(source.variant),
            title=source.title,
            name=source.name,
            quantity=source.quantity,
            price=Money.of(source.price, currency),
            available=source.available if isinstance(source, sold.QuoteLine) else None,
            added_price=None if added is None else Money.of(added, currency),
        )

    @field("The picture.")
    def picture(self) -> ShownPicture | None:
        shown = self.shown.picture
        return ShownPicture.of(shown, self.context.gateway.urls) if shown else None

    @field("The current product, if the caller may see it.")
    async def product(self) -> Product | None:
        found = await self.context.loaders.products([self.product_id])
        return Product.of(found[self.product_id], self.context) if found else None


@strawberry.type(description="An item of a cart that is no longer sold.")
class GoneItem:
    product_id: strawberry.ID
    variant_id: strawberry.ID
    quantity: int


@strawberry.type(description="The caller's cart with current prices. All items are of one shop.")
class Cart:
    source: strawberry.Private[contracts.Cart]
    context: strawberry.Private[Context]
    lines: list[Line]
    gone: list[GoneItem]
    total: Money | None
    revision: int

    @classmethod
    def of(cls, cart: contracts.Cart, context: Context) -> Cart:
        """From a contract model of the orders service."""
        return cls(
            source=cart,
            context=context,
            lines=[Line.of(line, line.currency, context) for line in cart.lines],
            gone=[
                GoneItem(
                    product_id=strawberry.ID(item.product),
                    variant_id=strawberry.ID(item.variant),
                    quantity=item.quantity,
                )
                for item in cart.gone
            ],
            total=Money.of(cart.total, cart.currency) if cart.currency else None,
            revision=cart.revision,
        )

    @field("The shop of all items.")
    async def shop(self) -> Shop | None:
        return await shop_of(self.context, self.source.shop) if self.source.shop else None

    @field("The seller.")
    async def seller(self) -> Person | None:
        seller = self.source.seller
        return await person_of(self.context, seller) if seller else None


@strawberry.type(description="An event of an order's history.")
class OrderEvent:
    what: str
    at: Time
    why: str


@strawberry.type(description="An order, for its buyer and its seller.")
class Order:
    source: strawberry.Private[contracts.Order]
    context: strawberry.Private[Context]
    id: strawberry.ID
    lines: list[Line]
    total: Money
    state: str = strawberry.field(
        description="In progress: placed, waiting, paying, ending or refunding. Final: completed, "
        "cancelled, declined, failed or refunded."
    )
    reason: str
    paid: bool
    history: list[OrderEvent] = strawberry.field(description="Oldest first.")
    created_at: Time

    @classmethod
    def of(cls, order: contracts.Order, context: Context) -> Order:
        """From a contract model of the orders service."""
        return cls(
            source=order,
            context=context,
            id=strawberry.ID(order.id),
            lines=[Line.of(line, order.currency, context) for line in order.lines],
            total=Money.of(order.total, order.currency),
            state=order.state,
            reason=order.reason,
            paid=order.paid,
            history=[
                OrderEvent(what=entry.what, at=Time(entry.at), why=entry.why)
                for entry in order.history
            ],
            created_at=Time(order.created_at),
        )

    @field("The buyer.")
    async def buyer(self) -> Person | None:
        return await person_of(self.context, self.source.buyer)

    @field("The seller.")
    async def seller(self) -> Person | None:
        return await person_of(self.context, self.source.seller)

    @field("The shop of the order.")
    async def shop(self) -> Shop | None:
        return await shop_of(self.context, self.source.shop)


@strawberry.type
class OrderQueries:
    @field("The caller's cart.", require_user(_READING))
    async def cart(self, info: Info) -> Cart | None:
        context = info.context
        return Cart.of(await context.reads.orders.cart(context.me), context)

    @field("An order of which the caller is the buyer or the seller.", require_user(_READING))
    async def order(self, info: Info, id: strawberry.ID) -> Order | None:
        context = info.context
        return Order.of(await context.reads.orders.order(id, context.me), context)

    @field("The caller's purchases or sales, optionally of one shop.", require_user(_READING))
    async def orders(
        self,
        info: Info,
        role: OrderRole = OrderRole.BUYER,
        shop_id: strawberry.ID | None = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Order] | None:
        context, rows = info.context, window(first, after, last, before, MAX_POSTS)
        shop = numeric_id(shop_id) if shop_id is not None else ""
        found = await context.reads.orders.orders(
            context.me, probe(rows), role=role.value, shop=shop
        )
        orders = [Order.of(row, context) for row in found.orders]
        return page([(str(order.id), order) for order in orders], rows, found.last)
