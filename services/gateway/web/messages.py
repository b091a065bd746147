"""Messages: direct posts, as conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import NotFound, ServiceError
from services.chassis.security.caller import Caller
from services.chassis.storage.window import Window
from services.clients.paths import numeric_id
from services.gateway.application.post_inputs import PostInput
from services.gateway.container import Gateway
from services.gateway.http.reading import read_params
from services.gateway.web.form_posts import create_from_form
from services.gateway.web.renderer import PageRenderer
from services.gateway.web.timelines import Entity, MaxId
from services.gateway.web.viewer import SignedIn

_PAGE_SIZE = 30
_PATH = "/messages"


def create_router(gateway: Gateway, pages: PageRenderer) -> APIRouter:
    """The list of conversations, one of them, and the form of a new message."""
    router = APIRouter(
        prefix=_PATH, tags=["pages"], route_class=pages.route_class(), include_in_schema=False
    )

    @router.get("")
    async def conversations(viewer: SignedIn, max_id: MaxId = "", to: str = "") -> Response:
        """The viewer's conversations, the newest first, and the form of a new message."""
        return await page(viewer, max_id, {"to": to[:40], "text": ""})

    @router.post("")
    async def send(request: Request, viewer: SignedIn) -> Response:
        """Send a message, and open it."""
        body = await read_params(request)
        to, text = body.string("to").strip().removeprefix("@"), body.string("text")
        given = PostInput(text=f"@{to} {text}", visibility="direct")
        try:
            await gateway.services.users.account_named(to[:40])
            made = await create_from_form(gateway, given, viewer, body.string("key"))
        except ServiceError as failure:
            if failure.status not in (404, 422):
                raise
            return await page(viewer, "", {"to": to, "text": text}, error=failure.message)
        return RedirectResponse(gateway.urls.post(viewer.username, made["post"]["id"]), 303)

    @router.get("/{id}/{last}")
    async def conversation(id: str, last: str, viewer: SignedIn) -> Response:
        """A conversation: the thread of its last message, the oldest message first."""
        thread = await gateway.threads.get(last, viewer)
        before: list[Entity] = orjson.loads(gateway.threads.ancestors(thread))
        after: list[Entity] = orjson.loads(gateway.threads.descendants(thread))
        found = [*before, *orjson.loads(gateway.threads.post(thread)), *after]
        messages = sorted(found, key=lambda message: int(message["id"]))
        direct = [message for message in messages if message["visibility"] == "direct"]
        if not direct:
            raise NotFound(pages.texts("error.404.text"))
        return pages.render(
            "conversation",
            viewer=viewer,
            id=numeric_id(id),  # scripts make a path of it
            messages=messages,
            last=direct[-1],
            mention=_mention(direct, viewer),
        )

    @router.post("/{id}/read")
    async def mark_read(id: str, viewer: SignedIn) -> Response:
        """Mark a conversation as read."""
        await gateway.services.feed.mark_conversation(numeric_id(id), viewer, read=True)
        return RedirectResponse(_PATH, 303)

    async def page(viewer: Any, max_id: str, given: Any, error: str = "") -> Response:
        window = Window.of(_PAGE_SIZE, max_id, None, None)
        found = await gateway.services.feed.conversations(viewer, window)
        shown = [orjson.loads(body) for body in await gateway.conversations.render(found)]
        return pages.render(
            "messages",
            viewer=viewer,
            status=422 if error else 200,
            conversations=shown,
            older=found["more"] and found["last"],
            given=given,
            error=error,
        )

    return router


def _mention(messages: Sequence[Entity], viewer: Caller) -> str:
    """What an answer begins with: only whom it mentions sees it."""
    names = {viewer.username: ""} | {
        name: f"@{name} "
        for message in messages
        for name in (message["account"]["acct"], *(one["acct"] for one in message["mentions"]))
        if name != viewer.username
    }
    return "".join(names.values())
