"""The page behind the link at the end of a digest, which needs no login."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.chassis.errors import NotFound
from services.clients.paths import numeric_id
from services.contracts.notifications import DigestStop
from services.gateway.container import Gateway
from services.gateway.http.params import RequestParams
from services.gateway.http.reading import read_params
from services.gateway.pages.renderer import PageRenderer

_PATH = "/digests/stop"


def create_router(gateway: Gateway, paper: PageRenderer) -> APIRouter:
    """A form, since programs that read mail follow links on their own; and what it does."""
    router = APIRouter(tags=["pages"], route_class=paper.route_class(), include_in_schema=False)

    @router.get(_PATH)
    async def ask(of: str = "", key: str = "") -> Response:
        """Show the button."""
        return paper.render("digest", of=of[:20], key=key[:100], done=False)

    @router.post(_PATH)
    async def stop(request: Request) -> Response:
        """Somebody pressed it. A repeat is fine."""
        await _stop(gateway, await read_params(request))
        return paper.render("digest", of="", key="", done=True)

    return router


async def _stop(gateway: Gateway, body: RequestParams) -> None:
    owner, key = body.string("of")[:20], body.string("key")[:100]
    if not key:
        raise NotFound("This link is not good any more.")
    link = DigestStop.model_construct(owner=numeric_id(owner), key=key)
    await gateway.services.notifications.stop_digest(link)
