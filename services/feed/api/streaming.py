"""The route that the gateway calls before it streams a post to connected users."""

from __future__ import annotations

from fastapi import APIRouter

from services.contracts.audiences import Audience, AudienceRequest
from services.feed.application.audiences import AudienceQueries


def create_router(audiences: AudienceQueries) -> APIRouter:
    """Return the route."""
    router = APIRouter(tags=["streaming"])

    @router.post("/audiences", response_model=Audience)
    async def audience_of(asked: AudienceRequest) -> Audience:
        """Return which of the connected users a post is for, and what they are shown."""
        return await audiences.find(asked)

    return router
