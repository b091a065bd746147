"""Headers that protect browsers, and say that an answer is private unless its route says else."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.middleware.messages import RESPONSE_STARTS, Headers

_ALWAYS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Nothing for other sites; without the own one, browsers send forms with `Origin: null`.
    (b"referrer-policy", b"same-origin"),
]
_HSTS_HEADER = (b"strict-transport-security", b"max-age=31536000")

_CSP = b"content-security-policy"
_NOTHING = (
    _CSP,
    b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
"""The policy of what is no page of ours: it loads and runs nothing, whatever it is taken for."""

_CACHE_CONTROL = b"cache-control"
_PRIVATE = (_CACHE_CONTROL, b"private, no-store")
_VARY = (b"vary", b"Authorization, Cookie")

_FIELD_VALUE = re.compile(rb"[\t -~\x80-\xff]*")
"""RFC 9110, 5.5: without line breaks and other control characters."""


class SecurityHeadersMiddleware:
    """Adds the security headers to every response, and HSTS where the gateway is behind TLS.

    A response without `Cache-Control` depends on who asks, so no cache keeps it. What may be kept
    is public: its route says so. A header with a control character is a fault, and is never sent.
    """

    def __init__(self, app: ASGIApp, *, over_tls: bool = False) -> None:
        self._app = app
        self._always = [*_ALWAYS, *([_HSTS_HEADER] if over_tls else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] in RESPONSE_STARTS:
                message["headers"] = self._completed(message.get("headers", ()))
            await send(message)

        await self._app(scope, receive, send if scope["type"] == "lifespan" else sending)

    def _completed(self, headers: Headers) -> Headers:
        added = [*self._always]
        caching, policy = b"", False
        for name, value in headers:
            if _FIELD_VALUE.fullmatch(value) is None:
                raise ValueError(f"The header {name!r} has a control character.")
            if name == _CACHE_CONTROL:
                caching = value
            elif name == _CSP:
                policy = True
        if not policy:
            added.append(_NOTHING)
        if not caching:
            added.append(_PRIVATE)
        if not caching.startswith(b"public"):
            added.append(_VARY)
        return [*headers, *added]
