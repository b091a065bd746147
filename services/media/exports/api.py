"""The routes of archives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import Response

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.contracts.data_export import Export
from services.media.examples import AN_ARCHIVE, EXPORT, answers
from services.media.exports.service import ExportService

Owner = Annotated[Caller, Depends(require_user("read", "read:exports"))]
AN_EXPORT = answers(Export, "How far it is.", EXPORT, 401, 403, 404)


def create_router(office: ExportService, is_gone: Callable[[str], Awaitable[bool]]) -> APIRouter:
    """All of them; an archive holds what is most private, so they need the whole scope `read`.

    Or `read:exports`, which nobody gets but on the page that is for this.
    """
    router = APIRouter(tags=["exports"])

    @router.post("/exports", responses=AN_EXPORT)
    async def request(caller: Owner) -> OrjsonResponse:
        """Have an archive made of all that the caller has: one a day."""
        user = caller.user_id
        return OrjsonResponse(await office.request(user, lambda: is_gone(user)))

    @router.get("/exports", responses=AN_EXPORT)
    async def one(caller: Owner) -> OrjsonResponse:
        """How far the caller's archive is."""
        return OrjsonResponse(await office.get(caller.user_id))

    @router.get("/exports/{id}/parts/{index}", response_class=Response, responses=AN_ARCHIVE)
    async def part(
        id: Annotated[str, Path(max_length=20, examples=[EXPORT["id"]])],
        index: Annotated[int, Path(ge=0, le=10_000_000)],
        caller: Owner,
    ) -> Response:
        """Some bytes of the caller's archive: all parts after one another are the whole."""
        data = await office.part(caller.user_id, id, index)
        return Response(data, media_type="application/octet-stream")

    return router
