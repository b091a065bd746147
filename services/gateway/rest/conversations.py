"""Conversations: direct posts between the same people."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.guards import require_user
from services.gateway.container import Gateway
from services.gateway.http import paging
from services.gateway.http.openapi import responses
from services.gateway.http.responses import json_response
from services.gateway.rest.dependencies import Id, StatusReader

ConversationWriter = Annotated[Caller, Depends(require_user("write:conversations"))]
_CONVERSATION = responses(description="The Conversation.")


def create_router(gateway: Gateway) -> APIRouter:
    """Routes about conversations."""
    router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"])

    @router.get(
        "",
        responses=responses([], "A list of Conversation."),
        openapi_extra=paging.page_parameters(),
    )
    async def page(request: Request, caller: StatusReader, window: paging.PostWindow) -> Response:
        """The caller's conversations, the newest first. Pages go by the ids of last posts."""
        found = await gateway.services.feed.conversations(caller, window)
        links = paging.link_header(gateway.urls.public_url, request, found["first"], found["last"])
        return json_response(b"[%b]" % b",".join(await gateway.conversations.render(found)), links)

    @router.post("/{id}/read", responses=_CONVERSATION)
    async def read(id: Id, caller: ConversationWriter) -> Response:
        """Mark a conversation as read."""
        return await _mark_read(gateway, id, caller, read=True)

    @router.post("/{id}/unread", responses=_CONVERSATION)
    async def unread(id: Id, caller: ConversationWriter) -> Response:
        """Mark a conversation as unread."""
        return await _mark_read(gateway, id, caller, read=False)

    @router.delete("/{id}", responses=responses({}))
    async def remove(id: Id, caller: ConversationWriter) -> OrjsonResponse:
        """Remove a conversation for the caller, until another post is written in it."""
        await gateway.services.feed.remove_conversation(id, caller)
        return OrjsonResponse({})

    return router


async def _mark_read(gateway: Gateway, id: str, caller: Caller, *, read: bool) -> Response:
    found = await gateway.services.feed.mark_conversation(id, caller, read=read)
    return json_response((await gateway.conversations.render(found))[0])
