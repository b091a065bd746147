"""Conversations: what people write to one another, and to nobody else."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from services.chassis.security.token_verifier import Caller, require_user
from services.chassis.service import OrjsonResponse
from services.gateway import paging
from services.gateway.desk import Desk, answer, numeric
from services.gateway.documents import gives
from services.gateway.entities.rendered import Row

Id = Annotated[str, Path(examples=["114000000000000000"])]
Reading = Annotated[Caller, Depends(require_user("read:statuses"))]
Writing = Annotated[Caller, Depends(require_user("write:conversations"))]
_ONE = gives(description="The Conversation.")


def create_router(desk: Desk) -> APIRouter:
    """All routes."""
    router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"])

    @router.get("", responses=gives([], "A list of Conversation."), openapi_extra=paging.pages())
    async def page(request: Request, caller: Reading, window: paging.Posts) -> Response:
        """The caller's, the one with the newest post first; pages go by the ids of last posts."""
        found = await desk.ask("feed", "conversations", caller, params=window.params())
        links = paging.links(desk.at.public_url, request, found["first"], found["last"])
        return answer(b"[%b]" % b",".join(await _entities(desk, found)), links)

    @router.post("/{id}/read", responses=_ONE)
    async def read(id: Id, caller: Writing) -> Response:
        """Say that one has been read."""
        return await _mark(desk, id, caller, read=True)

    @router.post("/{id}/unread", responses=_ONE)
    async def unread(id: Id, caller: Writing) -> Response:
        """Say that it has not."""
        return await _mark(desk, id, caller, read=False)

    @router.delete("/{id}", responses=gives({}))
    async def remove(id: Id, caller: Writing) -> OrjsonResponse:
        """Put one away for the caller alone, until something more is written in it."""
        path = f"conversations/{numeric(id)}"
        return OrjsonResponse(await desk.ask("feed", path, caller, method="DELETE"))

    return router


async def _mark(desk: Desk, id: str, caller: Caller, *, read: bool) -> Response:
    path = f"conversations/{numeric(id)}/mark"
    found = await desk.ask("feed", path, caller, method="POST", json={"read": read})
    return answer((await _entities(desk, found))[0])


async def _entities(desk: Desk, found: Row) -> list[bytes]:
    """The entities Conversation of a page."""
    views = found["conversations"]
    cards = await desk.cards([view["last"] for view in views])
    return [desk.rendered.conversation(view, found["accounts"], cards) for view in views]
