"""Accounts in lists, and the forms that follow, mute and block them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.security.caller import Caller
from services.clients.json_types.accounts import AccountJson
from services.contracts.accounts import Relationship
from services.gateway.container import Gateway
from services.gateway.presentation.entities import people
from services.gateway.web.addresses import back_address
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity
from services.gateway.web.viewer import SignedIn

PeopleAction = Literal[
    "follow", "unfollow", "mute", "unmute", "block", "unblock", "remove", "authorize", "reject"
]


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Forms about other accounts. They lead back to the page they are on."""
    router = APIRouter(
        prefix="/people", tags=["pages"], route_class=pages.route_class(), include_in_schema=False
    )
    users = gateway.services.users

    @router.post("/{id}/{action}")
    async def change(request: Request, id: str, action: PeopleAction, viewer: SignedIn) -> Response:
        """Change the viewer's relationship to an account."""
        match action:
            case "follow":
                await users.follow(id, viewer, reblogs=None, notify=None)
            case "mute":
                await users.mute(id, viewer, notifications=True, seconds=0)
            case "remove":
                await users.remove_from_followers(id, viewer)
            case "authorize" | "reject":
                await users.answer_follow_request(id, action, viewer)
            case "unfollow" | "unmute" | "block" | "unblock":
                await getattr(users, action)(id, viewer)
        return RedirectResponse(back_address(request), 303)

    return router


async def with_relationships(
    gateway: Gateway, rows: Sequence[AccountJson], viewer: Caller | None
) -> list[tuple[Entity, Entity | None]]:
    """Entities Account, each with the viewer's relationship to it; one call more for viewers."""
    entities: list[Entity] = orjson.loads(gateway.renderer.accounts(rows))
    known = await relationships(gateway, [entity["id"] for entity in entities], viewer)
    return [(entity, known.get(entity["id"])) for entity in entities]


async def relationships(
    gateway: Gateway, ids: Iterable[str], viewer: Caller | None
) -> dict[str, Entity]:
    """The viewer's relationships to other accounts, by id."""
    others = [id for id in ids if viewer is not None and id != viewer.user_id]
    if viewer is None or not others:
        return {}
    found = await gateway.services.users.relationships(others, viewer)
    return {row["id"]: people.relationship(Relationship.model_validate(row)) for row in found}
