"""The page of an account, and permanent addresses that lead to pages."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import ServiceError, Unauthenticated
from services.chassis.security.caller import Caller
from services.clients.base import gather_all
from services.clients.feed import account_timeline
from services.clients.insights import InsightsClient
from services.clients.paths import numeric_id
from services.contracts.accounts import Account
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.presentation.entities import people
from services.gateway.presentation.entities.shop import money
from services.gateway.web.people import relationships
from services.gateway.web.previews import Previews
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity, MaxId, status_page
from services.gateway.web.viewer import Viewer

_PAGE_SIZE = 30


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Pages of accounts."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    previews = Previews(gateway.urls, pages.texts)

    @router.get("/@{username}")
    async def profile(username: str, viewer: Viewer, max_id: MaxId = "") -> Response:
        """An account with its posts and boosts. Two calls in sequence.

        Viewers see their relationship to it too, and which of those whom they follow follow it;
        under their own profile what their posts and sales add up to, if the guest `insights` runs.
        """
        account = Account.model_validate(await gateway.services.users.account_named(username[:40]))
        timeline = account_timeline(account.profile.id, exclude_replies=True)
        page, known, familiar, has_shop, insights = await gather_all(
            status_page(gateway, timeline, viewer, _PAGE_SIZE, max_id),
            relationships(gateway, [account.profile.id], viewer),
            _familiar_followers(gateway, account.profile.id, viewer),
            _has_shop(gateway, account.profile.id, viewer),
            _insights(gateway, account.profile.id, viewer),
        )
        return pages.render(
            "profile",
            viewer=viewer,
            store=True,
            preview=previews.person(people.public_profile(account.profile)),
            account=people.account(account, gateway.urls, gateway.html),
            relationship=known.get(account.profile.id),
            familiar=familiar,
            has_shop=has_shop,
            insights=insights,
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


async def _familiar_followers(gateway: Gateway, id: str, viewer: Caller | None) -> list[Entity]:
    """Followers of an account whom the viewer follows; none if the call fails."""
    if viewer is None or viewer.user_id == id:
        return []
    try:
        (found,) = await gateway.services.users.familiar_followers([id], viewer)
    except Unauthenticated:
        raise
    except ServiceError as failure:
        log_failure(failure)
        return []
    entities: list[Entity] = orjson.loads(gateway.renderer.accounts(found["accounts"]))
    return entities


async def _has_shop(gateway: Gateway, id: str, viewer: Caller | None) -> bool:
    """Whether the viewer sees a shop of this person; no profile fails because of it."""
    try:
        return bool((await gateway.services.catalog.shops(viewer, limit=1, owner=id)).shops)
    except ServiceError as failure:
        log_failure(failure)
        return False


async def _insights(gateway: Gateway, id: str, viewer: Caller | None) -> Entity | None:
    """What the viewer's own posts and sales add up to; no profile fails because of it."""
    if viewer is None or viewer.user_id != id or not InsightsClient.is_running():
        return None
    try:
        found = await gateway.services.insights.insights(viewer)
    except ServiceError as failure:
        log_failure(failure)
        return None
    sales = [{"orders": one.orders, "total": money(one.total, one.currency)} for one in found.sales]
    return {**found.model_dump(), "sales": sales}
