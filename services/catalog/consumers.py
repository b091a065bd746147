"""The events that catalog consumes: its own shops and products, and accounts."""

from __future__ import annotations

from services.catalog.application.account_erasure import SellerErasure
from services.catalog.application.projections import CatalogProjector
from services.catalog.repository import Repository
from services.chassis.consuming.events import Event
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.clients.deletions import confirm_deletions
from services.contracts.accounts import Edge, Profile
from services.contracts.catalog import Product, Shop
from services.contracts.events import (
    ACCOUNT_CHANGED,
    EDGE_CHANGED,
    PRODUCT_CHANGED,
    SHOP_CHANGED,
)


def subscribe(service: Service, repository: Repository) -> None:
    """Subscribe the projections, blocks, and the erasure of deleted accounts."""
    projector = CatalogProjector(repository)
    erasure = SellerErasure(repository, projector, JobQueue(service))

    async def on_shop_changed(event: Event[Shop]) -> None:
        await projector.project_shop(event.subject)

    async def on_product_changed(event: Event[Product]) -> None:
        await projector.project_product(event.subject)

    async def on_edge_changed(event: Event[Edge]) -> None:
        await repository.apply_block(event.data, event.version)

    async def on_account_changed(event: Event[Profile]) -> None:
        profile = event.data
        await erasure.on_account_changed(
            event.subject_id,
            event.version,
            suspended=bool(profile.suspended),
            deleted=profile.deleted,
        )

    service.on(SHOP_CHANGED, on_shop_changed)
    service.on(PRODUCT_CHANGED, on_product_changed)
    service.on(EDGE_CHANGED, on_edge_changed)
    service.on(ACCOUNT_CHANGED, confirm_deletions(service.sidecar, on_account_changed))
