"""The events that catalog consumes: its own shops and products, and accounts."""

from __future__ import annotations

from services.catalog.application.account_erasure import SellerErasure
from services.catalog.application.projections import CatalogProjector
from services.catalog.repository import Repository
from services.chassis.consuming.inbox import Event, PoisonMessage
from services.chassis.errors import Invalid
from services.chassis.jobs import JobQueue
from services.chassis.service import Service
from services.chassis.storage.window import normalize_id
from services.contracts.events import ACCOUNT_CHANGED, PRODUCT_CHANGED, SHOP_CHANGED


def subscribe(service: Service, repository: Repository) -> None:
    """Subscribe the projections and the erasure of deleted accounts."""
    projector = CatalogProjector(repository)
    erasure = SellerErasure(repository, projector, JobQueue(service))

    async def on_shop_changed(event: Event) -> None:
        if event.type == SHOP_CHANGED.name:
            await projector.project_shop(event.subject)

    async def on_product_changed(event: Event) -> None:
        if event.type == PRODUCT_CHANGED.name:
            await projector.project_product(event.subject)

    async def on_account_changed(event: Event) -> None:
        if event.type == ACCOUNT_CHANGED.name:
            suspended, deleted = (event.data.get(name) is True for name in ("suspended", "deleted"))
            await erasure.on_account_changed(
                _user_id(event.subject), event.entityversion, suspended=suspended, deleted=deleted
            )

    service.on(SHOP_CHANGED.topic, SHOP_CHANGED.producer, on_shop_changed)
    service.on(PRODUCT_CHANGED.topic, PRODUCT_CHANGED.producer, on_product_changed)
    service.on(ACCOUNT_CHANGED.topic, ACCOUNT_CHANGED.producer, on_account_changed)


def _user_id(subject: str) -> str:
    try:
        return normalize_id(subject)
    except Invalid as invalid:
        raise PoisonMessage(f"'{subject[:40]}' is not an id.") from invalid
