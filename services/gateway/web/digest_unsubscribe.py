"""The unsubscribe page of digests, which needs no login."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.chassis.errors import NotFound
from services.clients.paths import numeric_id
from services.contracts.notifications import DigestStop
from services.gateway.container import Gateway
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.viewer import Viewer

_PATH = "/digests/stop"


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """A form, since mail programs follow links on their own."""
    router = APIRouter(tags=["pages"], route_class=pages.route_class(), include_in_schema=False)

    @router.get(_PATH)
    async def ask(viewer: Viewer, of: str = "", key: str = "") -> Response:
        """The form."""
        return pages.render("digest", viewer=viewer, of=of[:20], key=key[:100], done=False)

    @router.post(_PATH)
    async def stop(request: Request, viewer: Viewer) -> Response:
        """Unsubscribe. A repeat changes nothing."""
        await _stop(gateway, pages, await read_params(request))
        return pages.render("digest", viewer=viewer, of="", key="", done=True)

    return router


async def _stop(gateway: Gateway, pages: PageRenderer, body: RequestParams) -> None:
    owner, key = body.string("of")[:20], body.string("key")[:100]
    if not key:
        raise NotFound(pages.texts("digest.incomplete"))
    link = DigestStop.model_construct(owner=numeric_id(owner), key=key)
    await gateway.services.notifications.stop_digest(link)
