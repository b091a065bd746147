"""The index of the settings, the appearance, and notifications by mail."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.chassis.errors import Invalid
from services.chassis.security.caller import Caller
from services.contracts.notifications import NewDigestSetting
from services.gateway.container import Gateway
from services.gateway.http.reading import read_params
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.settings_forms import Saved, saved
from services.gateway.web.settings_profile import own_account
from services.gateway.web.viewer import SignedIn

_MAIL = "/settings/notifications"


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The pages."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    notifications = gateway.services.notifications

    @router.get("/settings")
    async def index(viewer: SignedIn) -> Response:
        """Links to all settings, with the number of follow requests."""
        own = await own_account(gateway, viewer)
        return pages.render("settings", viewer=viewer, requests=own.follow_requests)

    @router.get("/settings/appearance")
    async def appearance(viewer: SignedIn) -> Response:
        """The theme, which scripts keep in the browser."""
        return pages.render("settings_appearance", viewer=viewer)

    async def mail_page(
        viewer: Caller, *, status: int = 200, error: str = "", saved: Saved = ""
    ) -> Response:
        return pages.render(
            "settings_notifications",
            viewer=viewer,
            status=status,
            digest=await notifications.digest(viewer),
            error=error,
            saved=saved,
        )

    @router.get(_MAIL)
    async def mail(viewer: SignedIn, saved: Saved = "") -> Response:
        """Whether the viewer gets digests."""
        return await mail_page(viewer, saved=saved)

    @router.post(_MAIL)
    async def save_mail(request: Request, viewer: SignedIn) -> Response:
        """Switch digests on or off."""
        enabled = bool((await read_params(request)).boolean("enabled"))
        try:
            await notifications.set_digest(NewDigestSetting(enabled=enabled), viewer)
        except Invalid as failure:
            return await mail_page(viewer, status=422, error=failure.message)
        return saved(_MAIL)

    return router
