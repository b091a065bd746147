"""The routes of notifications, which the gateway invokes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query

from services.chassis.http.dependencies import path_id, window
from services.chassis.http.responses import OrjsonResponse
from services.chassis.ids import id_time, timestamp
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.chassis.storage.window import Window, normalize_id
from services.contracts.notifications import (
    GroupList,
    Marker,
    NewMarkers,
    Notification,
    NotificationList,
    UnreadCount,
)
from services.notifications.application.notifier import Notifier
from services.notifications.application.queries import (
    NotificationPage,
    NotificationQueries,
    notification_not_found,
)
from services.notifications.domain.groups import GROUPED_TYPES, RowGroup
from services.notifications.domain.markers import ReadMarkers
from services.notifications.domain.notifications import (
    ACCOUNT,
    ID,
    POST,
    SHOP_TYPES,
    TYPE,
    NotificationCriteria,
    subject_fields,
)
from services.notifications.repository import Repository, notification_view, outcome_of

MAX_COUNTED = 1_000
"""How far unread ones are counted: Mastodon's number."""

_DEFAULT_COUNTED = 100

Reader = Annotated[Caller, Depends(require_user("read:notifications"))]
Writer = Annotated[Caller, Depends(require_user("write:notifications"))]
TypeNames = Annotated[str, Query(max_length=2_000)]
GroupKey = Annotated[str, Path(max_length=100, examples=["favourite-116548273934401537-20552"])]


async def query_filter(
    types: TypeNames | None = None,
    exclude_types: TypeNames = "",
    account_id: Annotated[str, Query(max_length=20, pattern=r"^\d*$")] = "",
) -> NotificationCriteria:
    """The filter that the query parameters ask for; names are separated by commas.

    An empty list of types asks for none. What Mastodon does not have is only given to who asks for
    it by its name: clients know their types, and show nonsense for others.
    """
    account = normalize_id(account_id) if account_id else ""
    if types is None:
        return NotificationCriteria(None, _split_names(exclude_types) | SHOP_TYPES, account)
    return NotificationCriteria(_split_names(types), _split_names(exclude_types), account)


async def grouped_types(grouped_types: TypeNames | None = None) -> frozenset[str]:
    """Which types are to be grouped: all that can be, if nothing is said."""
    return GROUPED_TYPES if grouped_types is None else _split_names(grouped_types)


PageWindow = Annotated[Window, Depends(window(40))]
QueryFilter = Annotated[NotificationCriteria, Depends(query_filter)]
GroupedTypes = Annotated[frozenset[str], Depends(grouped_types)]
PathId = Annotated[str, Depends(path_id(notification_not_found, max_length=20))]
CountLimit = Annotated[int, Query(ge=1, le=MAX_COUNTED)]


def _response(model: Any, what: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "description": what}}


def create_router(
    repository: Repository, bell: Notifier, reading: NotificationQueries
) -> APIRouter:
    """All routes."""
    router = APIRouter()
    router.routes.extend(_notification_routes(bell, reading).routes)
    router.routes.extend(_group_routes(bell, reading).routes)
    router.routes.extend(_marker_routes(repository).routes)
    return router


def _notification_routes(bell: Notifier, reading: NotificationQueries) -> APIRouter:
    router = APIRouter(prefix="/notifications", tags=["notifications"])

    @router.get("", responses=_response(NotificationList, "A page, newest first."))
    async def page(window: PageWindow, only: QueryFilter, caller: Reader) -> OrjsonResponse:
        """What the caller was told of."""
        found = await reading.page(caller.user_id, window, only)
        shown = [notification_view(row, caller.user_id) for row in found.rows]
        return OrjsonResponse({"notifications": shown, "first": found.first, "last": found.last})

    @router.get("/unread", responses=_response(UnreadCount, "How many, `limit` at most."))
    async def unread(
        only: QueryFilter, caller: Reader, limit: CountLimit = _DEFAULT_COUNTED
    ) -> OrjsonResponse:
        """How many are newer than the caller's marker."""
        return OrjsonResponse({"count": await reading.count_unread(caller.user_id, only, limit)})

    @router.post("/clear", responses=_response(dict[str, Any], "Nothing."))
    async def clear(caller: Writer) -> OrjsonResponse:
        """Put all away."""
        await bell.clear(caller.user_id)
        return OrjsonResponse({})

    @router.get("/{id}", responses=_response(Notification, "The notification."))
    async def one(id: PathId, caller: Reader) -> OrjsonResponse:
        """One of the caller's notifications."""
        return OrjsonResponse(
            notification_view(await reading.get(caller.user_id, id), caller.user_id)
        )

    @router.post("/{id}/dismiss", responses=_response(dict[str, Any], "Nothing."))
    async def dismiss(id: PathId, caller: Writer) -> OrjsonResponse:
        """Put one away."""
        await bell.dismiss([await reading.get(caller.user_id, id)])
        return OrjsonResponse({})

    return router


