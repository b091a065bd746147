"""Routes of hashtags, trends and search."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query

from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_user
from services.contracts.discovery import TagUse, TagUseRequest
from services.contracts.limits import MAX_HASHTAG_CHARACTERS
from services.contracts.posts import Page
from services.feed.application.hashtags import HashtagQueries
from services.feed.application.post_search import PostSearch

Limit = Annotated[int, Query(ge=1, le=40)]
Offset = Annotated[int, Query(ge=0, le=1_000)]
SearchText = Annotated[str, Query(min_length=1, max_length=500, examples=["low tide"])]
TagPrefix = Annotated[str, Query(min_length=1, max_length=MAX_HASHTAG_CHARACTERS, examples=["se"])]
OptionalReader = Annotated[Caller | None, Depends(optional_user("read:statuses"))]
Reader = Annotated[Caller, Depends(require_user("read:statuses"))]


def create_router(hashtags: HashtagQueries, posts: PostSearch) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    router.routes.extend(_hashtag_routes(hashtags).routes)
    router.routes.extend(_post_routes(posts).routes)
    return router


def _post_routes(posts: PostSearch) -> APIRouter:
    router = APIRouter(tags=["discovery"])
    page = responses(Page, "Posts, best match first.")

    @router.get("/trends/posts", responses=page)
    async def trending(
        caller: OptionalReader, limit: Limit = 20, offset: Offset = 0
    ) -> OrjsonResponse:
        """Return trending posts, strongest first. Two state calls."""
        viewer = caller.user_id if caller else ""
        return OrjsonResponse(await posts.trending(viewer, limit, offset))

    @router.get("/own", responses=page)
    async def own(
        q: SearchText, caller: Reader, limit: Limit = 20, offset: Offset = 0
    ) -> OrjsonResponse:
        """Return the caller's own newest posts that contain some words. Four state calls."""
        return OrjsonResponse(await posts.own(caller.user_id, q, limit, offset))

    return router


def _hashtag_routes(hashtags: HashtagQueries) -> APIRouter:
    """Return the routes whose responses are the same for everybody."""
    router = APIRouter(tags=["discovery"])
    many = responses(list[TagUse], "Hashtags with their use.")

    @router.post("/hashtags", responses=many)
    async def uses(asked: Annotated[TagUseRequest, Body()]) -> OrjsonResponse:
        """Return the use of some hashtags, including unused ones. One state call for all."""
        return OrjsonResponse(await hashtags.uses(asked.names))

    @router.get("/hashtags", responses=many)
    async def find(q: TagPrefix, limit: Limit = 20, offset: Offset = 0) -> OrjsonResponse:
        """Return hashtags in use with a prefix. Two state calls, one more for a busy hashtag."""
        return OrjsonResponse(await hashtags.find(q, limit, offset))

    @router.get("/trends/hashtags", responses=many)
    async def trending(limit: Limit = 10, offset: Offset = 0) -> OrjsonResponse:
        """Return trending hashtags, strongest first. Mostly no state call."""
        return OrjsonResponse(await hashtags.trending(limit, offset))

    return router
