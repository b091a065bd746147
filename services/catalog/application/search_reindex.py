"""Rebuilds the search index after the grammar of its terms has changed."""

from __future__ import annotations

from dataclasses import replace

from services.catalog.application.projections import CatalogProjector
from services.catalog.repository import ALL, IndexVersion, Repository
from services.chassis.storage.window import Window

GRAMMAR_VERSION = 2
"""Increased when the terms of products change. 2: parts of words in scripts without blanks."""

BATCH_SIZE = 40


class SearchReindexer:
    """Indexes all products with the current grammar, once. Any replica may; twice is harmless."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._projector = CatalogProjector(repository)

    async def reindex(self) -> None:
        """Index all products, unless they are indexed with the current grammar.

        One state call if they are.
        """
        done = await self._repository.index_version.get(ALL)
        if done is not None and done.grammar >= GRAMMAR_VERSION:
            return
        window = Window(BATCH_SIZE)
        while rows := await self._repository.offered_products.page(ALL, window):
            for row in rows:
                await self._projector.project_product(row[0])
            window = replace(window, max_id=rows[-1][0])
        await self._repository.index_version.update(ALL, lambda _: IndexVersion(GRAMMAR_VERSION))
