"""The routes of the instance's statistics and of the directory."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.contracts.accounts import Account
from services.contracts.discovery import Statistics
from services.users.api.parameters import MAX_IDS, OptionalReader, viewer_id
from services.users.application.statistics import StatisticsService

_STATISTICS = responses(Statistics, "The statistics as of a few seconds ago.", 403)
_DIRECTORY = responses(list[Account], "Discoverable accounts.", 401, 403)


def create_router(statistics: StatisticsService) -> APIRouter:
    """Return the routes of statistics."""
    router = APIRouter(tags=["statistics"])

    @router.get("/statistics", responses=_STATISTICS)
    async def get_statistics() -> OrjsonResponse:
        """Return the statistics of the instance. One state call, at most once in a few seconds."""
        return OrjsonResponse(await statistics.statistics())

    @router.get("/directory", responses=_DIRECTORY)
    async def list_directory(
        caller: OptionalReader,
        order: Literal["active", "new"] = "active",
        limit: Annotated[int, Query(ge=1, le=MAX_IDS)] = 40,
        offset: Annotated[int, Query(ge=0, le=10_000)] = 0,
    ) -> OrjsonResponse:
        """List discoverable accounts by their last post or registration. One or two state calls."""
        viewer = viewer_id(caller)
        return OrjsonResponse(await statistics.directory(order, viewer, limit, offset))

    return router
