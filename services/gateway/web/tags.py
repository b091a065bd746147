"""The page of a hashtag."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.chassis.errors import NotFound
from services.clients.feed import tag_timeline
from services.gateway.container import Gateway
from services.gateway.web.previews import Previews
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import MaxId, status_page
from services.gateway.web.viewer import Viewer
from services.shared.hashtags import normal_tag

_PAGE_SIZE = 30


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """Pages of hashtags."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)
    previews = Previews(gateway.urls, pages.texts)

    @router.get("/tags/{tag}")
    async def tagged(tag: str, viewer: Viewer, max_id: MaxId = "") -> Response:
        """Public posts with a hashtag."""
        name = normal_tag(tag)
        if not name:
            raise NotFound(pages.texts("error.404.text"))
        page = await status_page(gateway, tag_timeline(name), viewer, _PAGE_SIZE, max_id)
        preview = previews.tag(name)
        return pages.render("tag", viewer=viewer, store=True, preview=preview, tag=name, page=page)

    return router
