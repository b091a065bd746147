"""The profile directory."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.gateway.container import Gateway
from services.gateway.http.openapi import responses
from services.gateway.http.query import QueryFlag
from services.gateway.http.responses import json_response
from services.gateway.rest.dependencies import OptionalAccountReader

_MAX_ACCOUNTS = 80


def create_router(gateway: Gateway) -> APIRouter:
    """The route of the directory."""
    router = APIRouter(prefix="/api/v1", tags=["directory"])

    @router.get("/directory", responses=responses([], "A list of Account."))
    async def directory(
        caller: OptionalAccountReader,
        order: str = "active",
        limit: int = 40,
        offset: int = 0,
        local: QueryFlag = False,
    ) -> Response:
        """Discoverable accounts, by their last post or (`order=new`) by their registration.

        `local` makes no difference, since all accounts are local. The list has at most 1,000.
        """
        rows = await gateway.services.users.directory(
            caller,
            order="new" if order == "new" else "active",
            limit=max(1, min(limit, _MAX_ACCOUNTS)),
            offset=max(0, min(offset, 10_000)),
        )
        return json_response(gateway.renderer.accounts(rows))

    return router
