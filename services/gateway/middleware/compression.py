"""Pages, style sheets and scripts are sent compressed.

Responses of the API are not: most of its clients ask for little at a time.
"""

from __future__ import annotations

import gzip

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MIN_BYTES = 1_000
_LEVEL = 3
"""A home page of 85 KB becomes 8 KB in 0.2 ms; level 9 saves 1 KB more and takes 0.6 ms."""

_COMPRESSED = (b"text/html", b"text/css", b"text/javascript")


class CompressionMiddleware:
    """Compresses what pages consist of, for browsers that accept gzip.

    A user's page with a query in its address is not compressed. It may show the query beside
    private content, which other sites could guess from its length (BREACH).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _accepts_gzip(scope) and not _reflects_query(scope):
            send = _Compressing(send)
        await self._app(scope, receive, send)


def _accepts_gzip(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])


def _reflects_query(scope: Scope) -> bool:
    return bool(scope["query_string"]) and any(name == b"cookie" for name, _ in scope["headers"])


class _Compressing:
    """A `send` that holds the start of a response until its body is there, which is one message."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_compressed(message):
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            if not message.get("more_body") and len(message.get("body", b"")) >= _MIN_BYTES:
                message = _compress(start, message)
            await self._send(start)
        await self._send(message)


def _is_compressed(start: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(_COMPRESSED)
        for name, value in start.get("headers", ())
    )


def _compress(start: Message, message: Message) -> Message:
    body = gzip.compress(message["body"], _LEVEL, mtime=0)
    start["headers"] = list(start["headers"])
    headers = MutableHeaders(raw=start["headers"])
    headers["content-encoding"] = "gzip"
    headers["content-length"] = str(len(body))
    headers.add_vary_header("Accept-Encoding")
    return {**message, "body": body}
