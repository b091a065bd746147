"""The page behind the link at the end of a digest, which needs no login."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.chassis.errors import NotFound
from services.gateway.bodies import Said, said
from services.gateway.desk import Desk, numeric
from services.gateway.pages.paper import Paper

_STOP = "/digests/stop"


def create_router(desk: Desk, paper: Paper) -> APIRouter:
    """A form, since programs that read mail follow links on their own; and what it does."""
    router = APIRouter(tags=["pages"], route_class=paper.route_class(), include_in_schema=False)

    @router.get(_STOP)
    async def ask(of: str = "", key: str = "") -> Response:
        """Show the button."""
        return paper.page("digest", of=of[:20], key=key[:100], done=False)

    @router.post(_STOP)
    async def stop(request: Request) -> Response:
        """Somebody pressed it. A repeat is fine."""
        await _stop(desk, await said(request))
        return paper.page("digest", of="", key="", done=True)

    return router


async def _stop(desk: Desk, body: Said) -> None:
    owner, key = body.words("of")[:20], body.words("key")[:100]
    if not key:
        raise NotFound("This link is not good any more.")
    link = {"owner": numeric(owner), "key": key}
    await desk.ask("notifications", "digest/stop", method="POST", json=link)
