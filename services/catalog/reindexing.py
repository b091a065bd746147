"""The index of words, made anew after what is kept in it has changed."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace

from services.catalog.events import Projections
from services.catalog.store import ALL, Reindexed, Store
from services.chassis.errors import ServiceError
from services.chassis.storage.window import Window

GRAMMAR = 2
"""Grows when products are to be found under other terms. 2: parts of words without blanks."""

BATCH_SIZE = 40
RETRY_INTERVAL = 10.0
"""Seconds."""

log = logging.getLogger(__name__)


class Reindexing:
    """Brings products under their present terms, once. Any replica may; twice is harmless."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._projections = Projections(store)

    async def run(self) -> None:
        """Until it is done. One state call where it is done already."""
        while True:
            try:
                return await self._run()
            except ServiceError as failure:
                log.warning("Products are not indexed anew yet: %s", failure)
            await asyncio.sleep(RETRY_INTERVAL * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)

    async def _run(self) -> None:
        done = await self._store.reindexed.get(ALL)
        if done is not None and done.grammar >= GRAMMAR:
            return
        window = Window(BATCH_SIZE)
        while rows := await self._store.market.page(ALL, window):
            for row in rows:
                await self._projections.follow_product(row[0])
            window = replace(window, max_id=rows[-1][0])
        await self._store.reindexed.update(ALL, lambda _: Reindexed(GRAMMAR))
