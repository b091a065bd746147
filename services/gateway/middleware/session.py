"""Sessions of the web app: the cookie takes the place of the `Authorization` header."""

from __future__ import annotations

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from services.chassis.errors import Forbidden, ServiceError, Unauthenticated
from services.chassis.security.token_verifier import TokenVerifier
from services.gateway.http.errors import error_response
from services.gateway.http.origin import Origin, origin_of
from services.gateway.http.own_hosts import OwnHosts
from services.gateway.http.session_cookie import session_token, with_session
from services.gateway.middleware.callers import bearer_token_of
from services.gateway.middleware.messages import as_websocket_denial, send_response

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_FOREIGN = Forbidden("This request was sent from another site.")


class SessionMiddleware:
    """Makes the session's token the bearer token of a request that has none.

    A browser sends the cookie by itself, so a request that may change something must come from a
    page of this server; the handshake of a WebSocket too, since its answers can be read. The cookie
    of a session that has ended is ignored: pages show the login form then.
    """

    def __init__(self, app: ASGIApp, token_verifier: TokenVerifier, hosts: OwnHosts) -> None:
        self._app = app
        self._token_verifier = token_verifier
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or bearer_token_of(scope):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        token = session_token(connection)
        if not token:
            await self._app(scope, receive, send)
        elif self._is_foreign(connection):
            await _refuse(scope, send)
        else:
            await self._app(await self._with_token(scope, token), receive, send)

    def _is_foreign(self, connection: HTTPConnection) -> bool:
        if connection.scope["type"] == "http" and connection.scope["method"] in _READS:
            return False
        return origin_of(connection, self._hosts) is not Origin.SAME

    async def _with_token(self, scope: Scope, token: str) -> Scope:
        return scope if await self._has_ended(token) else with_session(scope, token)

    async def _has_ended(self, token: str) -> bool:
        try:
            await self._token_verifier.verify(token)
        except Unauthenticated:
            return True
        except ServiceError:  # the route reports what is unavailable
            return False
        return False


async def _refuse(scope: Scope, send: Send) -> None:
    refusal = error_response(HTTPConnection(scope), _FOREIGN)
    if scope["type"] == "websocket":
        send = as_websocket_denial(send)
    headers = [(b"content-type", refusal.headers["content-type"].encode())]
    await send_response(send, refusal.status_code, headers, bytes(refusal.body))
