"""The routes of notifications, which the gateway invokes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query

from services.chassis.http.dependencies import window
from services.chassis.ids import id_time, timestamp
from services.chassis.security.token_verifier import Caller, require_user
from services.chassis.service import OrjsonResponse
from services.chassis.storage.window import Window, normalize_id
from services.contracts.notifications import (
    GroupList,
    Marker,
    NewMarkers,
    Notification,
    NotificationList,
    UnreadCount,
)
from services.notifications.bell import Bell
from services.notifications.domain.groups import GROUPED, Group
from services.notifications.domain.markers import Markers
from services.notifications.domain.notifications import (
    ACCOUNT,
    ID,
    POST,
    SHOP,
    TYPE,
    Filter,
    about,
)
from services.notifications.reading import Found, Reading, no_such_notification
from services.notifications.store import Store, entity, what_of

MOST_COUNTED = 1_000
"""How far unread ones are counted: Mastodon's number."""

_COUNTED = 100

Reader = Annotated[Caller, Depends(require_user("read:notifications"))]
Writer = Annotated[Caller, Depends(require_user("write:notifications"))]
Names = Annotated[str, Query(max_length=2_000)]
Key = Annotated[str, Path(max_length=100, examples=["favourite-116548273934401537-20552"])]


def wanted(
    types: Names | None = None,
    exclude_types: Names = "",
    account_id: Annotated[str, Query(max_length=20, pattern=r"^\d*$")] = "",
) -> Filter:
    """The filter that the query parameters ask for; names are separated by commas.

    An empty list of types asks for none. What Mastodon does not have is only given to who asks for
    it by its name: clients know their types, and show nonsense for others.
    """
    account = normalize_id(account_id) if account_id else ""
    if types is None:
        return Filter(None, _names(exclude_types) | SHOP, account)
    return Filter(_names(types), _names(exclude_types), account)


def grouped_types(grouped_types: Names | None = None) -> frozenset[str]:
    """Which types are to be grouped: all that can be, if nothing is said."""
    return GROUPED if grouped_types is None else _names(grouped_types)


def notification_id(
    id: Annotated[str, Path(max_length=20, examples=["116548273934401537"])],
) -> str:
    """The id in a path; what is no id is nothing's."""
    if not (id.isascii() and id.isdigit()):
        raise no_such_notification()
    return normalize_id(id)


Wanted = Annotated[Window, Depends(window(40))]
Only = Annotated[Filter, Depends(wanted)]
Grouped = Annotated[frozenset[str], Depends(grouped_types)]
Id = Annotated[str, Depends(notification_id)]
Limit = Annotated[int, Query(ge=1, le=MOST_COUNTED)]


def _gives(model: Any, what: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"model": model, "description": what}}


def create_router(store: Store, bell: Bell, reading: Reading) -> APIRouter:
    """All routes."""
    router = APIRouter()
    router.routes.extend(_singly(bell, reading).routes)
    router.routes.extend(_grouped(bell, reading).routes)
    router.routes.extend(_markers(store).routes)
    return router


def _singly(bell: Bell, reading: Reading) -> APIRouter:
    router = APIRouter(prefix="/notifications", tags=["notifications"])

    @router.get("", responses=_gives(NotificationList, "A page, newest first."))
    async def page(window: Wanted, only: Only, caller: Reader) -> OrjsonResponse:
        """What the caller was told of."""
        found = await reading.page(caller.user_id, window, only)
        shown = [entity(row, caller.user_id) for row in found.rows]
        return OrjsonResponse({"notifications": shown, "first": found.first, "last": found.last})

    @router.get("/unread", responses=_gives(UnreadCount, "How many, `limit` at most."))
    async def unread(only: Only, caller: Reader, limit: Limit = _COUNTED) -> OrjsonResponse:
        """How many are newer than the caller's marker."""
        return OrjsonResponse({"count": await reading.unread(caller.user_id, only, limit)})

    @router.post("/clear", responses=_gives(dict[str, Any], "Nothing."))
    async def clear(caller: Writer) -> OrjsonResponse:
        """Put all away."""
        await bell.clear(caller.user_id)
        return OrjsonResponse({})

    @router.get("/{id}", responses=_gives(Notification, "The notification."))
    async def one(id: Id, caller: Reader) -> OrjsonResponse:
        """One of the caller's notifications."""
        return OrjsonResponse(entity(await reading.one(caller.user_id, id), caller.user_id))

    @router.post("/{id}/dismiss", responses=_gives(dict[str, Any], "Nothing."))
    async def dismiss(id: Id, caller: Writer) -> OrjsonResponse:
        """Put one away."""
        await bell.dismiss([await reading.one(caller.user_id, id)])
        return OrjsonResponse({})

    return router


