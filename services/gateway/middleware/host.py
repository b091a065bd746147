"""Requests for other hosts are refused: a defence against DNS rebinding."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from services.chassis.errors import ServiceError
from services.gateway.http.errors import error_response
from services.gateway.http.own_hosts import OwnHosts
from services.gateway.middleware.callers import is_own_sidecar
from services.gateway.middleware.messages import as_websocket_denial, send_response

_PROBES = ("/healthz", "/readyz", "/metrics")
"""Whoever watches the process calls it by any address; for its metrics with their token."""


class MisdirectedRequest(ServiceError):
    """The request names a host that this server is not (RFC 9110, 15.5.20)."""

    status, code = 421, "wrong_host"


class HostMiddleware:
    """Lets in requests whose `Host` is this server. The own sidecar and probes may send any."""

    def __init__(self, app: ASGIApp, hosts: OwnHosts, public_url: str, app_token: str) -> None:
        self._app = app
        self._hosts = hosts
        self._refusal = MisdirectedRequest(
            f"This server is {public_url}. If people reach it by another address, set "
            "MICROGRAM_PUBLIC_URL to that one, and let the proxy pass on the Host header."
        )
        self._app_token = app_token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._is_accepted(scope):
            await self._app(scope, receive, send)
            return
        refused = error_response(HTTPConnection(scope), self._refusal)
        if scope["type"] == "websocket":
            send = as_websocket_denial(send)
        headers = [(b"content-type", refused.headers["content-type"].encode())]
        await send_response(send, refused.status_code, headers, bytes(refused.body))

    def _is_accepted(self, scope: Scope) -> bool:
        if scope["type"] == "lifespan" or scope["path"] in _PROBES:
            return True
        named = [value for name, value in scope["headers"] if name == b"host"]
        if len(named) == 1 and self._hosts.has(named[0].decode("latin-1")):
            return True
        return is_own_sidecar(scope, self._app_token)
