"""Hashtags: one, those one follows, and those that trend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request, Response

from services.chassis.errors import NotFound
from services.chassis.security.token_verifier import (
    Caller,
    optional_user,
    optional_user_of_any_scope,
    require_user,
)
from services.chassis.service import OrjsonResponse
from services.contracts.discovery import TagUse
from services.gateway.desk import Desk, json_response
from services.gateway.http import paging
from services.gateway.http.openapi import responses
from services.gateway.presentation.entities import posts
from services.shared.hashtags import normal_tag

Name = Annotated[str, Path(max_length=100, examples=["sea"])]
OptionalReader = Annotated[Caller | None, Depends(optional_user_of_any_scope)]
TagFollower = Annotated[Caller, Depends(require_user("write:follows"))]
_MAX_FOLLOWED = 200
_TAG = responses(description="The Tag as it is now.")
_TAGS = responses([], "A list of Tag.")


def create_router(desk: Desk) -> APIRouter:
    """Routes about hashtags."""
    router = APIRouter()
    router.routes.extend(_tag_routes(desk).routes)
    router.routes.extend(_followed_routes(desk).routes)
    router.routes.extend(_trend_routes(desk).routes)
    return router


def _tag_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1/tags/{name}", tags=["hashtags"])

    @router.get("", responses=_TAG)
    async def tag(name: Name, caller: OptionalReader) -> OrjsonResponse:
        """A hashtag, also one that nobody used yet."""
        return OrjsonResponse(
            (await tag_entities(desk, await _tag_uses(desk, [_normalized(name)]), caller))[0]
        )

    @router.post("/follow", responses=_TAG)
    async def follow(name: Name, caller: TagFollower) -> OrjsonResponse:
        """Have posts with a hashtag at home."""
        return await _change_follow(desk, name, "follow", caller)

    @router.post("/unfollow", responses=_TAG)
    async def unfollow(name: Name, caller: TagFollower) -> OrjsonResponse:
        """Have them there no more."""
        return await _change_follow(desk, name, "unfollow", caller)

    return router


def _followed_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["hashtags"])

    @router.get("/followed_tags", responses=_TAGS, openapi_extra=paging.page_parameters())
    async def followed_tags(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:follows"))],
        window: paging.TagWindow,
    ) -> OrjsonResponse:
        """The hashtags that the caller follows, the newest first."""
        page = await desk.ask("users", "tags", caller, params=window.params())
        uses = await _tag_uses(desk, page["tags"]) if page["tags"] else []
        shown = [_tag_entity(desk, use, following=True) for use in uses]
        return OrjsonResponse(
            shown, headers=paging.link_header_of(desk.at.public_url, request, page["ids"])
        )

    return router


def _trend_routes(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["hashtags"])

    @router.get("/trends", responses=_TAGS)
    @router.get("/trends/tags", responses=_TAGS)
    async def trending(caller: OptionalReader, limit: int = 10, offset: int = 0) -> OrjsonResponse:
        """The hashtags that most people use at present."""
        params = {"limit": str(max(1, min(limit, 20))), "offset": str(max(0, min(offset, 1_000)))}
        return OrjsonResponse(
            await tag_entities(
                desk, await desk.ask("feed", "trends/hashtags", params=params), caller
            )
        )

    @router.get("/trends/statuses", responses=responses([], "A list of Status."))
    async def trending_posts(
        caller: Annotated[Caller | None, Depends(optional_user("read:statuses"))],
        limit: int = 20,
        offset: int = 0,
    ) -> Response:
        """The posts that most people favourite, boost and answer at present."""
        params = {"limit": str(max(1, min(limit, 40))), "offset": str(max(0, min(offset, 1_000)))}
        page = await desk.ask("feed", "trends/posts", caller, params=params)
        cards = await desk.cards(page["views"])
        return json_response(desk.rendered.statuses(page["views"], page["accounts"], cards))

    return router


async def tag_entities(
    desk: Desk, uses: Sequence[Any], caller: Caller | None
) -> list[dict[str, Any]]:
    """The entities Tag of some `TagUse`, with whether the caller follows them."""
    followed: set[str] = set()
    if uses and caller is not None and caller.user_id and caller.may("read:follows"):
        page = await desk.ask("users", "tags", caller, params={"limit": str(_MAX_FOLLOWED)})
        followed = set(page["tags"])
    return [_tag_entity(desk, use, following=use["name"] in followed) for use in uses]


async def _tag_uses(desk: Desk, names: Sequence[str]) -> list[Any]:
    found: list[Any] = await desk.ask(
        "feed", "hashtags", method="POST", json={"names": list(names)}
    )
    return found


async def _change_follow(desk: Desk, name: str, verb: str, caller: Caller) -> OrjsonResponse:
    normal = _normalized(name)
    now = await desk.ask("users", f"tags/{quote(normal)}/{verb}", caller, method="POST")
    use = (await _tag_uses(desk, [normal]))[0]
    return OrjsonResponse(_tag_entity(desk, use, following=now["following"]))


def _tag_entity(desk: Desk, use: Any, *, following: bool) -> dict[str, Any]:
    return posts.tag(TagUse.model_validate(use), desk.at, following=following)


def _normalized(name: str) -> str:
    normal = normal_tag(name)
    if not normal:
        raise NotFound("Record not found")
    return normal
