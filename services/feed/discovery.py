"""Routes on what there is to find: hashtags by use and by name, and what trends."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query

from services.chassis.app import JSON
from services.chassis.identity import service
from services.contracts.discovery import TagNames, TagUse
from services.contracts.limits import HASHTAG_CHARACTERS
from services.feed.hashtags import Hashtags

Limit = Annotated[int, Query(ge=1, le=40)]
Offset = Annotated[int, Query(ge=0, le=1_000)]


def create_router(hashtags: Hashtags) -> APIRouter:
    """All of them. What they give is the same for everybody."""
    router = APIRouter(tags=["discovery"], dependencies=[Depends(service("gateway"))])
    many: dict[int | str, dict[str, Any]] = {
        200: {"model": list[TagUse], "description": "Hashtags with their use."}
    }

    @router.post("/hashtags", responses=many)
    async def uses(asked: Annotated[TagNames, Body(examples=[{"names": ["sea"]}])]) -> JSON:
        """The use of some hashtags, also of those nobody used. One state call for all."""
        return JSON(await hashtags.uses(asked.names))

    @router.get("/hashtags", responses=many)
    async def find(
        q: Annotated[str, Query(min_length=1, max_length=HASHTAG_CHARACTERS, examples=["se"])],
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> JSON:
        """Those in use that begin so. Two state calls, and one more for a busy one."""
        return JSON(await hashtags.find(q, limit, offset))

    @router.get("/trends/hashtags", responses=many)
    async def trending(limit: Limit = 10, offset: Offset = 0) -> JSON:
        """Those that trend, most first. No state call in most seconds."""
        return JSON(await hashtags.trending(limit, offset))

    return router
