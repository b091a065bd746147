"""Single notifications."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from services.chassis.errors import NotFound
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.contracts.events import NOTIFICATIONS_INVALIDATED
from services.contracts.invalidations import (
    account_document,
    notifications_document,
    reader_document,
)
from services.gateway.application.notifications import first_visible_page
from services.gateway.container import Gateway
from services.gateway.http import paging
from services.gateway.http.openapi import request_body, responses
from services.gateway.http.page_documents import depends_on
from services.gateway.http.paging import page_parameters
from services.gateway.http.reading import read_params
from services.gateway.http.responses import json_response
from services.gateway.rest.dependencies import Id, NotificationReader, NotificationWriter
from services.gateway.rest.notification_filters import notification_filter
from services.gateway.rest.responses import DONE, UNREAD_COUNT

_PAGE = responses([], "A page of Notification, newest first; `Link` leads to the next.")


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about single notifications. Fixed paths come first."""
    router = APIRouter(prefix="/api/v1/notifications", tags=["notifications"])

    @router.get("", responses=_PAGE, openapi_extra=page_parameters())
    async def page(
        request: Request, caller: NotificationReader, window: paging.AccountWindow
    ) -> Response:
        """The caller's notifications: `types[]`, `exclude_types[]`, `account_id`."""
        filters = notification_filter(request)
        documents = {account_document(caller.user_id), reader_document(caller.user_id)}
        cached = [reader_document(caller.user_id), notifications_document(caller.user_id)]
        is_told, oldest = True, gateway.ready_pages.now()

        async def fetch(part: Window) -> Any:
            changes = gateway.ready_pages.changes
            age = changes.cache_age(cached, NOTIFICATIONS_INVALIDATED.producer)
            return await gateway.services.notifications.notifications(caller, part, filters, age)

        async def show(found: Any) -> tuple[list[bytes], bool]:
            nonlocal is_told, oldest
            shown = await gateway.notifications.render(caller, found["notifications"])
            documents.update(found["documents"])
            oldest = min(oldest, shown.oldest)
            is_told = is_told and bool(found["documents"]) and not shown.has_products
            return shown.entities, bool(shown.entities)

        page = await first_visible_page(window, fetch, show, lambda _, found: not found["last"])
        depends_on(request, documents if is_told else (), oldest)
        links = paging.link_header(gateway.urls.public_url, request, page.first, page.found["last"])
        return json_response(b"[%b]" % b",".join(page.shown), links)

    @router.get("/unread_count", responses=UNREAD_COUNT)
    async def unread(
        request: Request, caller: NotificationReader, window: paging.CountWindow
    ) -> OrjsonResponse:
        """The number of unread notifications."""
        return OrjsonResponse(
            await gateway.services.notifications.unread_count(
                caller, window.limit, notification_filter(request)
            )
        )

    @router.post("/clear", responses=DONE)
    async def clear(caller: NotificationWriter) -> OrjsonResponse:
        """Dismiss all notifications."""
        await gateway.services.notifications.clear(caller)
        return OrjsonResponse({})

    @router.post("/dismiss", responses=DONE, openapi_extra=request_body(id="string"))
    async def dismiss_named(request: Request, caller: NotificationWriter) -> OrjsonResponse:
        """Dismiss the notification named in the body, for old clients."""
        return await _dismiss(gateway, caller, (await read_params(request)).string("id"))

    @router.get("/{id}", responses=responses(description="The Notification."))
    async def one(id: Id, caller: NotificationReader) -> Response:
        """One of the caller's notifications."""
        found = await gateway.services.notifications.notification(id, caller)
        shown = (await gateway.notifications.render(caller, [found])).entities
        if not shown:
            raise NotFound("Record not found")
        return json_response(shown[0])

    @router.post("/{id}/dismiss", responses=DONE)
    async def dismiss(id: Id, caller: NotificationWriter) -> OrjsonResponse:
        """Dismiss a notification."""
        return await _dismiss(gateway, caller, id)

    return router


# ── parts ───────────────────────────────────────────────────────────────────────────────────────


async def _dismiss(gateway: Gateway, caller: Caller, id: str) -> OrjsonResponse:
    await gateway.services.notifications.dismiss(id, caller)
    return OrjsonResponse({})
