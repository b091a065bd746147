"""Several questions in one invocation: each is answered as if it had been asked alone.

A caller that needs ten pages of ten lists pays for one hop, and the routes, their guards and their
rules are the same ones.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any, Literal
from urllib.parse import unquote, urlencode

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Message, Scope

PATH = "/bundles"

MAX_ITEMS = 100
"""How many questions one bundle may have."""

_OWN = (b"content-length", b"content-type")


class BatchItem(BaseModel):
    """One question. `anonymous`: asked without the token that the bundle came with."""

    method: Literal["GET", "POST"] = "GET"
    path: str = Field(max_length=1_000)
    params: dict[str, str] = Field(default_factory=dict, max_length=20)
    body: Any = None
    anonymous: bool = False


class BatchRequest(BaseModel):
    """Questions that change nothing."""

    questions: list[BatchItem] = Field(max_length=MAX_ITEMS)


def create_router(guard: Any) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["bundles"], dependencies=[guard])

    @router.post(PATH, summary="Several questions in one; {status, body} for each, in their order.")
    async def bundle(request: Request, asked: BatchRequest) -> Response:
        answers = await asyncio.gather(*(_answer(request, each) for each in asked.questions))
        return Response(b"[%b]" % b",".join(answers), media_type="application/json")

    return router


async def _answer(request: Request, question: BatchItem) -> bytes:
    asking = _ask(request.app, *_as_request(request.scope, question))
    status, body = await asyncio.get_running_loop().create_task(asking, context=Context())
    return b'{"status":%d,"body":%b}' % (status, body or b"null")


def _as_request(scope: Scope, question: BatchItem) -> tuple[Scope, bytes]:
    """A scope, as if this question alone had come, and its body."""
    body = b"" if question.body is None else orjson.dumps(question.body)
    dropped = (*_OWN, *([b"authorization"] if question.anonymous else []))
    headers = [(name, value) for name, value in scope["headers"] if name not in dropped]
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    path = "/" + question.path.lstrip("/")
    return {
        **{name: scope[name] for name in ("type", "asgi", "http_version", "scheme", "server")},
        "method": question.method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(question.params).encode(),
        "headers": headers,
        "client": scope.get("client"),
        "state": {},
    }, body


async def _ask(app: ASGIApp, scope: Scope, body: bytes) -> tuple[int, bytes]:
    status, parts = 500, []
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return unread.pop() if unread else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    if scope["path"].startswith(PATH):
        return 404, b'{"code":"not_found","message":"Bundles hold no bundles."}'
    await app(scope, receive, send)
    return status, b"".join(parts)
