"""Calls an ASGI application in this process, in a separate task, as a server would."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

import orjson
from multidict import CIMultiDict
from starlette.types import ASGIApp, Message

from tests.fakes.faults import IN_BACKGROUND


@dataclass(slots=True)
class Response:
    """The response of an application."""

    status: int = 500
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    body: bytes = b""

    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


async def call(
    app: ASGIApp,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: Any = None,
    data: bytes | None = None,
    form: Mapping[str, str] | None = None,
    deadline: float = 60.0,
) -> Response:
    """Send one request. Raises `TimeoutError` at the deadline; the application continues."""
    sent = CIMultiDict(headers or {})
    if json is not None:
        data = orjson.dumps(json)
        sent.setdefault("content-type", "application/json")
    if form is not None:
        data = urlencode(form).encode()
        sent.setdefault("content-type", "application/x-www-form-urlencoded")
    body = data or b""
    sent.setdefault("content-length", str(len(body)))
    sent.setdefault("host", "127.0.0.1:8080")
    path, _, query = target.partition("?")
    query = "&".join(part for part in (query, urlencode(params or {})) if part)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method.upper(),
        "scheme": "http",
        "path": "/" + unquote(path).lstrip("/"),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in sent.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
        "state": {},
    }
    context = contextvars.Context()  # the callee knows nothing of its caller
    context.run(IN_BACKGROUND.set, IN_BACKGROUND.get())
    task = asyncio.create_task(_run(app, scope, body), context=context)
    _running.add(task)
    task.add_done_callback(_running.discard)
    async with asyncio.timeout(deadline):
        return await asyncio.shield(task)


async def _run(app: ASGIApp, scope: dict[str, Any], body: bytes) -> Response:
    response = Response()
    started = False
    unread = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if unread:
            return unread.pop()
        await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable")

    async def send(message: Message) -> None:
        nonlocal started
        if message["type"] == "http.response.start":
            started = True
            response.status = message["status"]
            for name, value in message.get("headers", ()):
                response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
        elif message["type"] == "http.response.body":
            response.body += message.get("body", b"")

    try:
        await app(scope, receive, send)
    except Exception:  # a server would have logged it, and answered 500 by itself
        if not started:
            response.body = b"Internal Server Error"
    return response


_running: set[asyncio.Task[Response]] = set()
