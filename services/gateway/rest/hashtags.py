"""Hashtags: single, followed and trending ones."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response

from services.chassis.errors import NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user_of_any_scope
from services.gateway.container import Gateway
from services.gateway.http import paging
from services.gateway.http.openapi import responses
from services.gateway.http.responses import json_response
from services.gateway.rest.dependencies import FollowReader, FollowWriter, OptionalStatusReader
from services.shared.hashtags import normal_tag

Name = Annotated[str, Path(max_length=100, examples=["sea"])]
OptionalReader = Annotated[Caller | None, Depends(optional_user_of_any_scope)]

_TAG = responses(description="The Tag as it is now.")
_TAGS = responses([], "A list of Tag.")


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about hashtags."""
    router = APIRouter()
    router.routes.extend(_tag_routes(gateway).routes)
    router.routes.extend(_followed_routes(gateway).routes)
    router.routes.extend(_trend_routes(gateway).routes)
    return router


def _tag_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1/tags/{name}", tags=["hashtags"])

    @router.get("", responses=_TAG)
    async def tag(name: Name, caller: OptionalReader) -> OrjsonResponse:
        """A hashtag, also an unused one."""
        uses = await gateway.hashtags.uses([_normalized(name)])
        return OrjsonResponse((await gateway.hashtags.render(uses, caller))[0])

    @router.post("/follow", responses=_TAG)
    async def follow(name: Name, caller: FollowWriter) -> OrjsonResponse:
        """Follow a hashtag: its posts appear in the home timeline."""
        return await _change_follow(gateway, name, "follow", caller)

    @router.post("/unfollow", responses=_TAG)
    async def unfollow(name: Name, caller: FollowWriter) -> OrjsonResponse:
        """Unfollow a hashtag."""
        return await _change_follow(gateway, name, "unfollow", caller)

    return router


def _followed_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["hashtags"])

    @router.get("/followed_tags", responses=_TAGS, openapi_extra=paging.page_parameters())
    async def followed_tags(
        request: Request,
        caller: FollowReader,
        window: paging.TagWindow,
    ) -> OrjsonResponse:
        """The hashtags that the caller follows, the newest first."""
        page = await gateway.services.users.followed_tags(caller, window)
        uses = await gateway.hashtags.uses(page["tags"]) if page["tags"] else []
        shown = [gateway.hashtags.entity(use, following=True) for use in uses]
        return OrjsonResponse(
            shown, headers=paging.link_header_of(gateway.urls.public_url, request, page["ids"])
        )

    return router


def _trend_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["hashtags"])

    @router.get("/trends", responses=_TAGS)
    @router.get("/trends/tags", responses=_TAGS)
    async def trending(caller: OptionalReader, limit: int = 10, offset: int = 0) -> OrjsonResponse:
        """The trending hashtags."""
        uses = await gateway.services.feed.trending_hashtags(
            limit=max(1, min(limit, 20)), offset=max(0, min(offset, 1_000))
        )
        return OrjsonResponse(await gateway.hashtags.render(uses, caller))

    @router.get("/trends/statuses", responses=responses([], "A list of Status."))
    async def trending_posts(
        caller: OptionalStatusReader,
        limit: int = 20,
        offset: int = 0,
    ) -> Response:
        """The trending posts."""
        page = await gateway.services.feed.trending_posts(
            caller, limit=max(1, min(limit, 40)), offset=max(0, min(offset, 1_000))
        )
        cards = await gateway.posts.product_cards(page["views"])
        return json_response(gateway.renderer.statuses(page["views"], page["accounts"], cards))

    return router


async def _change_follow(
    gateway: Gateway, name: str, action: Literal["follow", "unfollow"], caller: Caller
) -> OrjsonResponse:
    normal = _normalized(name)
    now = await gateway.services.users.set_tag_follow(normal, action, caller)
    use = (await gateway.hashtags.uses([normal]))[0]
    return OrjsonResponse(gateway.hashtags.entity(use, following=now["following"]))


def _normalized(name: str) -> str:
    normal = normal_tag(name)
    if not normal:
        raise NotFound("Record not found")
    return normal
