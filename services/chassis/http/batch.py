"""Batches: several requests in one invocation, each handled as if it had come alone.

A caller that needs ten pages of ten lists pays for one hop. Each request passes the same routes,
guards and rules, as the caller of the batch, and with its own token if it has one.
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any, Literal, Self
from urllib.parse import unquote, urlencode

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator
from starlette.types import ASGIApp, Message, Scope

from services.chassis import telemetry

PATH = "/bundles"

MAX_ITEMS = 100
"""How many requests one batch may have."""

MAX_PATH_LENGTH = 1_000
MAX_PARAMS = 20
MAX_TOKEN_LENGTH = 4_000
"""Bounds of each request. One that comes alone may be a little larger."""

MAX_SECONDS = 10.0
"""How long a batch waits for each of its requests: no longer than callers wait for it."""

_OWN_HEADERS = (b"content-length", b"content-type", b"traceparent")


class BatchItem(BaseModel):
    """One request. It has a `token` of its own, or that of the batch, or none (`anonymous`)."""

    method: Literal["GET", "POST"] = "GET"
    path: str = Field(max_length=MAX_PATH_LENGTH)
    params: dict[str, str] = Field(default_factory=dict, max_length=MAX_PARAMS)
    body: Any = None
    token: str = Field(default="", max_length=MAX_TOKEN_LENGTH)
    anonymous: bool = False

    @model_validator(mode="after")
    def _check_caller(self) -> Self:
        if self.anonymous and self.token:
            raise ValueError("A request with a token is not anonymous.")
        return self


class BatchRequest(BaseModel):
    """A batch of requests.

    One that is not answered after `seconds` has the status 504, and goes on. The others are
    answered.
    """

    questions: list[BatchItem] = Field(max_length=MAX_ITEMS)
    seconds: float = Field(default=MAX_SECONDS, gt=0, le=MAX_SECONDS)


def create_router() -> APIRouter:
    """The route for batches."""
    router = APIRouter(tags=["bundles"])
    tasks: set[asyncio.Task[Any]] = set()

    @router.post(PATH, summary="Several requests in one; {status, body} for each, in their order.")
    async def batch(request: Request, items: BatchRequest) -> Response:
        answers = [_start(request, item) for item in items.questions]
        tasks.update(answers)
        for task in answers:
            task.add_done_callback(tasks.discard)
        if answers:
            await asyncio.wait(answers, timeout=items.seconds)
        parts = (task.result() if task.done() else _NO_ANSWER for task in answers)
        return Response(b"[%b]" % b",".join(parts), media_type="application/json")

    return router


_NO_ANSWER = b'{"status":504,"body":{"code":"outcome_unknown","message":"No answer in time."}}'


def _start(request: Request, item: BatchItem) -> asyncio.Task[bytes]:
    """Handle a request. Like one that came alone, it goes on if nobody waits for it any more."""
    call = _handle(request.app, *_as_request(request.scope, item))
    return asyncio.get_running_loop().create_task(call, context=Context())


async def _handle(app: ASGIApp, scope: Scope, body: bytes) -> bytes:
    status, answer = await _call(app, scope, body)
    return b'{"status":%d,"body":%b}' % (status, answer or b"null")


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
