"""The routes of lists of accounts: followers, blocks, mutes, follow requests."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.accounts import AccountList
from services.users.api.parameters import (
    FollowReader,
    OptionalReader,
    PageWindow,
    PathId,
    viewer_id,
)
from services.users.application.relationship_queries import RelationshipQueries

BlockReader = Annotated[Caller, Depends(require_user("read:blocks"))]
MuteReader = Annotated[Caller, Depends(require_user("read:mutes"))]

_PAGE = responses(AccountList, "A page, newest first.", 401, 403, 404)


def create_router(queries: RelationshipQueries) -> APIRouter:
    """Return the routes of lists."""
    router = APIRouter(tags=["lists"])

    @router.get("/accounts/{id}/followers", responses=_PAGE)
    async def list_followers(
        id: PathId, window: PageWindow, caller: OptionalReader
    ) -> OrjsonResponse:
        """List the followers of an account."""
        page = await queries.public_page("followers", id, viewer_id(caller), window)
        return OrjsonResponse(page)

    @router.get("/accounts/{id}/following", responses=_PAGE)
    async def list_following(
        id: PathId, window: PageWindow, caller: OptionalReader
    ) -> OrjsonResponse:
        """List the accounts that an account follows."""
        page = await queries.public_page("following", id, viewer_id(caller), window)
        return OrjsonResponse(page)

    @router.get("/blocks", responses=_PAGE)
    async def list_blocks(window: PageWindow, caller: BlockReader) -> OrjsonResponse:
        """List the accounts that the caller blocks."""
        return OrjsonResponse(await queries.own_page("blocks", caller.user_id, window))

    @router.get("/mutes", responses=_PAGE)
    async def list_mutes(window: PageWindow, caller: MuteReader) -> OrjsonResponse:
        """List the accounts that the caller mutes."""
        return OrjsonResponse(await queries.own_page("mutes", caller.user_id, window))

    @router.get("/follow_requests", responses=_PAGE)
    async def list_follow_requests(window: PageWindow, caller: FollowReader) -> OrjsonResponse:
        """List the accounts that request to follow the caller."""
        return OrjsonResponse(await queries.own_page("requests", caller.user_id, window))

    return router
