"""Lists and searches products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.catalog.application.queries import CatalogReader
from services.catalog.domain.products import ProductRecord
from services.catalog.repository import ALL, Repository
from services.chassis.errors import Forbidden
from services.chassis.storage.segmented_list import SegmentedLists
from services.chassis.storage.window import Window, normalize_id
from services.shared.words import query_terms, words

MAX_SEARCH_WORDS = 5
"""Further words of a search are ignored."""

MAX_PAGES_SCANNED = 5
"""How many pages of a list one request reads, to fill its own page."""


class ProductLists:
    """Lists and searches the products that a viewer may see."""

    def __init__(self, repository: Repository, queries: CatalogReader) -> None:
        self._repository = repository
        self._queries = queries

    async def by_shop(
        self, shop: str, window: Window, viewer: str, *, archived: bool
    ) -> dict[str, Any]:
        """Return what a shop offers, or to its owner what is archived, as a `ProductList`.

        Six state calls at most, and as many for each further page that is scanned.
        """
        if not archived:
            lists = self._repository.offered_by_shop
            return await self._scan(lists, normalize_id(shop), window, viewer)
        if (await self._queries.shop(shop, viewer)).owner != viewer:
            raise Forbidden("Only the owner of a shop can list its archived products.")
        return await self._scan(
            self._repository.products_by_shop,
            normalize_id(shop),
            window,
            viewer,
            lambda product: product.archived,
        )

    async def all(self, window: Window, viewer: str) -> dict[str, Any]:
        """Return what all shops offer, newest first, as a `ProductList`. Costs as `by_shop`."""
        return await self._scan(self._repository.offered_products, ALL, window, viewer)

    async def search(self, text: str, shop: str, window: Window, viewer: str) -> dict[str, Any]:
        """Return the products that contain all words, as a `ProductList`.

        Scans the list of the rarest term. One state call more than `by_shop`.
        """
        wanted_words = words(text)[:MAX_SEARCH_WORDS]
        terms = [term for word in wanted_words for term in query_terms(word)]
        lists = self._repository.products_by_term
        heads = await lists.heads.get_many(terms)
        if not terms or any(term not in heads for term in terms):
            return {"products": [], "last": ""}
        rarest = min(terms, key=lambda term: heads[term].total)
        within = normalize_id(shop) if shop else ""

        def wanted(product: ProductRecord) -> bool:
            return within in ("", product.shop) and product.matches(wanted_words)

        return await self._scan(lists, rarest, window, viewer, wanted)

    async def _scan(
        self,
        lists: SegmentedLists,
        id: str,
        window: Window,
        viewer: str,
        wanted: Callable[[ProductRecord], bool] = lambda product: product.is_offered,
    ) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        last = ""
        for _ in range(MAX_PAGES_SCANNED):
            rows = await lists.page(id, window)
            offers = await self._queries.products([row[0] for row in rows], viewer)
            for last, *_rest in rows:
                if last in offers and wanted(offers[last].product):
                    found.append(offers[last].view())
                if len(found) == window.limit:
                    return {"products": found, "last": last}
            if len(rows) < window.limit:
                return {"products": found, "last": ""}
            window = replace(window, max_id=last)
        return {"products": found, "last": last}
