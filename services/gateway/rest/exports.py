"""An archive of all that somebody has: asked for, waited for, downloaded."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.data_export import Export
from services.gateway.application.archive_download import ArchiveDownloads, ArchiveResponse
from services.gateway.container import Gateway
from services.gateway.http.openapi import responses

_EXPORT = "/api/v1/export"
_ARCHIVE = f"{_EXPORT}/archive"

ArchiveOwner = Annotated[Caller, Depends(require_user("read"))]


def create_router(gateway: Gateway, downloads: ArchiveDownloads) -> APIRouter:
    """All three need the whole scope `read`: an archive holds what is most private."""
    router = APIRouter(tags=["exports"])
    export = responses(description="How far it is; `url` once it is ready, and until it expires.")

    @router.post(_EXPORT, responses=export)
    async def request(caller: ArchiveOwner) -> OrjsonResponse:
        """Have an archive made of all that one has. One a day; asked again, how far it is."""
        return OrjsonResponse(_export_entity(gateway, await gateway.media.request_export(caller)))

    @router.get(_EXPORT, responses=export)
    async def one(caller: ArchiveOwner) -> OrjsonResponse:
        """How far one's archive is."""
        return OrjsonResponse(_export_entity(gateway, await gateway.media.export(caller)))

    @router.get(_ARCHIVE, responses=responses(description="The archive.", media="application/zip"))
    async def archive(caller: ArchiveOwner) -> ArchiveResponse:
        """Download it: a ZIP of JSON and pictures, in pieces as it is kept."""
        return await downloads.open(caller)

    return router


def _export_entity(gateway: Gateway, export: Export) -> dict[str, Any]:
    """How far it is, as a client sees it."""
    url = f"{gateway.urls.public_url}{_ARCHIVE}" if export.state == "ready" else None
    return export.model_dump(exclude={"parts"}) | {"url": url}
