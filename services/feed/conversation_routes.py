"""The routes of conversations."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path

from services.chassis.app import JSON
from services.chassis.identity import Caller, signed_in
from services.chassis.paging import Window, normal
from services.chassis.queries import window
from services.contracts.conversations import ConversationMark, ConversationPage
from services.feed.conversations import Conversations, no_such_conversation

Reader = Annotated[Caller, Depends(signed_in("read:statuses"))]
Writer = Annotated[Caller, Depends(signed_in("write:conversations"))]
Wanted = Annotated[Window, Depends(window())]


def conversation_id(
    id: Annotated[str, Path(max_length=40, examples=["116548273934401537"])],
) -> str:
    """The id in a path; what is no id is nobody's."""
    if not (id.isascii() and id.isdigit() and len(id) <= 20):
        raise no_such_conversation()
    return normal(id)


Id = Annotated[str, Depends(conversation_id)]


def create_router(conversations: Conversations) -> APIRouter:
    """All of them."""
    router = APIRouter(prefix="/conversations", tags=["conversations"])
    page: dict[int | str, dict[str, Any]] = {
        200: {"model": ConversationPage, "description": "A page, the newest first; or just one."}
    }

    @router.get("", responses=page)
    async def some(window: Wanted, caller: Reader) -> JSON:
        """What the caller and others wrote to one another. Windows are of the last posts' ids."""
        return JSON(await conversations.page(caller.user_id, window))

    @router.post("/{id}/mark", responses=page)
    async def mark(id: Id, asked: Annotated[ConversationMark, Body()], caller: Writer) -> JSON:
        """Say that one has been read, or that it has not."""
        return JSON(await conversations.mark(caller.user_id, id, read=asked.read))

    @router.delete("/{id}", responses={200: {"model": dict[str, Any], "description": "Nothing."}})
    async def clear(id: Id, caller: Writer) -> JSON:
        """Put one away for the caller alone, until something more is written in it."""
        await conversations.clear(caller.user_id, id)
        return JSON({})

    return router
