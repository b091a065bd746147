"""The front page for strangers, and the home page for users, at the same address."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from services.chassis.errors import ServiceError
from services.clients.feed import HOME, public_timeline
from services.gateway.application.failures import log_failure
from services.gateway.container import Gateway
from services.gateway.http.page_documents import depends_on
from services.gateway.presentation.entities import instances
from services.gateway.web.previews import Previews
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity, MaxId, status_page
from services.gateway.web.viewer import Viewer

_FRONT_PAGE_SIZE, _HOME_PAGE_SIZE = 12, 20
_POSTS_IN_SIGHT = 3


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The page at `/`."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    preview = Previews(gateway.urls, pages.texts).site(
        gateway.settings.microgram_title, instances.LONG_DESCRIPTION
    )
    rules = [{"text": text, "hint": hint} for text, hint in instances.RULES]

    @router.get("/")
    async def home(request: Request, viewer: Viewer, max_id: MaxId = "") -> Response:
        """The newest posts of the viewer and of whom they follow. One call of the feed.

        For strangers the newest pictures, or none if the feed fails.
        """
        if viewer is None:
            return await front()
        page = await status_page(gateway, HOME, viewer, _HOME_PAGE_SIZE, max_id)
        depends_on(request, page.documents)
        leading = "" if max_id else _leading_picture(page.statuses)
        return pages.render("home", viewer=viewer, page=page, is_first=not max_id, leading=leading)

    async def front() -> Response:
        try:
            newest = public_timeline(only_media=True)
            tiles = (await status_page(gateway, newest, None, _FRONT_PAGE_SIZE)).statuses
        except ServiceError as failure:
            log_failure(failure)
            tiles = []
        about = instances.LONG_DESCRIPTION
        return pages.render(
            "front", store=True, preview=preview, tiles=tiles, rules=rules, about=about
        )

    return router


def _leading_picture(statuses: Sequence[Entity]) -> str:
    """The id of the post whose picture is the first that one sees: browsers fetch it first."""
    for status in statuses[:_POSTS_IN_SIGHT]:
        shown = status["reblog"] or status
        if shown["media_attachments"] and not (shown["sensitive"] or shown["spoiler_text"]):
            return str(status["id"])
    return ""
