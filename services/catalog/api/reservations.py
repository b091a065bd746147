"""The routes of reservations, for the orders service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path

from services.catalog.application.inventory import Inventory
from services.catalog.application.queries import CatalogReader
from services.catalog.application.quotes import QuoteService
from services.catalog.domain import reservations
from services.catalog.domain.reservations import Items, ReservationRecord
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import timestamp
from services.chassis.storage.window import normalize_id
from services.contracts.catalog import (
    NewReservation,
    ReleasedItems,
    Reservation,
    ReservedItem,
)

OrderId = Annotated[str, Path(max_length=20, pattern=r"^\d+$", examples=["116548290000001537"])]

_RESERVATION = responses(Reservation, "The reservation.", 403, 404, 409, 422, 503)


def create_router(queries: CatalogReader, inventory: Inventory) -> APIRouter:
    """Return the routes of reservations. Each may be repeated."""
    router = APIRouter(tags=["reservations"])
    quotes = QuoteService(queries)

    @router.post("/reservations", responses=_RESERVATION)
    async def reserve(new: NewReservation) -> OrjsonResponse:
        """Hold all pieces of an order, or nothing.

        Nothing is held if an agreed price has changed. A repeat for an order that has its
        reservation asks for no price: the order may be authorized or confirmed already.
        """
        items = _merged(new.items)
        # Their reads share a state call.
        refused, seen = await asyncio.gather(
            quotes.check_prices(new.agreed),
            inventory.read(new.order, items),
            return_exceptions=True,
        )
        if isinstance(seen, BaseException):
            raise seen
        if refused is not None and seen.reservation is None:
            raise refused
        return _response(await inventory.reserve(new.order, items, new.seconds, seen))

    @router.get("/reservations/{order}", responses=_RESERVATION)
    async def get_reservation(order: OrderId) -> OrjsonResponse:
        """Return what is held for an order."""
        return _response(await inventory.reservation(order))

    @router.post("/reservations/{order}/confirm", responses=_RESERVATION)
    async def confirm(order: OrderId) -> OrjsonResponse:
        """Sell what is held for an order."""
        return _response(await inventory.confirm(order))

    @router.post("/reservations/{order}/release", responses=_RESERVATION)
    async def release(order: OrderId, items: ReleasedItems | None = None) -> OrjsonResponse:
        """Release what is held for an order, and let it hold nothing later.

        The items are all of the order: pieces may be held before the reservation is made.
        """
        given = _merged(items.items) if items else ()
        return _response(await inventory.release(order, given))

    @router.post("/reservations/{order}/restock", responses=_RESERVATION)
    async def restock(order: OrderId) -> OrjsonResponse:
        """Put back what was sold to an order, once."""
        return _response(await inventory.restock(order))

    return router


def _merged(items: Iterable[ReservedItem]) -> Items:
    return reservations.merge_items((normalize_id(one.variant), one.quantity) for one in items)


def _response(kept: ReservationRecord) -> OrjsonResponse:
    expires = timestamp(datetime.fromtimestamp(kept.expires, UTC)) if kept.items else None
    view: dict[str, Any] = {
        "order": kept.order,
        "state": kept.state,
        "items": [{"variant": variant, "quantity": number} for variant, number in kept.items],
        "expires_at": expires,
        "missing": list(kept.missing),
    }
    return OrjsonResponse(view)
