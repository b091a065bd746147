"""The setting for digests by mail: our own routes, which Mastodon's API does not have."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from services.chassis.errors import Invalid
from services.chassis.http.responses import OrjsonResponse
from services.contracts.notifications import NewDigestSetting
from services.gateway.container import Gateway
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.reading import read_params
from services.gateway.rest.dependencies import NotificationReader, NotificationWriter

_DIGEST = "/api/v1/notifications/digest"
_SETTING = responses(
    {"enabled": True, "available": True, "interval_hours": 24.0},
    "Whether digests are sent. `available` is false if this server sends none.",
)


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about the digest setting."""
    router = APIRouter(tags=["notifications"])

    @router.get(_DIGEST, responses=_SETTING)
    async def get(
        caller: NotificationReader,
    ) -> OrjsonResponse:
        """Whether the caller gets digests of unread notifications by mail."""
        return OrjsonResponse(await gateway.services.notifications.digest(caller))

    @router.put(
        _DIGEST,
        openapi_extra=request_body(enabled="boolean", example={"enabled": True}),
        responses=_SETTING,
    )
    async def put(
        request: Request,
        caller: NotificationWriter,
    ) -> OrjsonResponse:
        """Enable or disable digests. They are disabled by default."""
        body = await read_params(request)
        if body.get("enabled") is None:
            raise Invalid("Validation failed: enabled can't be blank")
        wanted: dict[str, Any] = {"enabled": body.strict_boolean("enabled")}
        new = NewDigestSetting.model_construct(None, **wanted)
        return OrjsonResponse(await gateway.services.notifications.set_digest(new, caller))

    return router
