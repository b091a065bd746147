"""The routes of the files that pages load."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from services.chassis.errors import NotFound
from services.gateway.web.default_images import default_image
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.static_files import FOR_A_DAY

_WORKER_POLICY = "; ".join(
    ("default-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")
)
"""A service worker fetches under its own policy: what it serves to pages, from here only."""


def create_router(pages: PageRenderer, site: str) -> APIRouter:
    """Style sheets, scripts and default images; the manifest and the service worker."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    @router.get("/static/{name}")
    async def image(name: str) -> Response:
        """A default image."""
        drawn = default_image(name)
        if drawn is None:
            raise NotFound(pages.texts("error.404.text"))
        return Response(drawn, media_type="image/png", headers=FOR_A_DAY)

    @router.get("/static/{version}/{name}")
    async def file(version: str, name: str) -> Response:
        """A style sheet or a script."""
        return pages.files.response(version, name)

    @router.get("/manifest.webmanifest")
    async def manifest() -> Response:
        """What a device needs to install the web app (W3C Web Application Manifest)."""
        body = orjson.dumps(_manifest(site))
        return Response(body, media_type="application/manifest+json", headers=FOR_A_DAY)

    @router.get("/sw.js")
    async def worker() -> Response:
        """The service worker. It stands at the root, since it serves the pages below its path."""
        response = pages.files.response("", "worker.js")
        response.headers["content-security-policy"] = _WORKER_POLICY
        return response

    @router.get("/offline")
    async def offline() -> Response:
        """What the service worker shows in place of a page that it does not have."""
        return pages.render("offline", store=True)

    @router.get("/favicon.ico")
    async def icon(_: Request) -> Response:
        """The icon."""
        return Response(default_image("icon.png"), media_type="image/png", headers=FOR_A_DAY)

    return router


def _manifest(site: str) -> dict[str, Any]:
    icons = [
        {"src": f"/static/{name}", "sizes": f"{size}x{size}", "type": "image/png"}
        for name, size in (("icon.png", 192), ("icon-512.png", 512))
    ]
    return {
        "name": site,
        "short_name": site,
        "id": "/",
        "start_url": "/",
        "display": "standalone",
        "background_color": "#faf8f6",
        "theme_color": "#6f3bc4",
        "icons": icons,
    }