def _group_routes(bell: Notifier, reading: NotificationQueries) -> APIRouter:
    router = APIRouter(prefix="/groups", tags=["groups"])

    @router.get("", responses=_response(GroupList, "A page, newest first."))
    async def page(
        window: PageWindow, only: QueryFilter, types: GroupedTypes, caller: Reader
    ) -> OrjsonResponse:
        """What the caller was told of, alike ones of a day together."""
        groups, found = await reading.group_page(caller.user_id, window, only, types)
        return OrjsonResponse(_group_page_view(groups, found))

    @router.get("/unread", responses=_response(UnreadCount, "How many, `limit` at most."))
    async def unread(
        only: QueryFilter, types: GroupedTypes, caller: Reader, limit: CountLimit = _DEFAULT_COUNTED
    ) -> OrjsonResponse:
        """How many groups have something newer than the caller's marker."""
        return OrjsonResponse(
            {"count": await reading.count_unread(caller.user_id, only, limit, types)}
        )

    @router.get("/{key}", responses=_response(GroupList, "One group."))
    async def one(key: GroupKey, caller: Reader) -> OrjsonResponse:
        """One of the caller's groups, whole."""
        group = await reading.get_group(caller.user_id, key)
        return OrjsonResponse(
            _group_page_view(
                [group], NotificationPage(group.rows, group.newest[ID], group.rows[-1][ID])
            )
        )

    @router.get("/{key}/accounts", responses=_response(list[str], "Ids, the newest first."))
    async def accounts(key: GroupKey, caller: Reader) -> OrjsonResponse:
        """Who is in a group: the newest eighty."""
        group = await reading.get_group(caller.user_id, key)
        return OrjsonResponse(list(dict.fromkeys(row[ACCOUNT] for row in group.rows))[:80])

    @router.post("/{key}/dismiss", responses=_response(dict[str, Any], "Nothing."))
    async def dismiss(key: GroupKey, caller: Writer) -> OrjsonResponse:
        """Put a whole group away."""
        await bell.dismiss((await reading.get_group(caller.user_id, key)).rows)
        return OrjsonResponse({})

    return router


def _marker_routes(repository: Repository) -> APIRouter:
    router = APIRouter(prefix="/markers", tags=["markers"])
    markers = _response(dict[str, Marker], "By timeline; only those that were ever set.")

    @router.get("", responses=markers)
    async def get(
        caller: Annotated[Caller, Depends(require_user("read:statuses"))],
    ) -> OrjsonResponse:
        """How far the caller has read."""
        known = await repository.markers.get(caller.user_id)
        return OrjsonResponse(known.timelines if known else {})

    @router.post("", responses=markers)
    async def move(
        new: Annotated[NewMarkers, Body()],
        caller: Annotated[Caller, Depends(require_user("write:statuses"))],
    ) -> OrjsonResponse:
        """Say how far the caller has read: the last who says so is right. Gives those that moved.

        Two devices at once both count, one after the other.
        """
        given = new.model_dump(exclude_none=True)
        read = {timeline: normalize_id(each["last_read_id"]) for timeline, each in given.items()}
        now = timestamp()
        moved = await repository.markers.update(
            caller.user_id, lambda known: (known or ReadMarkers()).apply(read, now)
        )
        timelines = moved.timelines if moved else {}
        return OrjsonResponse({name: timelines[name] for name in read if name in timelines})

    return router


def _group_page_view(groups: list[RowGroup], found: NotificationPage) -> dict[str, Any]:
    return {
        "groups": [_group_view(group) for group in groups],
        "first": found.first,
        "last": found.last,
    }


def _group_view(group: RowGroup) -> dict[str, Any]:
    """A `contracts.notifications.NotificationGroup`."""
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


def _split_names(written: str) -> frozenset[str]:
    return frozenset(name for name in written.split(",") if name)
