"""Search for accounts, posts and hashtags."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter, Depends

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import optional_user
from services.gateway.container import Gateway
from services.gateway.http.openapi import responses
from services.gateway.http.query import QueryFlag

_MAX_RESULTS = 40


def create_router(gateway: Gateway) -> APIRouter:
    """The route of the search."""
    router = APIRouter(prefix="/api", tags=["search"])

    @router.get("/v2/search", responses=responses({"accounts": [], "statuses": [], "hashtags": []}))
    async def search(
        caller: Annotated[Caller | None, Depends(optional_user("read:search"))],
        q: str = "",
        type: str = "",
        limit: int = 20,
        offset: int = 0,
        resolve: QueryFlag = False,
        following: QueryFlag = False,
        exclude_unreviewed: QueryFlag = False,
    ) -> OrjsonResponse:
        """Find accounts by name, hashtags by prefix, and the caller's own posts by words.

        A post is also found by its URL or id, and an account by its URL. An unknown `type` finds
        nothing. `resolve` and `exclude_unreviewed` make no difference: everything is local.
        """
        typed = q.strip()[:500]
        what = typed, caller, max(1, min(limit, _MAX_RESULTS)), max(0, min(offset, 1_000))

        def wanted(kind: str) -> bool:
            return bool(typed) and type in ("", kind)

        find = gateway.search
        accounts = find.followed_accounts if following else find.accounts
        people = await accounts(*what) if wanted("accounts") else []
        statuses = await find.statuses(*what) if wanted("statuses") else b"[]"
        hashtags = await find.hashtags(*what) if wanted("hashtags") else []
        return OrjsonResponse(
            {
                "accounts": orjson.Fragment(gateway.renderer.accounts(people)),
                "statuses": orjson.Fragment(statuses),
                "hashtags": hashtags,
            }
        )

    return router
