"""Data exports: requested, watched, downloaded."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.data_export import Export
from services.gateway.application.archive_download import ArchiveResponse
from services.gateway.container import Gateway
from services.gateway.http.openapi import responses

_EXPORT = "/api/v1/export"
_ARCHIVE = f"{_EXPORT}/archive"

ArchiveOwner = Annotated[Caller, Depends(require_user("read"))]


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about data exports. They require the whole scope `read`."""
    router = APIRouter(tags=["exports"])
    export = responses(
        description="The state of the export; `url` once the archive is ready, until it expires."
    )

    @router.post(_EXPORT, responses=export)
    async def request(caller: ArchiveOwner) -> OrjsonResponse:
        """Request an archive of the caller's data. One per day."""
        return OrjsonResponse(_export_entity(gateway, await gateway.media.request_export(caller)))

    @router.get(_EXPORT, responses=export)
    async def one(caller: ArchiveOwner) -> OrjsonResponse:
        """The state of the caller's export."""
        return OrjsonResponse(_export_entity(gateway, await gateway.media.export(caller)))

    @router.get(_ARCHIVE, responses=responses(description="The archive.", media="application/zip"))
    async def archive(caller: ArchiveOwner) -> ArchiveResponse:
        """Download the archive: a ZIP file of JSON and pictures."""
        return await gateway.archives.open(caller)

    return router


def _export_entity(gateway: Gateway, export: Export) -> dict[str, Any]:
    """The entity of an export."""
    url = f"{gateway.urls.public_url}{_ARCHIVE}" if export.state == "ready" else None
    return export.model_dump(exclude={"parts"}) | {"url": url}
