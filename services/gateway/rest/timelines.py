"""Timelines: home, public, hashtags, bookmarks and favourites."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request, Response

from services.chassis.errors import Invalid
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.clients.feed import HOME, public_timeline, tag_timeline
from services.clients.json_types.posts import PostListJson
from services.gateway.container import Gateway
from services.gateway.http import paging
from services.gateway.http.openapi import responses
from services.gateway.http.paging import page_parameters
from services.gateway.http.query import query_flag
from services.gateway.http.responses import json_response
from services.gateway.rest.dependencies import OptionalStatusReader, StatusReader
from services.gateway.rest.responses import timeline_response
from services.shared.hashtags import normal_tag

_FLAGS = {"only_media": "Only posts with pictures.", "remote": "Only remote posts: there are none."}
_MAX_TAGS = 4
_MAX_QUERY_LENGTH = 2_000  # the sidecar reads 4 KiB of request line and headers
_PAGE = responses([], "A page of Status, newest first; `Link` leads to the next.")


def create_router(gateway: Gateway) -> APIRouter:
    """Routes of timelines."""
    router = APIRouter(prefix="/api/v1", tags=["timelines"])

    @router.get("/timelines/home", responses=_PAGE, openapi_extra=page_parameters())
    async def home(
        request: Request,
        caller: StatusReader,
        window: paging.PostWindow,
    ) -> Response:
        """The newest posts of the caller and of the accounts that they follow."""
        return await timeline_response(gateway, request, HOME, caller, window)

    @router.get("/timelines/public", responses=_PAGE, openapi_extra=page_parameters(**_FLAGS))
    async def public(
        request: Request,
        caller: OptionalStatusReader,
        window: paging.PostWindow,
    ) -> Response:
        """All public posts. They are all local, so `remote` returns none."""
        if query_flag(request, "remote"):
            return json_response(b"[]")
        timeline = public_timeline(only_media=query_flag(request, "only_media"))
        return await timeline_response(gateway, request, timeline, caller, window)

    @router.get("/timelines/tag/{tag}", responses=_PAGE, openapi_extra=page_parameters(**_FLAGS))
    async def tagged(
        request: Request,
        tag: Annotated[str, Path(min_length=1, max_length=100)],
        caller: OptionalStatusReader,
        window: paging.PostWindow,
    ) -> Response:
        """Public posts with a hashtag, without the #.

        `any[]` adds posts with other hashtags; `all[]` and `none[]` filter them: four of each.
        """
        name = normal_tag(tag)
        if query_flag(request, "remote") or not name:
            return json_response(b"[]")
        timeline = tag_timeline(
            name, only_media=query_flag(request, "only_media"), **_tag_filters(request)
        )
        return await timeline_response(gateway, request, timeline, caller, window)

    @router.get("/bookmarks", responses=_PAGE, openapi_extra=page_parameters())
    async def bookmarks(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:bookmarks"))],
        window: paging.PostWindow,
    ) -> Response:
        """What the caller bookmarked, the newest bookmark first."""
        page = await gateway.services.posts.bookmarks(caller, window)
        return await _interaction_page(gateway, request, page)

    @router.get("/favourites", responses=_PAGE, openapi_extra=page_parameters())
    async def favourites(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:favourites"))],
        window: paging.PostWindow,
    ) -> Response:
        """What the caller favourited, the newest favourite first."""
        page = await gateway.services.posts.favourites(caller, window)
        return await _interaction_page(gateway, request, page)

    return router


def _tag_filters(request: Request) -> dict[str, list[str]]:
    """The hashtags in `any[]`, `all[]` and `none[]`. Raises `Invalid` if they are too long."""
    query = request.query_params
    wanted: dict[str, list[str]] = {}
    for asked, name in (("any", "or_with"), ("all", "with_all"), ("none", "with_none")):
        given = [*query.getlist(f"{asked}[]"), *query.getlist(asked)]
        tags = dict.fromkeys(tag for tag in map(normal_tag, given) if tag)
        if tags:
            wanted[name] = list(tags)[:_MAX_TAGS]
    if len(quote("".join(",".join(tags) for tags in wanted.values()))) > _MAX_QUERY_LENGTH:
        raise Invalid("These hashtags are too long together. Request fewer.")
    return wanted


async def _interaction_page(gateway: Gateway, request: Request, page: PostListJson) -> Response:
    return json_response(
        await gateway.posts.render_list(page["views"]),
        paging.link_header_of(gateway.urls.public_url, request, page["ids"]),
    )
