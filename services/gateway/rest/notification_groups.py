"""Grouped notifications."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from services.chassis.errors import NotFound
from services.chassis.http.responses import OrjsonResponse
from services.gateway.container import Gateway
from services.gateway.http import paging
from services.gateway.http.openapi import responses
from services.gateway.http.paging import page_parameters
from services.gateway.http.responses import json_response
from services.gateway.rest.dependencies import NotificationReader, NotificationWriter
from services.gateway.rest.notification_filters import group_filter
from services.gateway.rest.responses import DONE, UNREAD_COUNT

Key = Annotated[str, Path(examples=["favourite-114000000000000000-20552"])]
_GROUPS = responses(
    {"accounts": [], "statuses": [], "notification_groups": []},
    "A page of groups with all that they show; `Link` leads to the next.",
)


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about grouped notifications."""
    router = APIRouter(prefix="/api/v2/notifications", tags=["notifications"])

    @router.get("", responses=_GROUPS, openapi_extra=page_parameters())
    async def page(
        request: Request, caller: NotificationReader, window: paging.AccountWindow
    ) -> Response:
        """The caller's notifications in groups."""
        filters = group_filter(request)

        page = await gateway.notifications.group_page(
            caller, window, filters, partial_accounts=_partial_accounts(request)
        )
        links = paging.link_header(gateway.urls.public_url, request, page.first, page.found["last"])
        return json_response(page.shown, links)

    @router.get("/unread_count", responses=UNREAD_COUNT)
    async def unread(
        request: Request, caller: NotificationReader, window: paging.CountWindow
    ) -> OrjsonResponse:
        """The number of groups with unread notifications."""
        filters = group_filter(request)
        return OrjsonResponse(
            await gateway.services.notifications.unread_groups(caller, window.limit, filters)
        )

    @router.get("/{group_key}", responses=_GROUPS)
    async def one(request: Request, group_key: Key, caller: NotificationReader) -> Response:
        """One group."""
        found = await gateway.services.notifications.group(group_key, caller)
        shown, count = await gateway.notifications.render_groups(
            caller, found["groups"], partial_accounts=_partial_accounts(request)
        )
        if not count:
            raise NotFound("Record not found")
        return json_response(shown)

    @router.get("/{group_key}/accounts", responses=responses([], "A list of Account."))
    async def accounts(group_key: Key, caller: NotificationReader) -> Response:
        """The accounts of a group, the newest first."""
        ids = await gateway.services.notifications.group_accounts(group_key, caller)
        people = await gateway.services.users.accounts(ids)
        return json_response(gateway.renderer.accounts(people[id] for id in ids if id in people))

    @router.post("/{group_key}/dismiss", responses=DONE)
    async def dismiss(group_key: Key, caller: NotificationWriter) -> OrjsonResponse:
        """Dismiss a group."""
        await gateway.services.notifications.dismiss_group(group_key, caller)
        return OrjsonResponse({})

    return router


def _partial_accounts(request: Request) -> bool:
    return request.query_params.get("expand_accounts") == "partial_avatars"
