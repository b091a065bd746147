"""Routes of timelines."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from services.chassis.http.dependencies import CacheAge, window
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user, require_user
from services.chassis.storage.window import Window
from services.contracts.posts import Page
from services.feed.application.timeline_queries import TimelineQueries
from services.feed.domain.filters import TimelineFilter

PathId = Annotated[str, Path(max_length=20, pattern=r"^\d+$")]
PathTag = Annotated[str, Path(min_length=1, max_length=100)]
TagList = Annotated[str, Query(max_length=420, description="At most four, separated by commas.")]
QueryFlag = Annotated[bool, Query()]
PageWindow = Annotated[Window, Depends(window())]
KnownTag = Annotated[str, Query(max_length=40, description="The tag of the cached page.")]
OptionalReader = Annotated[Caller | None, Depends(optional_user("read:statuses"))]
Reader = Annotated[Caller, Depends(require_user("read:statuses"))]


def create_router(timelines: TimelineQueries) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/timelines", tags=["timelines"])
    page = responses(Page, "A page, newest first.")

    @router.get("/home", responses=page)
    async def home(
        window: PageWindow, caller: Reader, max_age: CacheAge, known: KnownTag = ""
    ) -> OrjsonResponse:
        """Return the caller's own posts and those of all accounts and hashtags they follow."""
        found = await timelines.home(caller.user_id, window, max_age)
        return OrjsonResponse(found.to_wire(known))

    @router.get("/public", responses=page)
    async def public(
        window: PageWindow,
        caller: OptionalReader,
        only_media: QueryFlag = False,
        known: KnownTag = "",
    ) -> OrjsonResponse:
        """Return everybody's public posts."""
        found = await timelines.public(_user_id(caller), window, TimelineFilter(only_media))
        return OrjsonResponse(found.to_wire(known))

    @router.get("/tags/{tag}", responses=page)
    async def tagged(
        tag: PathTag,
        window: PageWindow,
        caller: OptionalReader,
        only_media: QueryFlag = False,
        or_with: TagList = "",
        with_all: TagList = "",
        with_none: TagList = "",
        known: KnownTag = "",
    ) -> OrjsonResponse:
        """Return public posts with a hashtag, given without its #, or with one of `or_with`.

        They must have all hashtags of `with_all` and none of `with_none`.
        """
        wanted = TimelineFilter(
            only_media, with_all=_split_tags(with_all), with_none=_split_tags(with_none)
        )
        found = await timelines.tag(tag, _user_id(caller), window, wanted, _split_tags(or_with))
        return OrjsonResponse(found.to_wire(known))

    @router.get("/accounts/{id}", responses=page)
    async def account(
        id: PathId,
        window: PageWindow,
        caller: OptionalReader,
        max_age: CacheAge,
        only_media: QueryFlag = False,
        exclude_replies: QueryFlag = False,
        exclude_reblogs: QueryFlag = False,
        tagged: Annotated[str, Query(max_length=100)] = "",
        known: KnownTag = "",
    ) -> OrjsonResponse:
        """Return the posts of an account that the caller may see."""
        wanted = TimelineFilter(only_media, exclude_replies, exclude_reblogs, tagged)
        found = await timelines.account(id, _user_id(caller), window, wanted, max_age)
        return OrjsonResponse(found.to_wire(known))

    return router


def _split_tags(tags: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag for tag in tags.split(",") if tag))[:4]


def _user_id(caller: Caller | None) -> str:
    return caller.user_id if caller else ""
