"""Relationships to other accounts: changes, requests and lists."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.clients.json_types.accounts import RelationshipJson
from services.contracts.accounts import Relationship
from services.gateway.container import Gateway
from services.gateway.http import paging
from services.gateway.http.openapi import responses
from services.gateway.http.reading import read_params
from services.gateway.http.responses import json_response
from services.gateway.presentation.entities import people
from services.gateway.rest.dependencies import AccountWriter, FollowReader, FollowWriter, Id
from services.gateway.rest.responses import ACCOUNT_PAGE, account_page

BlockWriter = Annotated[Caller, Depends(require_user("write:blocks"))]
_RELATIONSHIP = responses(description="The Relationship as it is now.")


def create_router(gateway: Gateway) -> APIRouter:
    """Routes that change relationships, and the caller's lists."""
    router = APIRouter()
    for part in (_relationship_routes, _follow_request_routes, _list_routes):
        router.routes.extend(part(gateway).routes)
    return router


def _relationship_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.post("/accounts/{id}/follow", responses=_RELATIONSHIP)
    async def follow(request: Request, id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Follow an account, or request to follow a locked one."""
        body = await read_params(request)
        return _entity(
            await gateway.services.users.follow(
                id, caller, reblogs=body.boolean("reblogs"), notify=body.boolean("notify")
            )
        )

    @router.post("/accounts/{id}/unfollow", responses=_RELATIONSHIP)
    async def unfollow(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Unfollow an account."""
        return _entity(await gateway.services.users.unfollow(id, caller))

    @router.post("/accounts/{id}/remove_from_followers", responses=_RELATIONSHIP)
    async def remove_from_followers(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Remove a follower."""
        return _entity(await gateway.services.users.remove_from_followers(id, caller))

    @router.post("/accounts/{id}/block", responses=_RELATIONSHIP)
    async def block(id: Id, caller: BlockWriter) -> OrjsonResponse:
        """Block an account: neither sees the other."""
        return _entity(await gateway.services.users.block(id, caller))

    @router.post("/accounts/{id}/unblock", responses=_RELATIONSHIP)
    async def unblock(id: Id, caller: BlockWriter) -> OrjsonResponse:
        """Unblock an account."""
        return _entity(await gateway.services.users.unblock(id, caller))

    @router.post("/accounts/{id}/mute", responses=_RELATIONSHIP)
    async def mute(
        request: Request, id: Id, caller: Annotated[Caller, Depends(require_user("write:mutes"))]
    ) -> OrjsonResponse:
        """Mute an account. They are not notified."""
        body = await read_params(request)
        relationship = await gateway.services.users.mute(
            id,
            caller,
            notifications=body.boolean("notifications") is not False,
            seconds=max(0, body.integer("duration") or 0),
        )
        return _entity(relationship)

    @router.post("/accounts/{id}/unmute", responses=_RELATIONSHIP)
    async def unmute(
        id: Id, caller: Annotated[Caller, Depends(require_user("write:mutes"))]
    ) -> OrjsonResponse:
        """Unmute an account."""
        return _entity(await gateway.services.users.unmute(id, caller))

    @router.post("/accounts/{id}/note", responses=_RELATIONSHIP)
    async def note(request: Request, id: Id, caller: AccountWriter) -> OrjsonResponse:
        """Set the caller's private note on an account."""
        comment = (await read_params(request)).string("comment")
        return _entity(await gateway.services.users.set_note(id, comment, caller))

    return router


def _follow_request_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.post("/follow_requests/{id}/authorize", responses=_RELATIONSHIP)
    async def authorize(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Accept a follow request."""
        return _entity(await gateway.services.users.answer_follow_request(id, "authorize", caller))

    @router.post("/follow_requests/{id}/reject", responses=_RELATIONSHIP)
    async def reject(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Reject a follow request."""
        return _entity(await gateway.services.users.answer_follow_request(id, "reject", caller))

    return router


def _list_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.get("/blocks", responses=ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def blocks(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:blocks"))],
        window: paging.AccountWindow,
    ) -> Response:
        """The accounts that the caller blocks."""
        page = await gateway.services.users.blocks(caller, window)
        return account_page(gateway, request, page)

    @router.get("/mutes", responses=ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def mutes(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:mutes"))],
        window: paging.AccountWindow,
    ) -> Response:
        """The accounts that the caller mutes, with `mute_expires_at`."""
        page = await gateway.services.users.mutes(caller, window)
        return json_response(
            gateway.renderer.muted(zip(page["accounts"], page["until"], strict=True)),
            paging.link_header_of(gateway.urls.public_url, request, page["ids"]),
        )

    @router.get("/follow_requests", responses=ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def follow_requests(
        request: Request,
        caller: FollowReader,
        window: paging.AccountWindow,
    ) -> Response:
        """The accounts that request to follow the caller."""
        page = await gateway.services.users.follow_requests(caller, window)
        return account_page(gateway, request, page)

    return router


def _entity(relationship: RelationshipJson) -> OrjsonResponse:
    return OrjsonResponse(people.relationship(Relationship.model_validate(relationship)))
