"""Routes of boosts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.contracts.posts import NewBoost, PostView, Reactors
from services.posts.api.dependencies import (
    POST_RESPONSES,
    OptionalReader,
    PageWindow,
    PathId,
    Writer,
)
from services.posts.application.boosts import BoostService
from services.posts.application.reaction_queries import ReactionQueries

BOOST_RESPONSES = responses(PostView, "The boost with the original post.", 401, 403, 404, 422, 503)


def create_router(boosts: BoostService, queries: ReactionQueries) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["boosts"])

    @router.post("/posts/{id}/reblog", responses=BOOST_RESPONSES)
    async def reblog(
        id: PathId, caller: Writer, options: Annotated[NewBoost | None, Body()] = None
    ) -> OrjsonResponse:
        """Boost a post. A repetition returns the same boost. Boosting a boost boosts its post."""
        visibility = options.visibility if options else None
        return OrjsonResponse(await boosts.create(id, visibility, caller))

    @router.post("/posts/{id}/unreblog", responses=POST_RESPONSES)
    async def unreblog(id: PathId, caller: Writer) -> OrjsonResponse:
        """Remove a boost and return the original post. A repetition has no effect."""
        return OrjsonResponse(await boosts.remove(id, caller))

    @router.get(
        "/posts/{id}/reblogged_by",
        responses=responses(Reactors, "A page, newest first.", 401, 403, 404, 422),
    )
    async def reblogged_by(
        id: PathId, window: PageWindow, caller: OptionalReader
    ) -> OrjsonResponse:
        """Return who boosts a post."""
        return OrjsonResponse(await queries.reblogged_by(id, window, caller))

    return router
