"""The page of an account, and permanent addresses that lead to pages."""

from __future__ import annotations

from fastapi import APIRouter, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import ServiceError
from services.chassis.security.caller import Caller
from services.clients.base import gather_all
from services.clients.feed import account_timeline
from services.clients.paths import numeric_id
from services.contracts.accounts import Account, Relationship
from services.gateway.container import Gateway
from services.gateway.presentation.entities import people
from services.gateway.web.previews import Previews
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity, MaxId, status_page
from services.gateway.web.viewer import Viewer

_PAGE_SIZE = 30


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Pages of accounts."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    previews = Previews(gateway.urls)

    @router.get("/@{username}")
    async def profile(username: str, viewer: Viewer, max_id: MaxId = "") -> Response:
        """An account with its posts and boosts. Two calls in sequence."""
        account = Account.model_validate(await gateway.services.users.account_named(username[:40]))
        timeline = account_timeline(account.profile.id, exclude_replies=True)
        page, relationship, has_shop = await gather_all(
            status_page(gateway, timeline, viewer, _PAGE_SIZE, max_id),
            _relationship(gateway, account.profile.id, viewer),
            _has_shop(gateway, account.profile.id, viewer),
        )
        return pages.render(
            "profile",
            viewer=viewer,
            store=True,
            preview=previews.person(people.public_profile(account.profile)),
            account=people.account(account, gateway.urls, gateway.html),
            relationship=relationship,
            has_shop=has_shop,
            page=page,
        )

    @router.get("/users/{username}")
    async def actor(username: str) -> Response:
        """The permanent URL of an account."""
        return RedirectResponse(gateway.urls.account(username), 302)

    @router.get("/users/{username}/statuses/{id}")
    async def note(username: str, id: str) -> Response:
        """The permanent URL of a post."""
        return RedirectResponse(gateway.urls.post(username, numeric_id(id)), 302)

    return router


async def _relationship(gateway: Gateway, id: str, viewer: Caller | None) -> Entity | None:
    """The viewer's relationship to another account; None for strangers and the own one."""
    if viewer is None or viewer.user_id == id:
        return None
    (found,) = await gateway.services.users.relationships([id], viewer)
    return people.relationship(Relationship.model_validate(found))


async def _has_shop(gateway: Gateway, id: str, viewer: Caller | None) -> bool:
    """Whether the viewer sees a shop of this person; no profile fails because of it."""
    try:
        return bool((await gateway.services.catalog.shops(viewer, limit=1, owner=id)).shops)
    except ServiceError:
        return False
