"""Routes of favourites and bookmarks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.posts import Reactors
from services.posts.api.dependencies import (
    LIST_RESPONSES,
    POST_RESPONSES,
    OptionalReader,
    PageWindow,
    PathId,
)
from services.posts.application.reaction_queries import ReactionQueries
from services.posts.application.reactions import ReactionService

FavouriteWriter = Annotated[Caller, Depends(require_user("write:favourites"))]
BookmarkWriter = Annotated[Caller, Depends(require_user("write:bookmarks"))]
FavouriteReader = Annotated[Caller, Depends(require_user("read:favourites"))]
BookmarkReader = Annotated[Caller, Depends(require_user("read:bookmarks"))]


def create_router(reactions: ReactionService, queries: ReactionQueries) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["reactions"])

    @router.post("/posts/{id}/favourite", responses=POST_RESPONSES)
    async def favourite(id: PathId, caller: FavouriteWriter) -> OrjsonResponse:
        """Favourite a post. A repetition has no effect."""
        return OrjsonResponse(await reactions.set("favourite", id, caller, on=True))

    @router.post("/posts/{id}/unfavourite", responses=POST_RESPONSES)
    async def unfavourite(id: PathId, caller: FavouriteWriter) -> OrjsonResponse:
        """Remove a favourite. A repetition has no effect."""
        return OrjsonResponse(await reactions.set("favourite", id, caller, on=False))

    @router.post("/posts/{id}/bookmark", responses=POST_RESPONSES)
    async def bookmark(id: PathId, caller: BookmarkWriter) -> OrjsonResponse:
        """Bookmark a post. A repetition has no effect."""
        return OrjsonResponse(await reactions.set("bookmark", id, caller, on=True))

    @router.post("/posts/{id}/unbookmark", responses=POST_RESPONSES)
    async def unbookmark(id: PathId, caller: BookmarkWriter) -> OrjsonResponse:
        """Remove a bookmark. A repetition has no effect."""
        return OrjsonResponse(await reactions.set("bookmark", id, caller, on=False))

    @router.get(
        "/posts/{id}/favourited_by",
        responses=responses(Reactors, "A page, newest first.", 401, 403, 404, 422),
    )
    async def favourited_by(
        id: PathId, window: PageWindow, caller: OptionalReader
    ) -> OrjsonResponse:
        """Return who favourites a post."""
        return OrjsonResponse(await queries.favourited_by(id, window, caller))

    @router.get("/favourites", responses=LIST_RESPONSES)
    async def favourites(window: PageWindow, caller: FavouriteReader) -> OrjsonResponse:
        """Return the caller's favourites."""
        return OrjsonResponse(await queries.reacted_posts("favourite", window, caller))

    @router.get("/bookmarks", responses=LIST_RESPONSES)
    async def bookmarks(window: PageWindow, caller: BookmarkReader) -> OrjsonResponse:
        """Return the caller's bookmarks."""
        return OrjsonResponse(await queries.reacted_posts("bookmark", window, caller))

    return router
