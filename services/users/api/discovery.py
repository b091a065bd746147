"""Routes on what there is to find: hashtags one follows, who is new or active, how many."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query

from services.chassis.http.dependencies import window
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_service, require_user
from services.chassis.storage.window import Window
from services.contracts.accounts import Account
from services.contracts.discovery import Statistics, TagFollowed, TagList
from services.contracts.limits import HASHTAG_CHARACTERS
from services.users.application.followed_tags import FollowedTagService
from services.users.application.statistics import StatisticsService
from services.users.domain.followed_tags import MAX_FOLLOWED_TAGS
from services.users.examples import ACCOUNT

Name = Annotated[
    str, Path(min_length=1, max_length=HASHTAG_CHARACTERS, pattern=r"^[^\s:#]+$", examples=["sea"])
]
Writer = Annotated[Caller, Depends(require_user("write:follows"))]
Reader = Annotated[Caller, Depends(require_user("read:follows"))]
Wanted = Annotated[Window, Depends(window(100, MAX_FOLLOWED_TAGS))]


def create_router(tags: FollowedTagService, statistics: StatisticsService) -> APIRouter:
    """All of them."""
    router = APIRouter()
    router.routes.extend(_tags(tags).routes)
    router.routes.extend(_census(statistics).routes)
    return router


def _tags(tags: FollowedTagService) -> APIRouter:
    router = APIRouter(tags=["hashtags"])
    done = _gives(TagFollowed, {"name": "sea", "following": True}, "How it stands now.")

    @router.post("/tags/{name}/follow", responses=done)
    async def follow(name: Name, caller: Writer) -> OrjsonResponse:
        """Follow a hashtag, given without its #. Two state calls and a shared note."""
        return OrjsonResponse(await tags.follow(caller.user_id, name))

    @router.post("/tags/{name}/unfollow", responses=done)
    async def unfollow(name: Name, caller: Writer) -> OrjsonResponse:
        """Follow a hashtag no more."""
        return OrjsonResponse(await tags.unfollow(caller.user_id, name))

    @router.get("/tags", responses=_gives(TagList, {"ids": ["1"], "tags": ["sea"]}, "A page."))
    async def followed(window: Wanted, caller: Reader) -> OrjsonResponse:
        """The hashtags that the caller follows, the newest first. One state call."""
        return OrjsonResponse(await tags.page(caller.user_id, window))

    return router


def _census(service: StatisticsService) -> APIRouter:
    router = APIRouter(tags=["census"])

    @router.get(
        "/statistics",
        dependencies=[Depends(require_service("gateway"))],
        responses=_gives(Statistics, {"users": 12, "posts": 99}, "As of a few seconds ago."),
    )
    async def statistics() -> OrjsonResponse:
        """Numbers about the whole place. One state call, at most once in a few seconds."""
        return OrjsonResponse(await service.statistics())

    @router.get("/directory", responses=_gives(list[Account], [ACCOUNT], "Some who want that."))
    async def directory(
        caller: Annotated[Caller | None, Depends(optional_user("read:accounts"))],
        order: Literal["active", "new"] = "active",
        limit: Annotated[int, Query(ge=1, le=80)] = 40,
        offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
    ) -> OrjsonResponse:
        """Who wants to be found: who posted last, or came last, first. One or two state calls."""
        viewer = caller.user_id if caller else ""
        return OrjsonResponse(await service.directory(order, viewer, limit, offset))

    return router


def _gives(model: Any, example: Any, what: str) -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"example": example}}
    return {200: {"model": model, "description": what, "content": content}}
