"""What every request passes first: the check of the sidecar's token, and the trace."""

from __future__ import annotations

from hmac import compare_digest

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis import telemetry
from services.chassis.errors import Forbidden, Unauthenticated
from services.chassis.http.responses import ExceptionHandler

_TRACE_HEADERS = ("traceparent", "tracestate", "x-request-id")
_STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})


class SidecarMiddleware:
    """Lets in the sidecar alone, by its token, and puts the request's id into every response.

    A public service also lets in requests without the token, but not to the routes that are for
    sidecars, and without the headers by which a sidecar vouches for a caller. Exceptions that
    nothing else caught end here, so that their response has the request's id too.
    """

    OPEN = frozenset({"/healthz", "/readyz"})
    INTERNAL = ("/dapr/", "/events", "/changes", "/deadletters")

    def __init__(
        self, app: ASGIApp, name: str, token: str, *, public: bool, handle: ExceptionHandler
    ) -> None:
        self._app = app
        self._name = name.encode()
        self._token = token.encode()
        self._public = public
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        is_sidecar = self._authenticate(scope, headers)
        request_id = (b"x-request-id", self._start_trace(headers).encode())
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] in _STARTS:
                started = True
                message["headers"] = [*message.get("headers", ()), request_id]
            await send(message)

        try:
            self._authorize(scope, is_sidecar=is_sidecar)
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            if started:
                raise
            response = await self._handle(HTTPConnection(scope), error)
            await response(scope, receive, send_with_id)

    def _authenticate(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Whether the sidecar sent a request; the caller's name is removed where it did not."""
        given = headers.get(b"dapr-api-token", b"")
        is_sidecar = not self._token or compare_digest(given, self._token)
        if not is_sidecar:
            scope["headers"] = [(k, v) for k, v in scope["headers"] if not k.startswith(b"dapr-")]
        elif b"dapr-caller-app-id" not in headers:  # a service that calls itself
            scope["headers"] = [*scope["headers"], (b"dapr-caller-app-id", self._name)]
        return is_sidecar

    def _authorize(self, scope: Scope, *, is_sidecar: bool) -> None:
        if not is_sidecar and not self._is_open(scope["path"]):
            raise Unauthenticated("This route is for the sidecar. Call it through Dapr.")
        # A sidecar passes on a name that its caller made up, beside the true one.
        if sum(name == b"dapr-caller-app-id" for name, _ in scope["headers"]) > 1:
            raise Forbidden("The caller has more than one name.")

    def _is_open(self, path: str) -> bool:
        return path in self.OPEN or (self._public and not path.startswith(self.INTERNAL))

    @staticmethod
    def _start_trace(headers: dict[bytes, bytes]) -> str:
        trace = telemetry.start_trace(
            {name: headers.get(name.encode(), b"").decode("latin-1") for name in _TRACE_HEADERS}
        )
        return trace.request_id
