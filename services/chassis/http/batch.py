"""Batches: several requests in one invocation, each handled as if it had come alone.

A caller that needs ten pages of ten lists pays for one hop. Each request passes the same routes,
guards and rules, as the caller of the batch, and with its own token if it has one.
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

from services.chassis import telemetry

PATH = "/bundles"

MAX_ITEMS = 100
"""How many requests one batch may have."""

MAX_TOKEN_LENGTH = 4_000
"""What fits into the headers of a request that comes alone."""

_OWN_HEADERS = (b"content-length", b"content-type", b"traceparent")


class BatchItem(BaseModel):
    """One request. It has a `token` of its own, or that of the batch, or none (`anonymous`)."""

    method: Literal["GET", "POST"] = "GET"
    path: str = Field(max_length=1_000)
    params: dict[str, str] = Field(default_factory=dict, max_length=20)
    body: Any = None
    token: str = Field(default="", max_length=MAX_TOKEN_LENGTH)
    anonymous: bool = False


class BatchRequest(BaseModel):
    """A batch of requests that change nothing."""

    questions: list[BatchItem] = Field(max_length=MAX_ITEMS)


def create_router() -> APIRouter:
    """The route for batches."""
    router = APIRouter(tags=["bundles"])

    @router.post(PATH, summary="Several requests in one; {status, body} for each, in their order.")
    async def batch(request: Request, items: BatchRequest) -> Response:
        answers = await asyncio.gather(*(_handle(request, item) for item in items.questions))
        return Response(b"[%b]" % b",".join(answers), media_type="application/json")

    return router


async def _handle(request: Request, item: BatchItem) -> bytes:
    call = _call(request.app, *_as_request(request.scope, item))
    status, body = await asyncio.get_running_loop().create_task(call, context=Context())
    return b'{"status":%d,"body":%b}' % (status, body or b"null")


def _as_request(scope: Scope, item: BatchItem) -> tuple[Scope, bytes]:
    """The ASGI scope and the body of one request of a batch."""
    body = b"" if item.body is None else orjson.dumps(item.body)
    is_other = item.anonymous or item.token
    dropped = (*_OWN_HEADERS, *([b"authorization"] if is_other else []))
    headers = [(name, value) for name, value in scope["headers"] if name not in dropped]
    if item.token:
        headers.append((b"authorization", b"Bearer " + item.token.encode()))
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    headers.append((b"traceparent", telemetry.current().traceparent.encode()))
    path = "/" + item.path.lstrip("/")
    return {
        **{name: scope[name] for name in ("type", "asgi", "http_version", "scheme", "server")},
        "method": item.method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(item.params).encode(),
        "headers": headers,
        "client": scope.get("client"),
        "state": {},
    }, body


async def _call(app: ASGIApp, scope: Scope, body: bytes) -> tuple[int, bytes]:
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
        return 404, b'{"code":"not_found","message":"A batch cannot contain a batch."}'
    await app(scope, receive, send)
    return status, b"".join(parts)
