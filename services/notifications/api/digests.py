"""Routes of digests by mail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.notifications import DigestSetting, DigestStop, NewDigestSetting
from services.notifications.application.digest_settings import DigestSettings

Reader = Annotated[Caller, Depends(require_user("read:notifications"))]
Writer = Annotated[Caller, Depends(require_user("write:notifications"))]


def create_router(digests: DigestSettings) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/digest", tags=["digests"])

    @router.get("", response_model=DigestSetting)
    async def get(caller: Reader) -> OrjsonResponse:
        """Return whether the caller wants digests, and whether they are available."""
        return OrjsonResponse(await digests.get(caller.user_id))

    @router.put("", response_model=DigestSetting)
    async def put(
        wanted: Annotated[NewDigestSetting, Body(examples=[{"enabled": True}])], caller: Writer
    ) -> OrjsonResponse:
        """Enable or disable digests. A repetition changes nothing."""
        return OrjsonResponse(await digests.set_enabled(caller.user_id, on=wanted.enabled))

    @router.post("/stop")
    async def stop(
        link: Annotated[
            DigestStop, Body(examples=[{"owner": "115581273340018689", "key": "pZ1cQ0wJx8nq7b"}])
        ],
    ) -> OrjsonResponse:
        """Disable digests by the link in a mail, without a login."""
        await digests.disable_by_link(link.owner, link.key)
        return OrjsonResponse({})

    return router
