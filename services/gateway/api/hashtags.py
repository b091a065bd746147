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
from services.gateway import paging
from services.gateway.desk import Desk, answer
from services.gateway.documents import gives
from services.gateway.entities import posts
from services.shared.hashtags import normal_tag

Name = Annotated[str, Path(max_length=100, examples=["sea"])]
Reading = Annotated[Caller | None, Depends(optional_user_of_any_scope)]
Following = Annotated[Caller, Depends(require_user("write:follows"))]
_MOST_FOLLOWED = 200
_TAG = gives(description="The Tag as it is now.")
_TAGS = gives([], "A list of Tag.")


def create_router(desk: Desk) -> APIRouter:
    """Routes about hashtags."""
    router = APIRouter()
    router.routes.extend(_one(desk).routes)
    router.routes.extend(_followed(desk).routes)
    router.routes.extend(_trending(desk).routes)
    return router


def _one(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1/tags/{name}", tags=["hashtags"])

    @router.get("", responses=_TAG)
    async def tag(name: Name, caller: Reading) -> OrjsonResponse:
        """A hashtag, also one that nobody used yet."""
        return OrjsonResponse((await tags(desk, await _uses(desk, [_normal(name)]), caller))[0])

    @router.post("/follow", responses=_TAG)
    async def follow(name: Name, caller: Following) -> OrjsonResponse:
        """Have posts with a hashtag at home."""
        return await _change(desk, name, "follow", caller)

    @router.post("/unfollow", responses=_TAG)
    async def unfollow(name: Name, caller: Following) -> OrjsonResponse:
        """Have them there no more."""
        return await _change(desk, name, "unfollow", caller)

    return router


def _followed(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["hashtags"])

    @router.get("/followed_tags", responses=_TAGS, openapi_extra=paging.pages())
    async def followed_tags(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:follows"))],
        window: paging.Tags,
    ) -> OrjsonResponse:
        """The hashtags that the caller follows, the newest first."""
        page = await desk.ask("users", "tags", caller, params=window.params())
        uses = await _uses(desk, page["tags"]) if page["tags"] else []
        shown = [_entity(desk, use, following=True) for use in uses]
        return OrjsonResponse(
            shown, headers=paging.links_of(desk.at.public_url, request, page["ids"])
        )

    return router


def _trending(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["hashtags"])

    @router.get("/trends", responses=_TAGS)
    @router.get("/trends/tags", responses=_TAGS)
    async def trending(caller: Reading, limit: int = 10, offset: int = 0) -> OrjsonResponse:
        """The hashtags that most people use at present."""
        params = {"limit": str(max(1, min(limit, 20))), "offset": str(max(0, min(offset, 1_000)))}
        return OrjsonResponse(
            await tags(desk, await desk.ask("feed", "trends/hashtags", params=params), caller)
        )

    @router.get("/trends/statuses", responses=gives([], "A list of Status."))
    async def trending_posts(
        caller: Annotated[Caller | None, Depends(optional_user("read:statuses"))],
        limit: int = 20,
        offset: int = 0,
    ) -> Response:
        """The posts that most people favourite, boost and answer at present."""
        params = {"limit": str(max(1, min(limit, 40))), "offset": str(max(0, min(offset, 1_000)))}
        page = await desk.ask("feed", "trends/posts", caller, params=params)
        cards = await desk.cards(page["views"])
        return answer(desk.rendered.statuses(page["views"], page["accounts"], cards))

    return router


async def tags(desk: Desk, uses: Sequence[Any], caller: Caller | None) -> list[dict[str, Any]]:
    """The entities Tag of some `TagUse`, with whether the caller follows them."""
    followed: set[str] = set()
    if uses and caller is not None and caller.user_id and caller.may("read:follows"):
        page = await desk.ask("users", "tags", caller, params={"limit": str(_MOST_FOLLOWED)})
        followed = set(page["tags"])
    return [_entity(desk, use, following=use["name"] in followed) for use in uses]


async def _uses(desk: Desk, names: Sequence[str]) -> list[Any]:
    found: list[Any] = await desk.ask(
        "feed", "hashtags", method="POST", json={"names": list(names)}
    )
    return found


async def _change(desk: Desk, name: str, verb: str, caller: Caller) -> OrjsonResponse:
    normal = _normal(name)
    now = await desk.ask("users", f"tags/{quote(normal)}/{verb}", caller, method="POST")
    use = (await _uses(desk, [normal]))[0]
    return OrjsonResponse(_entity(desk, use, following=now["following"]))


def _entity(desk: Desk, use: Any, *, following: bool) -> dict[str, Any]:
    return posts.tag(TagUse.model_validate(use), desk.at, following=following)


def _normal(name: str) -> str:
    normal = normal_tag(name)
    if not normal:
        raise NotFound("Record not found")
    return normal
