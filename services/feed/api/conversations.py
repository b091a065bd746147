"""The routes of conversations."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path

from services.chassis.http.dependencies import window
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.chassis.storage.window import Window, normalize_id
from services.contracts.conversations import ConversationMark, ConversationPage
from services.feed.application.conversations import ConversationService, conversation_not_found

Reader = Annotated[Caller, Depends(require_user("read:statuses"))]
Writer = Annotated[Caller, Depends(require_user("write:conversations"))]
PageWindow = Annotated[Window, Depends(window())]


def conversation_id(
    id: Annotated[str, Path(max_length=40, examples=["116548273934401537"])],
) -> str:
    """The id in a path; what is no id is nobody's."""
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise conversation_not_found()
    return normalize_id(id)


PathId = Annotated[str, Depends(conversation_id)]


def create_router(conversations: ConversationService) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/conversations", tags=["conversations"])
    page: dict[int | str, dict[str, Any]] = {
        200: {"model": ConversationPage, "description": "A page, the newest first; or just one."}
    }

    @router.get("", responses=page)
    async def some(window: PageWindow, caller: Reader) -> OrjsonResponse:
        """What the caller and others wrote to one another. Windows are of the last posts' ids."""
        return OrjsonResponse(await conversations.page(caller.user_id, window))

    @router.post("/{id}/mark", responses=page)
    async def mark(
        id: PathId, asked: Annotated[ConversationMark, Body()], caller: Writer
    ) -> OrjsonResponse:
        """Say that one has been read, or that it has not."""
        return OrjsonResponse(await conversations.mark(caller.user_id, id, read=asked.read))

    @router.delete("/{id}", responses={200: {"model": dict[str, Any], "description": "Nothing."}})
    async def clear(id: PathId, caller: Writer) -> OrjsonResponse:
        """Put one away for the caller alone, until something more is written in it."""
        await conversations.clear(caller.user_id, id)
        return OrjsonResponse({})

    return router
