"""What every public request passes: slashes, CORS, rate limits, headers that keep browsers safe.

It is plain ASGI, outside of the framework, because every request pays for it.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis import telemetry
from services.chassis.errors import RateLimited, ServiceError
from services.chassis.http.responses import OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.token_verifier import TokenVerifier
from services.gateway.graphql.router import PATH as GRAPHQL
from services.gateway.http.errors import error_response, public_status
from services.gateway.ratelimit.charge import CHARGE_KEY, charger
from services.gateway.ratelimit.limiter import RateLimiter, RateLimitStatus
from services.gateway.settings import GatewaySettings
from services.gateway.streaming.tokens import PATH as STREAMING
from services.gateway.streaming.tokens import with_authorization

Headers = list[tuple[bytes, bytes]]

_UNLIMITED_PATHS = (
    "/healthz",
    "/readyz",
    "/static/",
    "/media/",
    "/dapr/",
    "/events",
    "/favicon.ico",
)
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
"""What scripts from everywhere may ask for. Pages that somebody logs in on are not among it."""

_LIMITER_BY_PATH = {
    "/api/v1/media": "media",
    "/api/v2/media": "media",
    "/api/v1/reports": "reports",
    "/api/v1/accounts": "registrations",
    "/auth/sign_up": "registrations",
    "/api/v1/apps": "apps",
    "/oauth/authorize": "logins",
    "/auth/delete": "logins",
    "/auth/archive": "logins",
    "/oauth/token": "tokens",
    "/webhooks/payments": "webhooks",
}
"""What is limited apart from all else, when it is posted."""
_USER_LIMITERS = ("users", "media", "reports")
_SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_HSTS_HEADER = (b"strict-transport-security", b"max-age=31536000")
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
"""Headers that a preflight allows whatever it asks for. `*` would not cover `Authorization`."""

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
"""A token (RFC 9110, 5.6.2), cut off where no header that exists is that long."""

_MAX_HEADER_NAMES = 64
_REQUEST_HEADERS = b"access-control-request-headers"
_RETRY_AFTER = b"2"
_RATE_LIMITED = RateLimited("Too many requests")
_GRAPHQL_RATE_LIMITED = {
    "errors": [{"message": "Too many requests", "extensions": {"code": "RATE_LIMITED"}}]
}


class EdgeMiddleware:
    """The outermost layer.

    Who shows the token that the gateway's own sidecar shows is the operator, or the sidecar: limits
    are not for them.
    """

    def __init__(
        self,
        app: ASGIApp,
        limiters: Mapping[str, RateLimiter],
        identity: TokenVerifier,
        token: str = "",
        *,
        over_tls: bool = False,
    ) -> None:
        self._app = app
        self._security_headers = (
            [*_SECURITY_HEADERS, _HSTS_HEADER] if over_tls else _SECURITY_HEADERS
        )
        self._token = token.encode()
        self._limiters = limiters
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path = scope["path"].rstrip("/") or "/"
        if path.startswith(STREAMING):
            scope = with_authorization(scope)
        added = [*self._security_headers, *(_CORS_HEADERS if path.startswith(_CORS_PATHS) else ())]
        method = scope.get("method", "")  # a WebSocket has none
        if method == "OPTIONS" and path.startswith(_CORS_PATHS):
            await _send(send, 204, [*added, *_PREFLIGHT_HEADERS, allowed_headers(scope["headers"])])
            return
        inner = {**scope, "path": path, "raw_path": path.encode()}
        if not path.startswith(_UNLIMITED_PATHS) and not self._has_sidecar_token(scope):
            limiter, key = await self._limiter_and_key(scope, path)
            standing = limiter.hit(key)
            added += standing.headers()
            if path == GRAPHQL:
                inner["state"] = {**scope.get("state", {}), CHARGE_KEY: charger(limiter, key)}
            if standing.is_exceeded:
                await _reject(inner, send, added, standing)
                return
        if method == "HEAD" and not path.startswith(STREAMING):
            # GET without its body, which the server leaves out by the method it saw itself.
            inner["method"] = "GET"
        await self._app(inner, receive, _with_headers(send, added))

    def _has_sidecar_token(self, scope: Scope) -> bool:
        given = next((value for name, value in scope["headers"] if name == b"dapr-api-token"), b"")
        return bool(given and self._token) and compare_digest(given, self._token)

    async def _limiter_and_key(self, scope: Scope, path: str) -> tuple[RateLimiter, str]:
        """What counts a request, and for whom."""
        own = _LIMITER_BY_PATH.get(path) if scope.get("method") == "POST" else None
        if own and own not in _USER_LIMITERS:
            return self._limiters[own], _client_address(scope)
        caller = await self._caller(scope)
        if caller is None or not caller.user_id:  # an app may get itself any number of tokens
            return self._limiters["addresses"], _client_address(scope)
        return self._limiters[own or "users"], caller.user_id

    async def _caller(self, scope: Scope) -> Caller | None:
        """Whose token it is; one that is not good counts for the address it came from."""
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                try:
                    return await self._identity.verify(value[7:].decode("latin-1").strip())
                except ServiceError:
                    return None
        return None


def create_limiters(settings: GatewaySettings) -> dict[str, RateLimiter]:
    """All that is limited, by name: for each person, and for each address the rest."""
    replica = secrets.token_hex(4)
    window, slow = settings.microgram_limit_window, settings.microgram_limit_slow_window
    limits = {
        "users": (settings.microgram_limit_user, window),
        "media": (settings.microgram_limit_media, settings.microgram_limit_media_window),
        "reports": (settings.microgram_limit_reports, slow),
        "addresses": (settings.microgram_limit_address, window),
        "logins": (settings.microgram_limit_logins, window),
        "tokens": (settings.microgram_limit_tokens, window),
        "webhooks": (settings.microgram_limit_webhooks, window),
        "registrations": (settings.microgram_limit_registrations, slow),
        "apps": (settings.microgram_limit_apps, slow),
    }
    return {
        name: RateLimiter(name, limit, seconds, replica=replica)
        for name, (limit, seconds) in limits.items()
    }


def allowed_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """What a preflight lets scripts send: whatever it asks for, since no header can do harm here.

    Firefox asks for all that a script sets, `User-Agent` too, and libraries that trace requests add
    headers of their own to each. Names that are none are left out; so is what is beyond a bound.
    """
    given = (v.decode("latin-1") for k, v in headers if k == _REQUEST_HEADERS)
    asked = [name.strip(" \t") for name in ",".join(given).split(",")]
    valid = [name for name in asked if _FIELD_NAME.fullmatch(name)][:_MAX_HEADER_NAMES]
    names = {name.lower(): name for name in (*valid, *_ALWAYS_ALLOWED)}
    return b"access-control-allow-headers", ", ".join(names.values()).encode()


def _client_address(scope: Scope) -> str:
    """Where a request comes from; of IPv6 the /64, since that is what one customer gets."""
    client = scope.get("client")
    return _address_key(client[0] if client else "")


@lru_cache(4096)
def _address_key(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)


def _with_headers(send: Send, added: Headers) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "websocket.accept":
            message["headers"] = [*message.get("headers", ()), *added]
        elif message["type"] in ("http.response.start", "websocket.http.response.start"):
            headers = [*message.get("headers", ()), *added]
            message["status"] = public_status(message["status"])
            if message["status"] in (429, 503) and not any(k == b"retry-after" for k, _ in headers):
                headers.append((b"retry-after", _RETRY_AFTER))
            message["headers"] = headers
        await send(message)

    return sending


async def _reject(scope: Scope, send: Send, headers: Headers, standing: RateLimitStatus) -> None:
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    trace = telemetry.start_trace({"x-request-id": given})
    wait = max(1, round(standing.reset - time.time()))
    refused = (
        OrjsonResponse(_GRAPHQL_RATE_LIMITED)
        if scope["path"] == GRAPHQL
        else error_response(HTTPConnection(scope), _RATE_LIMITED)
    )
    extra = [
        (b"content-type", refused.headers["content-type"].encode()),
        (b"retry-after", b"%d" % wait),
        (b"x-request-id", trace.request_id.encode()),
    ]
    if scope["type"] == "websocket":
        send = _as_websocket_denial(send)
    await _send(send, 429, [*headers, *extra], bytes(refused.body))


def _as_websocket_denial(send: Send) -> Send:
    """An HTTP answer to who wanted a WebSocket."""

    async def sending(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    return sending


async def _send(
    send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes = b""
) -> None:
    sized = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": sized})
    await send({"type": "http.response.body", "body": body})
