"""Cross-origin requests: scripts from any origin may use the API, but not the login pages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.http.paths import GRAPHQL
from services.gateway.middleware.messages import Headers, send_response, with_headers

_CORS_PATHS = (
    "/api/",
    GRAPHQL,
    "/oauth/token",
    "/oauth/revoke",
    "/nodeinfo",
    "/.well-known",
    "/media/",
    "/static/",
    "/favicon.ico",
    "/@",
    "/users/",
    "/tags/",
    "/health",
)
_CORS_HEADERS: Headers = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"Allow, Content-Disposition, ETag, Link, Location, Retry-After, "
        b"X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id",
    ),
]
_PREFLIGHT_HEADERS: Headers = [
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    (b"access-control-max-age", b"86400"),
    (b"vary", b"Access-Control-Request-Headers"),
]
_ALWAYS_ALLOWED = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
)
"""Headers that every preflight allows. `*` would not cover `Authorization`."""

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
"""A token (RFC 9110, 5.6.2), with a bound that no header in use reaches."""

_MAX_HEADER_NAMES = 64
_REQUEST_HEADERS = b"access-control-request-headers"


class CorsMiddleware:
    """Answers preflights, and adds the CORS headers to responses of the API."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not scope["path"].startswith(_CORS_PATHS):
            await self._app(scope, receive, send)
        elif scope.get("method") == "OPTIONS":  # a WebSocket has no method
            headers = [*_CORS_HEADERS, *_PREFLIGHT_HEADERS, allowed_headers(scope["headers"])]
            await send_response(send, 204, headers)
        else:
            await self._app(scope, receive, with_headers(send, _CORS_HEADERS))


def allowed_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """The headers that a preflight allows: all that it asks for, since none of them can do harm.

    Firefox asks for every header that a script sets, such as `User-Agent`, and tracing libraries
    add their own. Invalid names are left out, and so are those beyond `_MAX_HEADER_NAMES`.
    """
    given = (v.decode("latin-1") for k, v in headers if k == _REQUEST_HEADERS)
    requested = [name.strip(" \t") for name in ",".join(given).split(",")]
    valid = [name for name in requested if _FIELD_NAME.fullmatch(name)][:_MAX_HEADER_NAMES]
    names = {name.lower(): name for name in (*valid, *_ALWAYS_ALLOWED)}
    return b"access-control-allow-headers", ", ".join(names.values()).encode()
