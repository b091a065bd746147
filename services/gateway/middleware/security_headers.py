"""Headers that protect browsers."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.middleware.messages import Headers, with_headers

_SECURITY_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Nothing for other sites; without the own one, browsers send forms with `Origin: null`.
    (b"referrer-policy", b"same-origin"),
]
_HSTS_HEADER = (b"strict-transport-security", b"max-age=31536000")


class SecurityHeadersMiddleware:
    """Adds the security headers to every response, and HSTS where the gateway is behind TLS."""

    def __init__(self, app: ASGIApp, *, over_tls: bool = False) -> None:
        self._app = app
        self._headers = [*_SECURITY_HEADERS, *([_HSTS_HEADER] if over_tls else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            send = with_headers(send, self._headers)
        await self._app(scope, receive, send)
