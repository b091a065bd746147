"""Lists of accounts: followers, who is followed, and the lists that only their owner sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import APIRouter, Response

from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.json_types.accounts import AccountListJson
from services.contracts.accounts import Account
from services.gateway.container import Gateway
from services.gateway.presentation.entities import people
from services.gateway.web.people import with_relationships
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import MaxId
from services.gateway.web.viewer import SignedIn, Viewer

_PAGE_SIZE = 40

FollowList = Literal["followers", "following"]
OwnList = Literal["blocks", "mutes", "follow-requests"]


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The pages of the lists."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    users = gateway.services.users
    readers: dict[OwnList, Callable[[Caller, Window], Awaitable[AccountListJson]]] = {
        "blocks": users.blocks,
        "mutes": users.mutes,
        "follow-requests": users.follow_requests,
    }

    async def follow_list(
        kind: FollowList, username: str, viewer: Viewer, max_id: MaxId = ""
    ) -> Response:
        account = Account.model_validate(await users.account_named(username[:40]))
        window = Window.of(_PAGE_SIZE, max_id, None, None)
        read = users.followers if kind == "followers" else users.following
        page = await read(account.profile.id, viewer, window)
        return pages.render(
            "follow_list",
            viewer=viewer,
            kind=kind,
            account=people.account(account, gateway.urls, gateway.html),
            rows=await with_relationships(gateway, page["accounts"], viewer),
            older_id=page["more"],
        )

    @router.get("/@{username}/followers")
    async def followers(username: str, viewer: Viewer, max_id: MaxId = "") -> Response:
        """Who follows an account, the newest first. Three calls in sequence."""
        return await follow_list("followers", username, viewer, max_id)

    @router.get("/@{username}/following")
    async def following(username: str, viewer: Viewer, max_id: MaxId = "") -> Response:
        """Whom an account follows, the newest first. Three calls in sequence."""
        return await follow_list("following", username, viewer, max_id)

    def own_list(kind: OwnList) -> Callable[..., Awaitable[Response]]:
        async def page(viewer: SignedIn, max_id: MaxId = "") -> Response:
            window = Window.of(_PAGE_SIZE, max_id, None, None)
            found = await readers[kind](viewer, window)
            return pages.render(
                "settings_people",
                viewer=viewer,
                kind=kind,
                rows=await with_relationships(gateway, found["accounts"], viewer),
                older_id=found["more"],
            )

        return page

    for kind in readers:
        router.add_api_route(f"/settings/{kind}", own_list(kind), methods=["GET"])
    return router
