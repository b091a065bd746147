"""The directory: who wants to be found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from services.chassis.security.token_verifier import Caller, optional_user
from services.gateway.desk import Desk, json_response
from services.gateway.http.openapi import responses
from services.gateway.http.params import QueryFlag

_MAX_ACCOUNTS = 80


def create_router(desk: Desk) -> APIRouter:
    """One route."""
    router = APIRouter(prefix="/api/v1", tags=["directory"])

    @router.get("/directory", responses=responses([], "A list of Account."))
    async def directory(
        caller: Annotated[Caller | None, Depends(optional_user("read:accounts"))],
        order: str = "active",
        limit: int = 40,
        offset: int = 0,
        local: QueryFlag = False,
    ) -> Response:
        """Those who want to be found: who posted last comes first, or (`order=new`) who came last.

        `local` makes no difference: everybody is from here. It ends after a thousand.
        """
        params = {
            "order": "new" if order == "new" else "active",
            "limit": str(max(1, min(limit, _MAX_ACCOUNTS))),
            "offset": str(max(0, min(offset, 10_000))),
        }
        rows = await desk.ask("users", "directory", caller, params=params)
        return json_response(desk.rendered.accounts(rows))

    return router
