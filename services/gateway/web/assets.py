"""The routes of the files that pages load."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.chassis.errors import NotFound
from services.gateway.web.default_images import default_image
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.static_files import FOR_A_DAY


def create_router(pages: PageRenderer) -> APIRouter:
    """Style sheets, scripts and default images."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    @router.get("/static/{name}")
    async def image(name: str) -> Response:
        """A default image."""
        drawn = default_image(name)
        if drawn is None:
            raise NotFound("There is no such file.")
        return Response(drawn, media_type="image/png", headers=FOR_A_DAY)

    @router.get("/static/{version}/{name}")
    async def file(version: str, name: str) -> Response:
        """A style sheet or a script."""
        return pages.files.response(version, name)

    @router.get("/favicon.ico")
    async def icon(_: Request) -> Response:
        """The icon."""
        return Response(default_image("icon.png"), media_type="image/png", headers=FOR_A_DAY)

    return router
