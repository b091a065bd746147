"""Posts with what is shown of them: authors and products."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from services.chassis.errors import NotFound, ServiceError
from services.chassis.security.caller import Caller
from services.contracts import limits
from services.contracts.catalog import Product
from services.gateway.application.failures import log_failure
from services.gateway.application.identifiers import numeric_id
from services.gateway.application.people import AccountLookup
from services.gateway.invocation import Asker
from services.gateway.presentation.entities import shop
from services.gateway.presentation.renderer import (
    EntityRenderer,
    ProductCards,
    Row,
    author_ids_of,
    product_ids_of,
)
from services.gateway.presentation.urls import PublicUrls


class PostPresenter:
    """Loads what a post shows and renders it as an entity Status."""

    def __init__(
        self, services: Asker, people: AccountLookup, renderer: EntityRenderer, urls: PublicUrls
    ) -> None:
        self._services = services
        self._people = people
        self._renderer = renderer
        self._urls = urls

    async def get(self, id: str, caller: Caller | None) -> Row:
        """One post as the caller may see it. Raises `NotFound`."""
        view: Row = await self._services.ask("posts", f"posts/{numeric_id(id)}", caller)
        return view

    async def render(self, view: Row) -> bytes:
        """The entity Status of a post. Raises `NotFound` if its author is gone."""
        authors = await self.authors(view)
        return self._renderer.status(view, authors, await self.product_cards([view]))

    async def render_list(self, views: Sequence[Row]) -> bytes:
        """A list of Status."""
        ids = [id for view in views for id in author_ids_of(view)]
        authors = await self._people.by_ids(ids) if ids else {}
        return self._renderer.statuses(views, authors, await self.product_cards(views))

    async def authors(self, view: Row) -> dict[str, Row]:
        """The authors of a post and of the post it boosts. Raises `NotFound`."""
        ids = author_ids_of(view)
        found = await self._people.by_ids(ids)
        if not all(id in found for id in ids):
            raise NotFound("The author of this post no longer exists.")
        return found

    async def author(self, view: Row) -> Row:
        """The author of a post. Raises `NotFound`."""
        return (await self.authors(view))[view["post"]["author"]]

    async def product_cards(self, views: Sequence[Row]) -> ProductCards:
        """The products that posts show, rendered. Costs one call, and none without products.

        If the catalog fails, posts are shown without their products.
        """
        ids = product_ids_of(views)
        if not ids:
            return {}
        try:
            rows = await self._services.ask(
                "catalog", "cards", method="POST", json={"ids": ids[: limits.CARDS]}
            )
        except ServiceError as failure:
            log_failure(failure)
            return {}
        cards = {row["id"]: shop.card(Product.model_validate(row), self._urls) for row in rows}
        return {id: orjson.dumps(card) for id, card in cards.items()}
