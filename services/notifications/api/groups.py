"""Routes of grouped notifications."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import id_time, timestamp
from services.contracts.notifications import (
    GroupList,
    UnreadCount,
)
from services.notifications.api.dependencies import (
    DEFAULT_COUNTED,
    CountLimit,
    GroupedTypes,
    GroupKey,
    PageWindow,
    QueryFilter,
    Reader,
    Writer,
)
from services.notifications.application.notifier import Notifier
from services.notifications.application.queries import (
    NotificationPage,
    NotificationQueries,
)
from services.notifications.domain.groups import RowGroup
from services.notifications.domain.notifications import (
    ACCOUNT,
    ID,
    POST,
    TYPE,
    outcome_of,
    subject_fields,
)


def create_router(notifier: Notifier, queries: NotificationQueries) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/groups", tags=["groups"])

    @router.get("", responses=responses(GroupList, "A page, newest first."))
    async def page(
        window: PageWindow, only: QueryFilter, types: GroupedTypes, caller: Reader
    ) -> OrjsonResponse:
        """Return the caller's notifications in groups."""
        groups, found = await queries.group_page(caller.user_id, window, only, types)
        return OrjsonResponse(_group_page_view(groups, found))

    @router.get("/unread", responses=responses(UnreadCount, "How many, `limit` at most."))
    async def unread(
        only: QueryFilter, types: GroupedTypes, caller: Reader, limit: CountLimit = DEFAULT_COUNTED
    ) -> OrjsonResponse:
        """Count the groups with a notification newer than the caller's marker."""
        return OrjsonResponse(
            {"count": await queries.count_unread(caller.user_id, only, limit, types)}
        )

    @router.get("/{key}", responses=responses(GroupList, "One group."))
    async def one(key: GroupKey, caller: Reader) -> OrjsonResponse:
        """Return one complete group of the caller."""
        group = await queries.get_group(caller.user_id, key)
        return OrjsonResponse(
            _group_page_view(
                [group], NotificationPage(group.rows, group.newest[ID], group.rows[-1][ID])
            )
        )

    @router.get("/{key}/accounts", responses=responses(list[str], "Ids, the newest first."))
    async def accounts(key: GroupKey, caller: Reader) -> OrjsonResponse:
        """Return the accounts of a group, at most the newest eighty."""
        group = await queries.get_group(caller.user_id, key)
        return OrjsonResponse(list(dict.fromkeys(row[ACCOUNT] for row in group.rows))[:80])

    @router.post("/{key}/dismiss", responses=responses(dict[str, Any], "Empty."))
    async def dismiss(key: GroupKey, caller: Writer) -> OrjsonResponse:
        """Dismiss a group."""
        owner = caller.user_id
        await notifier.dismiss(owner, (await queries.get_group(owner, key)).rows)
        return OrjsonResponse({})

    return router


def _group_page_view(groups: list[RowGroup], found: NotificationPage) -> dict[str, Any]:
    return {
        "groups": [_group_view(group) for group in groups],
        "first": found.first,
        "last": found.last,
    }


def _group_view(group: RowGroup) -> dict[str, Any]:
    """Return a `contracts.notifications.NotificationGroup`."""
    newest = group.newest
    return {
        "group_key": group.key,
        "type": newest[TYPE],
        "count": len(group.rows),
        "newest": newest[ID],
        "oldest": group.rows[-1][ID],
        "latest_at": timestamp(id_time(newest[ID])),
        "accounts": group.sample,
        **subject_fields(newest[TYPE], newest[POST], outcome_of(newest)),
    }
