"""Routes of markers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends

from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import timestamp
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.chassis.storage.window import normalize_id
from services.contracts.notifications import (
    Marker,
    NewMarkers,
)
from services.notifications.domain.markers import ReadMarkers
from services.notifications.repository import Repository


def create_router(repository: Repository) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/markers", tags=["markers"])
    markers = responses(dict[str, Marker], "By timeline; only those that were ever set.")

    @router.get("", responses=markers)
    async def get(
        caller: Annotated[Caller, Depends(require_user("read:statuses"))],
    ) -> OrjsonResponse:
        """Return the caller's markers."""
        known = await repository.markers.get(caller.user_id)
        return OrjsonResponse(known.timelines if known else {})

    @router.post("", responses=markers)
    async def move(
        new: Annotated[NewMarkers, Body()],
        caller: Annotated[Caller, Depends(require_user("write:statuses"))],
    ) -> OrjsonResponse:
        """Set markers of the caller. The last request wins. Returns the markers of the request.

        Concurrent requests are applied one after the other.
        """
        given = new.model_dump(exclude_none=True)
        read = {timeline: normalize_id(each["last_read_id"]) for timeline, each in given.items()}
        now = timestamp()
        moved = await repository.markers.update(
            caller.user_id, lambda known: (known or ReadMarkers()).apply(read, now)
        )
        timelines = moved.timelines if moved else {}
        return OrjsonResponse({name: timelines[name] for name in read if name in timelines})

    return router
