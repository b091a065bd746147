"""Pages of posts: home, public, by hashtag; one's bookmarks and favourites."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request, Response

from services.chassis.identity import Caller, anyone, signed_in
from services.chassis.paging import Window
from services.gateway import paging
from services.gateway.bodies import asks, flags
from services.gateway.content import normal_tag
from services.gateway.desk import Desk, answer
from services.gateway.documents import gives
from services.gateway.paging import pages

Reading = Annotated[Caller | None, Depends(anyone("read:statuses"))]
_FLAGS = {"only_media": "Only posts with pictures.", "remote": "Only posts from elsewhere: none."}
_PAGE = gives([], "A page of Status, newest first; `Link` leads to the next.")


def create_router(desk: Desk) -> APIRouter:
    """Routes to pages of posts."""
    router = APIRouter(prefix="/api/v1", tags=["timelines"])

    @router.get("/timelines/home", responses=_PAGE, openapi_extra=pages())
    async def home(
        request: Request,
        caller: Annotated[Caller, Depends(signed_in("read:statuses"))],
        window: paging.Posts,
    ) -> Response:
        """The newest posts of everybody the caller follows, and their own."""
        return await desk.timeline(request, "timelines/home", caller, window)

    @router.get("/timelines/public", responses=_PAGE, openapi_extra=pages(**_FLAGS))
    async def public(
        request: Request,
        caller: Reading,
        window: paging.Posts,
    ) -> Response:
        """Everybody's public posts. All are local: a wish for remote ones alone gives none."""
        if asks(request, "remote"):
            return answer(b"[]")
        return await desk.timeline(
            request, "timelines/public", caller, window, **flags(request, "only_media")
        )

    @router.get("/timelines/tag/{tag}", responses=_PAGE, openapi_extra=pages(**_FLAGS))
    async def tagged(
        request: Request,
        tag: Annotated[str, Path(min_length=1, max_length=100)],
        caller: Reading,
        window: paging.Posts,
    ) -> Response:
        """Public posts with a hashtag, given without its #."""
        name = normal_tag(tag)
        if asks(request, "remote") or not name:
            return answer(b"[]")
        path = f"timelines/tags/{quote(name)}"
        return await desk.timeline(request, path, caller, window, **flags(request, "only_media"))

    @router.get("/bookmarks", responses=_PAGE, openapi_extra=pages())
    async def bookmarks(
        request: Request,
        caller: Annotated[Caller, Depends(signed_in("read:bookmarks"))],
        window: paging.Posts,
    ) -> Response:
        """What the caller bookmarked, the newest bookmark first."""
        return await _marked(desk, request, "bookmarks", caller, window)

    @router.get("/favourites", responses=_PAGE, openapi_extra=pages())
    async def favourites(
        request: Request,
        caller: Annotated[Caller, Depends(signed_in("read:favourites"))],
        window: paging.Posts,
    ) -> Response:
        """What the caller favourited, the newest favourite first."""
        return await _marked(desk, request, "favourites", caller, window)

    return router


async def _marked(
    desk: Desk, request: Request, path: str, caller: Caller, window: Window
) -> Response:
    page = await desk.ask("posts", path, caller, params=window.params())
    return answer(
        await desk.statuses(page["views"]),
        paging.links_of(desk.at.public_url, request, page["ids"]),
    )
