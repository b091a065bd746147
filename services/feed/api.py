"""The feed's routes: pages of timelines."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from services.chassis.http.dependencies import window
from services.chassis.security.token_verifier import Caller, optional_user, require_user
from services.chassis.service import OrjsonResponse
from services.chassis.storage.window import Window
from services.contracts.posts import Page
from services.feed.timelines import Filter, Timelines

Id = Annotated[str, Path(max_length=20, pattern=r"^\d+$")]
Tag = Annotated[str, Path(min_length=1, max_length=100)]
Tags = Annotated[str, Query(max_length=420, description="At most four, separated by commas.")]
Flag = Annotated[bool, Query()]


Wanted = Annotated[Window, Depends(window())]
Known = Annotated[str, Query(max_length=40, description="The tag of the page one has.")]
Reading = Annotated[Caller | None, Depends(optional_user("read:statuses"))]


def create_router(timelines: Timelines) -> APIRouter:
    """The routes, on timelines."""
    router = APIRouter(prefix="/timelines", tags=["timelines"])
    page: dict[int | str, dict[str, Any]] = {
        200: {"model": Page, "description": "A page, newest first."}
    }

    @router.get("/home", responses=page)
    async def home(
        window: Wanted,
        caller: Annotated[Caller, Depends(require_user("read:statuses"))],
        known: Known = "",
    ) -> OrjsonResponse:
        """The caller's own posts and those of all they follow."""
        return OrjsonResponse((await timelines.home(caller.user_id, window)).page(known))

    @router.get("/public", responses=page)
    async def public(
        window: Wanted, caller: Reading, only_media: Flag = False, known: Known = ""
    ) -> OrjsonResponse:
        """Everybody's public posts."""
        found = await timelines.public(_id(caller), window, Filter(only_media))
        return OrjsonResponse(found.page(known))

    @router.get("/tags/{tag}", responses=page)
    async def tagged(
        tag: Tag,
        window: Wanted,
        caller: Reading,
        only_media: Flag = False,
        or_with: Tags = "",
        with_all: Tags = "",
        with_none: Tags = "",
        known: Known = "",
    ) -> OrjsonResponse:
        """Public posts with a hashtag, given without its #, or `or_with` others.

        Of those only the ones that have all and none of some more.
        """
        wanted = Filter(only_media, with_all=_few(with_all), with_none=_few(with_none))
        found = await timelines.tag(tag, _id(caller), window, wanted, _few(or_with))
        return OrjsonResponse(found.page(known))

    @router.get("/accounts/{id}", responses=page)
    async def account(
        id: Id,
        window: Wanted,
        caller: Reading,
        only_media: Flag = False,
        exclude_replies: Flag = False,
        exclude_reblogs: Flag = False,
        tagged: Annotated[str, Query(max_length=100)] = "",
        known: Known = "",
    ) -> OrjsonResponse:
        """Somebody's posts, as far as the caller may see them."""
        wanted = Filter(only_media, exclude_replies, exclude_reblogs, tagged)
        return OrjsonResponse(
            (await timelines.account(id, _id(caller), window, wanted)).page(known)
        )

    return router


def _few(tags: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag for tag in tags.split(",") if tag))[:4]


def _id(caller: Caller | None) -> str:
    return caller.user_id if caller else ""
