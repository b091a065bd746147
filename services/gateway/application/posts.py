"""Posts with what is shown of them: authors and products."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from services.chassis.errors import NotFound, ServiceError
from services.chassis.security.caller import Caller
from services.clients.base import gather_all
from services.clients.json_types.accounts import AccountJson
from services.clients.json_types.posts import PostViewJson
from services.clients.services import ServiceClients
from services.contracts import limits
from services.contracts.posts import Post, PostVersion
from services.gateway.application.failures import log_failure
from services.gateway.presentation.entities import posts, shop
from services.gateway.presentation.html import HtmlWriter
from services.gateway.presentation.renderer import (
    EntityRenderer,
    ProductCards,
    author_ids_of,
    product_ids_of,
)
from services.gateway.presentation.urls import PublicUrls


class PostPresenter:
    """Loads what a post shows and renders it as an entity Status."""

    def __init__(
        self,
        services: ServiceClients,
        renderer: EntityRenderer,
        urls: PublicUrls,
        html: HtmlWriter,
    ) -> None:
        self._services = services
        self._renderer = renderer
        self._urls = urls
        self._html = html

    async def get(self, id: str, caller: Caller | None) -> PostViewJson:
        """One post as the caller may see it. Raises `NotFound`."""
        return await self._services.posts.post(id, caller)

    async def render(self, view: PostViewJson) -> bytes:
        """The entity Status of a post. Raises `NotFound` if its author is gone."""
        authors = await self.authors(view)
        return self._renderer.status(view, authors, await self.product_cards([view]))

    async def render_list(self, views: Sequence[PostViewJson]) -> bytes:
        """A list of Status."""
        ids = [id for view in views for id in author_ids_of(view)]
        authors = await self._services.users.accounts(ids) if ids else {}
        return self._renderer.statuses(views, authors, await self.product_cards(views))

    async def authors(self, view: PostViewJson) -> dict[str, AccountJson]:
        """The authors of a post and of the post it boosts. Raises `NotFound`."""
        ids = author_ids_of(view)
        found = await self._services.users.accounts(ids)
        if not all(id in found for id in ids):
            raise NotFound("The author of this post no longer exists.")
        return found

    async def author(self, view: PostViewJson) -> AccountJson:
        """The author of a post. Raises `NotFound`."""
        return (await self.authors(view))[view["post"]["author"]]

    async def history(
        self, id: str, caller: Caller | None
    ) -> tuple[AccountJson, list[posts.Entity]]:
        """The author of a post, and its versions, the oldest first: StatusEdit without `account`.

        Two calls at once, then one. Raises `NotFound`.
        """
        view, versions = await gather_all(
            self.get(id, caller), self._services.posts.history(id, caller)
        )
        view = view["reblog"] or view
        author, post = await self.author(view), Post.model_validate(view["post"])
        return author, [
            posts.status_edit(PostVersion.model_validate(version), post, self._urls, self._html)
            for version in versions
        ]

    async def product_cards(self, views: Sequence[PostViewJson]) -> ProductCards:
        """The products that posts show, rendered. Costs one call, and none without products.

        If the catalog fails, posts are shown without their products.
        """
        ids = product_ids_of(views)
        if not ids:
            return {}
        try:
            products = await self._services.catalog.cards(ids[: limits.MAX_CARDS])
        except ServiceError as failure:
            log_failure(failure)
            return {}
        return {product.id: orjson.dumps(shop.card(product, self._urls)) for product in products}
