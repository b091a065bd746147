"""The routes of archives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from services.chassis.http.openapi import Responses, error_responses, responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.data_export import Export
from services.media.exports.service import ExportService

Owner = Annotated[Caller, Depends(require_user("read", "read:exports"))]
"""An archive is most private, so it needs the whole scope `read`, or `read:exports`, which only the
page for archives requests."""

_EXPORT = responses(Export, "The progress of the archive.", 401, 403, 404)
_PART: Responses = {
    200: {
        "description": "The bytes.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    **error_responses(401, 403, 404),
}


def create_router(
    exports: ExportService, is_account_deleted: Callable[[str], Awaitable[bool]]
) -> APIRouter:
    """Return the routes of archives."""
    router = APIRouter(tags=["exports"])

    @router.post("/exports", responses=_EXPORT)
    async def request_export(caller: Owner) -> OrjsonResponse:
        """Request an archive of all data of the caller. One a day."""
        user = caller.user_id
        return OrjsonResponse(await exports.request(user, lambda: is_account_deleted(user)))

    @router.get("/exports", responses=_EXPORT)
    async def get_export(caller: Owner) -> OrjsonResponse:
        """Return the progress of the caller's archive."""
        return OrjsonResponse(await exports.get(caller.user_id))

    @router.get("/exports/{id}/parts/{index}", response_class=Response, responses=_PART)
    async def get_export_part(
        id: Annotated[str, Path(max_length=20, examples=["116548273934401537"])],
        index: Annotated[int, Path(ge=0, le=10_000_000)],
        caller: Owner,
    ) -> Response:
        """Return a part of the caller's archive. The parts in order are the whole archive."""
        data = await exports.part(caller.user_id, id, index)
        return Response(data, media_type="application/octet-stream")

    return router
