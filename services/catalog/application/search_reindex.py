"""The index of words, made anew after what is kept in it has changed."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace

from services.catalog.consumers import CatalogProjector
from services.catalog.repository import ALL, IndexVersion, Repository
from services.chassis.errors import ServiceError
from services.chassis.storage.window import Window

GRAMMAR_VERSION = 2
"""Grows when products are to be found under other terms. 2: parts of words without blanks."""

BATCH_SIZE = 40
RETRY_INTERVAL = 10.0
"""Seconds."""

log = logging.getLogger(__name__)


class SearchReindexer:
    """Brings products under their present terms, once. Any replica may; twice is harmless."""

    def __init__(self, store: Repository) -> None:
        self._store = store
        self._projections = CatalogProjector(store)

    async def run(self) -> None:
        """Until it is done. One state call where it is done already."""
        while True:
            try:
                return await self._run()
            except ServiceError as failure:
                log.warning("Products are not indexed anew yet: %s", failure)
            await asyncio.sleep(RETRY_INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)

    async def _run(self) -> None:
        done = await self._store.index_version.get(ALL)
        if done is not None and done.grammar >= GRAMMAR_VERSION:
            return
        window = Window(BATCH_SIZE)
        while rows := await self._store.offered_products.page(ALL, window):
            for row in rows:
                await self._projections.project_product(row[0])
            window = replace(window, max_id=rows[-1][0])
        await self._store.index_version.update(ALL, lambda _: IndexVersion(GRAMMAR_VERSION))
