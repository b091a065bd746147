"""Rate limits of public requests, per user and per client address."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from services.chassis import telemetry
from services.chassis.errors import ServiceError
from services.chassis.http.responses import ErrorRenderer, OrjsonResponse
from services.chassis.security.caller import Caller
from services.chassis.security.token_verifier import TokenVerifier
from services.gateway.http.errors import TOO_MANY_REQUESTS, error_response
from services.gateway.http.paths import (
    ACCOUNT_SETTINGS,
    EMAIL_CONFIRMATION,
    EMAIL_SETTINGS,
    GRAPHQL,
    NEW_POST,
    RECOVERY,
    RECOVERY_LINK,
    REPORT,
    SECOND_FACTOR_SETTINGS,
)
from services.gateway.middleware.callers import is_own_sidecar
from services.gateway.middleware.messages import as_websocket_denial, send_response, with_headers
from services.gateway.ratelimit.charge import CHARGE_KEY, charger
from services.gateway.ratelimit.limiter import RateLimiter, RateLimitStatus

_UNLIMITED_PATHS = (
    "/healthz",
    "/readyz",
    "/metrics",
    "/static/",
    "/media/",
    "/dapr/",
    "/events",
    "/favicon.ico",
)
_LIMITER_BY_PATH = {
    "/api/v1/media": "media",
    "/api/v2/media": "media",
    "/selling/products": "media",
    "/selling/pictures": "media",
    "/api/v1/reports": "reports",
    REPORT: "reports",
    "/api/v1/accounts": "registrations",
    "/auth/sign_up": "registrations",
    RECOVERY: "registrations",
    RECOVERY_LINK: "logins",
    EMAIL_SETTINGS: "logins",
    EMAIL_CONFIRMATION: "logins",
    SECOND_FACTOR_SETTINGS: "logins",
    f"{SECOND_FACTOR_SETTINGS}/confirm": "logins",
    f"{SECOND_FACTOR_SETTINGS}/disable": "logins",
    "/api/v1/apps": "apps",
    "/oauth/authorize": "logins",
    "/login": "logins",
    ACCOUNT_SETTINGS: "logins",
    "/auth/delete": "logins",
    "/auth/archive": "logins",
    "/oauth/token": "tokens",
    "/webhooks/payments": "webhooks",
}
"""POST requests with a limit of their own."""

_USER_LIMITERS = ("users", "media", "reports")
_GRAPHQL_RATE_LIMITED = {
    "errors": [{"message": "Too many requests", "extensions": {"code": "RATE_LIMITED"}}]
}


class RateLimitMiddleware:
    """Counts each request, and rejects those above a limit.

    Requests with the app token of the gateway's own sidecar come from the operator or the sidecar:
    they are not limited. `render` makes the response to a request that is rejected.
    """

    def __init__(
        self,
        app: ASGIApp,
        limiters: Mapping[str, RateLimiter],
        token_verifier: TokenVerifier,
        render: ErrorRenderer = error_response,
        app_token: str = "",
    ) -> None:
        self._app = app
        self._limiters = limiters
        self._token_verifier = token_verifier
        self._render = render
        self._app_token = app_token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_limited(scope):
            await self._app(scope, receive, send)
            return
        limiter, key = await self._limiter_and_key(scope)
        status = limiter.hit(key)
        if status.is_exceeded:
            await self._reject(scope, send, status)
            return
        charged = self._limiters["media"] if scope["path"] == NEW_POST else limiter
        if scope["path"] in (GRAPHQL, NEW_POST):
            charge = {CHARGE_KEY: charger(charged, key)}
            scope = {**scope, "state": {**scope.get("state", {}), **charge}}
        await self._app(scope, receive, with_headers(send, status.headers()))

    async def _reject(self, scope: Scope, send: Send, status: RateLimitStatus) -> None:
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        trace = telemetry.start_trace({"x-request-id": given})
        wait = max(1, round(status.reset - time.time()))
        rejection = (
            OrjsonResponse(_GRAPHQL_RATE_LIMITED)
            if scope["path"] == GRAPHQL
            else self._render(HTTPConnection(scope), TOO_MANY_REQUESTS)
        )
        headers = [
            *status.headers(),
            *(pair for pair in rejection.raw_headers if pair[0] != b"content-length"),
            (b"retry-after", b"%d" % wait),
            (b"x-request-id", trace.request_id.encode()),
        ]
        if scope["type"] == "websocket":
            send = as_websocket_denial(send)
        await send_response(send, 429, headers, bytes(rejection.body))

    def _is_limited(self, scope: Scope) -> bool:
        if scope["type"] == "lifespan" or scope["path"].startswith(_UNLIMITED_PATHS):
            return False
        return not is_own_sidecar(scope, self._app_token)

    async def _limiter_and_key(self, scope: Scope) -> tuple[RateLimiter, str]:
        own = _LIMITER_BY_PATH.get(scope["path"]) if scope.get("method") == "POST" else None
        if own and own not in _USER_LIMITERS:
            return self._limiters[own], _client_address(scope)
        caller = await self._caller(scope)
        if caller is None or not caller.user_id:  # an app can get any number of tokens
            return self._limiters["addresses"], _client_address(scope)
        return self._limiters[own or "users"], caller.user_id

    async def _caller(self, scope: Scope) -> Caller | None:
        """The caller; None for an invalid token, which counts for the client's address."""
        for name, value in scope["headers"]:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                try:
                    return await self._token_verifier.verify(value[7:].decode("latin-1").strip())
                except ServiceError:
                    return None
        return None


def _client_address(scope: Scope) -> str:
    client = scope.get("client")
    return _address_key(client[0] if client else "")


@lru_cache(4096)
def _address_key(address: str) -> str:
    """The address that is counted: of an IPv6 address its /64, which one customer owns whole."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)
