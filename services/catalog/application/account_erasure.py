"""Hides the shops of suspended users, and deletes those of deleted users."""

from __future__ import annotations

import asyncio

from services.catalog.application.projections import CatalogProjector
from services.catalog.repository import Repository, SellerStatus
from services.chassis.jobs import JobQueue
from services.chassis.storage.window import Window

ERASURE_JOB = "clearance"
BATCH_SIZE = 25
"""How many products of a deleted user one job step deletes."""


class SellerErasure:
    """Follows the status of sellers, and deletes what a deleted user sold."""

    def __init__(self, repository: Repository, projector: CatalogProjector, jobs: JobQueue) -> None:
        self._repository = repository
        self._projector = projector
        self._jobs = jobs
        jobs.register(ERASURE_JOB, self.erase_batch)

    async def on_account_changed(
        self, user: str, version: int, *, suspended: bool, deleted: bool
    ) -> None:
        """Store the status of a user, and enqueue the erasure if they are deleted.

        Two state calls.
        """
        status = SellerStatus(version, suspended, deleted)
        await self._repository.sellers.update(
            user, lambda kept: (kept or SellerStatus()).apply(status)
        )
        if deleted:
            await self._jobs.enqueue(ERASURE_JOB, user)

    async def erase_batch(self, user: str) -> bool:
        """Delete some products, then their shop. Returns whether nothing was left."""
        shops = await self._repository.shops_by_owner.page(user, Window(1))
        if not shops:
            return True
        shop = shops[0][0]
        rows = await self._repository.products_by_shop.page(shop, Window(BATCH_SIZE))
        await asyncio.gather(*(self._delete_product(row[0]) for row in rows))
        if not rows:
            await self._repository.delete_shop(shop)
            await self._projector.project_shop(shop)
            # Removes also an entry whose shop was never created.
            await self._repository.shops_by_owner.remove(user, [shop])
        return False

    async def _delete_product(self, id: str) -> None:
        await self._repository.delete_product(id)
        await self._projector.project_product(id)
