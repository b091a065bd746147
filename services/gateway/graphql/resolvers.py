"""Resolvers of fields whose types are declared in modules that import the field's own type.

`Person` leads to posts and shops, and `Post` to products: those types import `Person` and `Post`.
The context carries the resolvers, so that no module imports another one in a cycle.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.feed import Timeline
from services.gateway.container import Gateway
from services.gateway.graphql.connections import Connection
from services.gateway.graphql.context import ChannelListener, Context
from services.gateway.graphql.dataloaders import DataLoaders
from services.gateway.graphql.schema.catalog import Product, Shop, shops
from services.gateway.graphql.schema.posts import Post, pinned_posts, timeline


class Resolvers:
    """The resolvers of one operation."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def timeline(self, which: Timeline, wanted: Window) -> Connection[Post]:
        """A page of a timeline."""
        return await timeline(self._context, which, wanted)

    async def pinned_posts(self, account_id: str) -> list[Post]:
        """The posts that an account pinned."""
        return await pinned_posts(self._context, account_id)

    async def shops_of(
        self, account_id: str, first: int | None, after: str | None
    ) -> Connection[Shop]:
        """A page of the shops of an account."""
        return await shops(self._context, first, after, owner=account_id)

    async def products(self, ids: Sequence[str]) -> list[Product]:
        """Those of some products that the caller may see."""
        found = await self._context.loaders.products(ids)
        return [Product.of(found[id], self._context) for id in ids if id in found]


def create_context(
    gateway: Gateway, caller: Caller | None, listener: ChannelListener | None = None
) -> Context:
    """The context of an operation, with its data loaders and resolvers."""
    context = Context(gateway, caller, DataLoaders(gateway.invoker, caller), listener)
    context.resolvers = Resolvers(context)
    return context
