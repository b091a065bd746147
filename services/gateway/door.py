"""What every public request passes: slashes, CORS, rate limits, headers that keep browsers safe.

It is plain ASGI, outside of the framework, because every request pays for it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.errors import Failure
from services.chassis.identity import Caller, Identity
from services.gateway.ratelimit import Limiter, Standing
from services.gateway.settings import GatewaySettings

Headers = list[tuple[bytes, bytes]]

_UNLIMITED = ("/healthz", "/readyz", "/static/", "/media/", "/dapr/", "/events", "/favicon.ico")
_FOR_SCRIPTS = ("/api/", "/oauth/token", "/oauth/revoke", "/nodeinfo", "/.well-known", "/media/")
_UPLOADS = frozenset({"/api/v1/media", "/api/v2/media"})
_SAFE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_CORS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"Link, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id",
    ),
]
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Idempotency-Key"),
    (b"access-control-max-age", b"86400"),
]
_RETRY_AFTER = b"2"


class PublicDoor:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, settings: GatewaySettings, identity: Identity) -> None:
        self._app = app
        self._identity = identity
        window = settings.microgram_limit_window
        self._people = Limiter(settings.microgram_limit_user, window)
        self._addresses = Limiter(settings.microgram_limit_address, window)
        self._uploads = Limiter(
            settings.microgram_limit_media, settings.microgram_limit_media_window
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].rstrip("/") or "/"
        added = [*_SAFE, *(_CORS if path.startswith(_FOR_SCRIPTS) else ())]
        if scope["method"] == "OPTIONS" and path.startswith(_FOR_SCRIPTS):
            await _send(send, 204, [*added, *_PREFLIGHT])
            return
        if not path.startswith(_UNLIMITED):
            standing = await self._count(scope, path)
            added += standing.headers()
            if standing.is_over:
                await _refuse(send, added, standing)
                return
        # HEAD is GET without its body, which the server leaves out by the method it saw itself.
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        inner = {**scope, "path": path, "raw_path": path.encode(), "method": method}
        await self._app(inner, receive, _adding(send, added))

    async def _count(self, scope: Scope, path: str) -> Standing:
        caller = await self._caller(scope)
        if caller is None:
            client = scope.get("client")
            return self._addresses.hit(client[0] if client else "")
        who = caller.user_id or caller.token_id
        if path in _UPLOADS and scope["method"] == "POST":
            return self._uploads.hit(who)
        return self._people.hit(who)

    async def _caller(self, scope: Scope) -> Caller | None:
        """Whose token it is; one that is not good counts for the address it came from."""
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                try:
                    return await self._identity.caller(value[7:].decode("latin-1").strip())
                except Failure:
                    return None
        return None


def _adding(send: Send, added: Headers) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), *added]
            if message["status"] in (503, 504):
                # Nobody outside can tell the two apart, and both ask to try again.
                message["status"] = 503
                headers.append((b"retry-after", _RETRY_AFTER))
            message["headers"] = headers
        await send(message)

    return sending


async def _refuse(send: Send, headers: Headers, standing: Standing) -> None:
    wait = max(1, round(standing.reset - time.time()))
    body = orjson.dumps({"error": "Too many requests"})
    extra = [(b"content-type", b"application/json"), (b"retry-after", b"%d" % wait)]
    await _send(send, 429, [*headers, *extra], body)


async def _send(
    send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes = b""
) -> None:
    sized = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": sized})
    await send({"type": "http.response.body", "body": body})
