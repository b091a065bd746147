"""The page of notifications, in groups."""

from __future__ import annotations

from typing import Literal

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.storage.window import Window, normalize_id
from services.clients.base import gather_all
from services.clients.notifications import GroupFilter
from services.contracts.notifications import TYPES, NewMarker, NewMarkers
from services.gateway.container import Gateway
from services.gateway.http.reading import read_params
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.texts import Texts
from services.gateway.web.timelines import Entity, MaxId
from services.gateway.web.viewer import SignedIn

_PAGE_SIZE = 30
_PATH = "/notifications"

Tab = Literal["all", "comments", "likes", "follows", "orders"]
_TYPES: dict[Tab, str] = {
    "all": ",".join(sorted(TYPES)),
    "comments": "mention,status",
    "likes": "favourite,reblog",
    "follows": "follow,follow_request",
    "orders": "order,payment",
}


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page, and the form that marks all as read."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    service = gateway.services.notifications

    @router.get(_PATH)
    async def notifications(viewer: SignedIn, tab: Tab = "all", max_id: MaxId = "") -> Response:
        """The viewer's notifications, and how far they have read."""
        chosen = GroupFilter(types=_TYPES[tab])
        window = Window.of(_PAGE_SIZE, max_id, None, None)
        page, markers = await gather_all(
            gateway.notifications.group_page(viewer, window, chosen, partial_accounts=False),
            service.markers(viewer),
        )
        shown = orjson.loads(page.shown)
        read_to = markers["notifications"]["last_read_id"] if "notifications" in markers else ""
        return pages.render(
            "notifications",
            viewer=viewer,
            tab=tab,
            tabs=list(_TYPES),
            groups=_complete(shown, pages.texts),
            read_to=int(read_to or 0),
            older=page.found["last"],
            is_first=not max_id,
        )

    @router.post(f"{_PATH}/read")
    async def mark_read(request: Request, viewer: SignedIn) -> Response:
        """Mark everything up to the newest shown notification as read."""
        newest = (await read_params(request)).string("newest")
        marker = NewMarker.model_construct(last_read_id=normalize_id(newest))
        await service.move_markers(NewMarkers.model_construct(None, notifications=marker), viewer)
        return RedirectResponse(_PATH, 303)

    return router


def _complete(shown: Entity, texts: Texts) -> list[Entity]:
    """The groups with their accounts and their post in place of ids, and events in words."""
    accounts = {account["id"]: account for account in shown["accounts"]}
    statuses = {status["id"]: status for status in shown["statuses"]}
    return [
        group
        | _order_fields(group, texts)
        | {
            "accounts": [accounts[id] for id in group["sample_account_ids"]],
            "status": statuses.get(group["status_id"]),
        }
        for group in shown["notification_groups"]
    ]


def _order_fields(group: Entity, texts: Texts) -> Entity:
    if "order" not in group:
        return {}
    order = group["order"]
    is_known = f"notifications.event.{order['event']}" in texts.keys
    event = texts(f"notifications.event.{order['event']}") if is_known else order["event"]
    return {"order": order | {"event": event}}
