"""Requests and responses in the form that the rest of the gateway, and clients, expect."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http.errors import public_status
from services.gateway.http.paths import STREAMING
from services.gateway.streaming.tokens import with_authorization

_RETRY_AFTER = (b"retry-after", b"2")


class NormalizationMiddleware:
    """The outermost middleware.

    Requests lose trailing slashes, HEAD becomes GET, and the token of a stream stands in
    `Authorization`. A 429 or 503 response always has `Retry-After`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            await self._app(_normalized(scope), receive, _with_public_status(send))


def _normalized(scope: Scope) -> Scope:
    path = scope["path"].rstrip("/") or "/"
    normalized = {**scope, "path": path, "raw_path": path.encode()}
    if path.startswith(STREAMING):
        return with_authorization(normalized)
    if scope.get("method") == "HEAD":  # the server omits the body, by the method that it received
        normalized["method"] = "GET"
    return normalized


def _with_public_status(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            status = message["status"] = public_status(message["status"])
            if status in (429, 503) and not _has_retry_after(message):
                message["headers"] = [*message.get("headers", ()), _RETRY_AFTER]
        await send(message)

    return sending


def _has_retry_after(message: Message) -> bool:
    return any(name == b"retry-after" for name, _ in message.get("headers", ()))
