"""Relationships to other accounts: changes, requests and lists."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.accounts import Relationship
from services.gateway.application.identifiers import numeric_id
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
        """Follow somebody, or ask to, where they are locked."""
        body = await read_params(request)
        how = {"reblogs": body.boolean("reblogs"), "notify": body.boolean("notify")}
        return await _change_relationship(gateway, f"accounts/{numeric_id(id)}/follow", caller, how)

    @router.post("/accounts/{id}/unfollow", responses=_RELATIONSHIP)
    async def unfollow(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Follow somebody no more."""
        return await _change_relationship(gateway, f"accounts/{numeric_id(id)}/unfollow", caller)

    @router.post("/accounts/{id}/remove_from_followers", responses=_RELATIONSHIP)
    async def remove_from_followers(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Have somebody follow one no more."""
        return await _change_relationship(
            gateway, f"accounts/{numeric_id(id)}/remove_from_followers", caller
        )

    @router.post("/accounts/{id}/block", responses=_RELATIONSHIP)
    async def block(id: Id, caller: BlockWriter) -> OrjsonResponse:
        """Part from somebody: neither sees the other any more."""
        return await _change_relationship(gateway, f"accounts/{numeric_id(id)}/block", caller)

    @router.post("/accounts/{id}/unblock", responses=_RELATIONSHIP)
    async def unblock(id: Id, caller: BlockWriter) -> OrjsonResponse:
        """End a block."""
        return await _change_relationship(gateway, f"accounts/{numeric_id(id)}/unblock", caller)

    @router.post("/accounts/{id}/mute", responses=_RELATIONSHIP)
    async def mute(
        request: Request, id: Id, caller: Annotated[Caller, Depends(require_user("write:mutes"))]
    ) -> OrjsonResponse:
        """Not see somebody, without their noticing."""
        body = await read_params(request)
        notifications = body.boolean("notifications")
        how = {
            "notifications": notifications is not False,
            "duration": max(0, body.integer("duration") or 0),
        }
        return await _change_relationship(gateway, f"accounts/{numeric_id(id)}/mute", caller, how)

    @router.post("/accounts/{id}/unmute", responses=_RELATIONSHIP)
    async def unmute(
        id: Id, caller: Annotated[Caller, Depends(require_user("write:mutes"))]
    ) -> OrjsonResponse:
        """See somebody again."""
        return await _change_relationship(gateway, f"accounts/{numeric_id(id)}/unmute", caller)

    @router.post("/accounts/{id}/note", responses=_RELATIONSHIP)
    async def note(request: Request, id: Id, caller: AccountWriter) -> OrjsonResponse:
        """Keep a private note on somebody."""
        comment = (await read_params(request)).string("comment")
        return await _change_relationship(
            gateway, f"accounts/{numeric_id(id)}/note", caller, {"comment": comment}
        )

    return router


def _follow_request_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.post("/follow_requests/{id}/authorize", responses=_RELATIONSHIP)
    async def authorize(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Let somebody follow who asked to."""
        return await _change_relationship(
            gateway, f"follow_requests/{numeric_id(id)}/authorize", caller
        )

    @router.post("/follow_requests/{id}/reject", responses=_RELATIONSHIP)
    async def reject(id: Id, caller: FollowWriter) -> OrjsonResponse:
        """Turn somebody down who asked to follow."""
        return await _change_relationship(
            gateway, f"follow_requests/{numeric_id(id)}/reject", caller
        )

    return router


def _list_routes(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["accounts"])

    @router.get("/blocks", responses=ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def blocks(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:blocks"))],
        window: paging.AccountWindow,
    ) -> Response:
        """Whom one blocks."""
        return await account_page(gateway, request, "blocks", caller, window)

    @router.get("/mutes", responses=ACCOUNT_PAGE, openapi_extra=paging.page_parameters())
    async def mutes(
        request: Request,
        caller: Annotated[Caller, Depends(require_user("read:mutes"))],
        window: paging.AccountWindow,
    ) -> Response:
        """Whom one mutes, each with `mute_expires_at`."""
        page = await gateway.services.ask("users", "mutes", caller, params=window.params())
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
        """Who asks to follow."""
        return await account_page(gateway, request, "follow_requests", caller, window)

    return router


async def _change_relationship(
    gateway: Gateway, path: str, caller: Caller, body: dict[str, Any] | None = None
) -> OrjsonResponse:
    row = await gateway.services.ask("users", path, caller, method="POST", json=body or {})
    return OrjsonResponse(people.relationship(Relationship.model_validate(row)))