def _grouped(bell: Bell, reading: Reading) -> APIRouter:
    router = APIRouter(prefix="/groups", tags=["groups"])

    @router.get("", responses=_gives(GroupList, "A page, newest first."))
    async def page(window: Wanted, only: Only, types: Grouped, caller: Reader) -> OrjsonResponse:
        """What the caller was told of, alike ones of a day together."""
        groups, found = await reading.groups(caller.user_id, window, only, types)
        return OrjsonResponse(_page(groups, found))

    @router.get("/unread", responses=_gives(UnreadCount, "How many, `limit` at most."))
    async def unread(
        only: Only, types: Grouped, caller: Reader, limit: Limit = _COUNTED
    ) -> OrjsonResponse:
        """How many groups have something newer than the caller's marker."""
        return OrjsonResponse({"count": await reading.unread(caller.user_id, only, limit, types)})

    @router.get("/{key}", responses=_gives(GroupList, "One group."))
    async def one(key: Key, caller: Reader) -> OrjsonResponse:
        """One of the caller's groups, whole."""
        group = await reading.group(caller.user_id, key)
        return OrjsonResponse(
            _page([group], Found(group.rows, group.newest[ID], group.rows[-1][ID]))
        )

    @router.get("/{key}/accounts", responses=_gives(list[str], "Ids, the newest first."))
    async def accounts(key: Key, caller: Reader) -> OrjsonResponse:
        """Who is in a group: the newest eighty."""
        group = await reading.group(caller.user_id, key)
        return OrjsonResponse(list(dict.fromkeys(row[ACCOUNT] for row in group.rows))[:80])

    @router.post("/{key}/dismiss", responses=_gives(dict[str, Any], "Nothing."))
    async def dismiss(key: Key, caller: Writer) -> OrjsonResponse:
        """Put a whole group away."""
        await bell.dismiss((await reading.group(caller.user_id, key)).rows)
        return OrjsonResponse({})

    return router


def _markers(store: Store) -> APIRouter:
    router = APIRouter(prefix="/markers", tags=["markers"])
    markers = _gives(dict[str, Marker], "By timeline; only those that were ever set.")

    @router.get("", responses=markers)
    async def get(
        caller: Annotated[Caller, Depends(require_user("read:statuses"))],
    ) -> OrjsonResponse:
        """How far the caller has read."""
        known = await store.markers.get(caller.user_id)
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
        moved = await store.markers.update(
            caller.user_id, lambda known: (known or Markers()).moved(read, now)
        )
        timelines = moved.timelines if moved else {}
        return OrjsonResponse({name: timelines[name] for name in read if name in timelines})

    return router


def _page(groups: list[Group], found: Found) -> dict[str, Any]:
    return {
        "groups": [_group(group) for group in groups],
        "first": found.first,
        "last": found.last,
    }


def _group(group: Group) -> dict[str, Any]:
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
        **about(newest[TYPE], newest[POST], what_of(newest)),
    }


def _names(written: str) -> frozenset[str]:
    return frozenset(name for name in written.split(",") if name)
