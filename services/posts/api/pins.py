"""Routes of pinned posts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.posts.api.dependencies import POST_RESPONSES, OptionalReader, PathId, many_posts
from services.posts.application.pinning import PinService
from services.posts.application.queries import parse_post_id

AccountWriter = Annotated[Caller, Depends(require_user("write:accounts"))]


def create_router(service: PinService) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["pins"])

    @router.post("/posts/{id}/pin", responses=POST_RESPONSES)
    async def pin(id: PathId, caller: AccountWriter) -> OrjsonResponse:
        """Pin an own post to the caller's profile. A repetition has no effect."""
        return OrjsonResponse(await service.pin(id, caller))

    @router.post("/posts/{id}/unpin", responses=POST_RESPONSES)
    async def unpin(id: PathId, caller: AccountWriter) -> OrjsonResponse:
        """Unpin a post. A repetition has no effect."""
        return OrjsonResponse(await service.unpin(id, caller))

    @router.get(
        "/accounts/{id}/pins", responses=many_posts("The visible posts.", 401, 403, 404, 422)
    )
    async def pins(id: PathId, caller: OptionalReader) -> OrjsonResponse:
        """Return the pinned posts of an account, newest pin first."""
        return OrjsonResponse(await service.pins_of(parse_post_id(id), caller))

    return router
