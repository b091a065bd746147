"""Routes of single notifications."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.chassis.http.dependencies import CacheAge
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.contracts.notifications import (
    Notification,
    NotificationList,
    UnreadCount,
)
from services.notifications.api.dependencies import (
    DEFAULT_COUNTED,
    CountLimit,
    PageWindow,
    PathId,
    QueryFilter,
    Reader,
    Writer,
)
from services.notifications.application.notifier import Notifier
from services.notifications.application.queries import (
    NotificationQueries,
)
from services.notifications.repository import notification_view

_MAX_DOCUMENTS = 200
"""Up to how many documents a page says on what it depends. A full page has 161 at most."""


def create_router(notifier: Notifier, queries: NotificationQueries) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/notifications", tags=["notifications"])

    @router.get("", responses=responses(NotificationList, "A page, newest first."))
    async def page(
        window: PageWindow, only: QueryFilter, caller: Reader, max_age: CacheAge
    ) -> OrjsonResponse:
        """Return the caller's notifications."""
        found = await queries.page(caller.user_id, window, only, max_age.own)
        shown = [notification_view(row, caller.user_id) for row in found.rows]
        documents = [*found.documents] if len(found.documents) <= _MAX_DOCUMENTS else []
        return OrjsonResponse(
            {
                "notifications": shown,
                "first": found.first,
                "last": found.last,
                "documents": documents,
            }
        )

    @router.get("/unread", responses=responses(UnreadCount, "How many, `limit` at most."))
    async def unread(
        only: QueryFilter, caller: Reader, limit: CountLimit = DEFAULT_COUNTED
    ) -> OrjsonResponse:
        """Count the notifications that are newer than the caller's marker."""
        return OrjsonResponse({"count": await queries.count_unread(caller.user_id, only, limit)})

    @router.post("/clear", responses=responses(dict[str, Any], "Empty."))
    async def clear(caller: Writer) -> OrjsonResponse:
        """Dismiss all notifications."""
        await notifier.clear(caller.user_id)
        return OrjsonResponse({})

    @router.get("/{id}", responses=responses(Notification, "The notification."))
    async def one(id: PathId, caller: Reader) -> OrjsonResponse:
        """Return one of the caller's notifications."""
        return OrjsonResponse(
            notification_view(await queries.get(caller.user_id, id), caller.user_id)
        )

    @router.post("/{id}/dismiss", responses=responses(dict[str, Any], "Empty."))
    async def dismiss(id: PathId, caller: Writer) -> OrjsonResponse:
        """Dismiss one notification."""
        await notifier.dismiss(caller.user_id, [await queries.get(caller.user_id, id)])
        return OrjsonResponse({})

    return router
