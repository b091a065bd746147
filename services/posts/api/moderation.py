"""Routes for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.posts.api.dependencies import many_posts, parse_ids
from services.posts.application.queries import PostQueries

ReportAdminReader = Annotated[Caller, Depends(require_user("admin:read:reports"))]


def create_router(queries: PostQueries) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["oversight"])

    @router.get("/reported", responses=many_posts("The existing posts.", 401, 403, 404, 422))
    async def reported(
        ids: Annotated[str, Query(max_length=2_200)], _: ReportAdminReader
    ) -> OrjsonResponse:
        """Return posts by id for administrators, whatever their visibility."""
        found = await queries.get_unrestricted(parse_ids(ids))
        return OrjsonResponse([seen.view() for seen in found])

    return router
