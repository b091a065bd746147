"""Routes on what there is to find: hashtags by use and by name, and what trends."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_service, require_user
from services.contracts.discovery import TagNames, TagUse
from services.contracts.limits import HASHTAG_CHARACTERS
from services.contracts.posts import Page
from services.feed.application.hashtags import HashtagQueries
from services.feed.application.post_search import PostSearch

Limit = Annotated[int, Query(ge=1, le=40)]
Offset = Annotated[int, Query(ge=0, le=1_000)]


SearchText = Annotated[str, Query(min_length=1, max_length=500, examples=["low tide"])]


def create_router(hashtags: HashtagQueries, posts: PostSearch) -> APIRouter:
    """All of them."""
    router = APIRouter()
    router.routes.extend(_hashtag_routes(hashtags).routes)
    router.routes.extend(_post_routes(posts).routes)
    return router


def _post_routes(posts: PostSearch) -> APIRouter:
    router = APIRouter(tags=["discovery"])
    page: dict[int | str, dict[str, Any]] = {
        200: {"model": Page, "description": "Posts, what fits best first."}
    }

    @router.get("/trends/posts", responses=page)
    async def trending(
        caller: Annotated[Caller | None, Depends(optional_user("read:statuses"))],
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> OrjsonResponse:
        """Posts that trend, most first. Two state calls."""
        viewer = caller.user_id if caller else ""
        return OrjsonResponse(await posts.trending(viewer, limit, offset))

    @router.get("/own", responses=page)
    async def own(
        q: SearchText,
        caller: Annotated[Caller, Depends(require_user("read:statuses"))],
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> OrjsonResponse:
        """The caller's own posts with some words, among the newest. Four state calls."""
        return OrjsonResponse(await posts.own(caller.user_id, q, limit, offset))

    return router


def _hashtag_routes(hashtags: HashtagQueries) -> APIRouter:
    """What these give is the same for everybody."""
    router = APIRouter(tags=["discovery"], dependencies=[Depends(require_service("gateway"))])
    many: dict[int | str, dict[str, Any]] = {
        200: {"model": list[TagUse], "description": "Hashtags with their use."}
    }

    @router.post("/hashtags", responses=many)
    async def uses(
        asked: Annotated[TagNames, Body(examples=[{"names": ["sea"]}])],
    ) -> OrjsonResponse:
        """The use of some hashtags, also of those nobody used. One state call for all."""
        return OrjsonResponse(await hashtags.uses(asked.names))

    @router.get("/hashtags", responses=many)
    async def find(
        q: Annotated[str, Query(min_length=1, max_length=HASHTAG_CHARACTERS, examples=["se"])],
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> OrjsonResponse:
        """Those in use that begin so. Two state calls, and one more for a busy one."""
        return OrjsonResponse(await hashtags.find(q, limit, offset))

    @router.get("/trends/hashtags", responses=many)
    async def trending(limit: Limit = 10, offset: Offset = 0) -> OrjsonResponse:
        """Those that trend, most first. No state call in most seconds."""
        return OrjsonResponse(await hashtags.trending(limit, offset))

    return router
