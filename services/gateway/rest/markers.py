"""Markers: how far the caller has read."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from services.chassis.http.responses import OrjsonResponse
from services.chassis.storage.window import normalize_id
from services.clients.json_types.notifications import MarkerJson
from services.contracts.notifications import Marker, NewMarker, NewMarkers
from services.gateway.container import Gateway
from services.gateway.http.form_fields import params_of
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.reading import read_params
from services.gateway.presentation.entities import notifications as entities
from services.gateway.rest.dependencies import StatusReader, StatusWriter

TIMELINES = ("home", "notifications")
_MARKERS = responses(
    {"home": {"last_read_id": "114000000000000000", "version": 3, "updated_at": "…"}},
    "The entity Marker by timeline.",
)


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about markers."""
    router = APIRouter(prefix="/api/v1/markers", tags=["notifications"])

    @router.get("", responses=_MARKERS)
    async def get(request: Request, caller: StatusReader) -> OrjsonResponse:
        """The caller's markers: `timeline[]`, by default `home`."""
        asked = params_of(request.query_params.multi_items()).strings("timeline") or ["home"]
        known = await gateway.services.notifications.markers(caller)
        return OrjsonResponse(
            {name: _marker_entity(known[name]) for name in known if name in asked}
        )

    @router.post(
        "", responses=_MARKERS, openapi_extra=request_body(**dict.fromkeys(TIMELINES, "object"))
    )
    async def move(request: Request, caller: StatusWriter) -> OrjsonResponse:
        """Move markers: `home[last_read_id]`, `notifications[last_read_id]`."""
        body = await read_params(request)
        read = {name: body.nested(name).optional_string("last_read_id") for name in TIMELINES}
        moved = {
            name: NewMarker.model_construct(last_read_id=normalize_id(id))
            for name, id in read.items()
            if id
        }
        new = NewMarkers.model_construct(None, **moved)
        known = await gateway.services.notifications.move_markers(new, caller)
        return OrjsonResponse({name: _marker_entity(row) for name, row in known.items()})

    return router


def _marker_entity(row: MarkerJson) -> dict[str, Any]:
    return entities.marker(Marker.model_validate(row))
