"""Routes of conversations."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends

from services.chassis.http.dependencies import path_id, window
from services.chassis.http.openapi import responses
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.chassis.storage.window import Window
from services.contracts.conversations import ConversationPage, ConversationReadState
from services.feed.application.conversation_queries import ConversationQueries
from services.feed.application.conversations import ConversationService, conversation_not_found

Reader = Annotated[Caller, Depends(require_user("read:statuses"))]
Writer = Annotated[Caller, Depends(require_user("write:conversations"))]
PageWindow = Annotated[Window, Depends(window())]
PathId = Annotated[str, Depends(path_id(conversation_not_found))]


def create_router(conversations: ConversationService, queries: ConversationQueries) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/conversations", tags=["conversations"])
    page = responses(ConversationPage, "A page, newest first, or a single conversation.")

    @router.get("", responses=page)
    async def some(window: PageWindow, caller: Reader) -> OrjsonResponse:
        """Return the caller's conversations. The cursors are ids of last posts."""
        return OrjsonResponse(await queries.page(caller.user_id, window))

    @router.post("/{id}/mark", responses=page)
    async def mark(
        id: PathId, asked: Annotated[ConversationReadState, Body()], caller: Writer
    ) -> OrjsonResponse:
        """Mark a conversation as read or unread."""
        await queries.get(caller.user_id, id)
        await conversations.set_read(caller.user_id, id, read=asked.read)
        return OrjsonResponse(await queries.get(caller.user_id, id))

    @router.delete("/{id}", responses=responses(dict[str, Any], "Empty."))
    async def clear(id: PathId, caller: Writer) -> OrjsonResponse:
        """Remove a conversation for the caller alone, until its next post."""
        await conversations.clear(caller.user_id, id)
        return OrjsonResponse({})

    return router
