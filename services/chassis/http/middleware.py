"""What every request passes first: the check of the sidecar's token, and the trace.

Only the own sidecar is believed what it says of a trace. A request to a public service from outside
begins a new one: else a client could have any number of its requests recorded, and mix them into
the traces of others by their ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis import telemetry, tracing
from services.chassis.http import request_spans
from services.chassis.http.responses import ExceptionHandler
from services.chassis.security.route_guards import (
    CALLING_APP,
    OUTSIDE,
    OWN_SIDECAR,
    CallingApp,
    refuse,
)

_TRACE_HEADERS = ("traceparent", "tracestate", "x-request-id")
_STARTS = frozenset({"http.response.start", "websocket.http.response.start", "websocket.accept"})


class SidecarMiddleware:
    """Lets in the sidecar alone, by its token, and puts the request's id into every response.

    It notes which app calls: `route_guards` checks that at each route. A public service also lets
    in requests without the token, but without the headers by which a sidecar vouches for a caller;
    and to such a service an empty token vouches for nobody. Exceptions that nothing else caught end
    here, so that their response has the request's id too.
    """

    OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
    """Paths that come without a sidecar. `/metrics` needs a token of its own (`route_guards`)."""

    def __init__(
        self, app: ASGIApp, token: str, *, public: bool, insecure: bool, handle: ExceptionHandler
    ) -> None:
        self._app = app
        self._token = token.encode()
        self._public = public
        self._trusts_everybody = insecure and not token and not public
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        is_sidecar = self._is_sidecar(headers)
        trace = self._start_trace(scope, headers, is_sidecar=is_sidecar)
        span = tracing.span(tracing.SERVER) if scope["type"] == "http" else tracing.NO_SPAN
        if isinstance(span, tracing.Span):

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                await self._respond(scope, receive, send, headers, trace, is_sidecar=is_sidecar)

            await request_spans.respond(span, app, scope, receive, send)
        else:
            await self._respond(scope, receive, send, headers, trace, is_sidecar=is_sidecar)

    async def _respond(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Mapping[bytes, bytes],
        trace: telemetry.Trace,
        *,
        is_sidecar: bool,
    ) -> None:
        request_id = (b"x-request-id", trace.request_id.encode())
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] in _STARTS:
                started = True
                message["headers"] = [*message.get("headers", ()), request_id]
            await send(message)

        try:
            scope[CALLING_APP] = self._authenticate(scope, is_sidecar=is_sidecar)
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            if started:
                raise
            response = await self._handle(HTTPConnection(scope), error)
            await response(scope, receive, send_with_id)

    def _is_sidecar(self, headers: Mapping[bytes, bytes]) -> bool:
        if self._trusts_everybody:
            return True
        return bool(self._token) and compare_digest(
            headers.get(b"dapr-api-token", b""), self._token
        )

    def _authenticate(self, scope: Scope, *, is_sidecar: bool) -> CallingApp:
        """Who calls, by the sidecar's word. What others say of a caller is removed."""
        if is_sidecar:
            return _calling_app(scope)
        scope["headers"] = [(k, v) for k, v in scope["headers"] if not k.startswith(b"dapr-")]
        if not self._public and scope["path"] not in self.OPEN:
            raise refuse(OUTSIDE, "", "no_token")
        return OUTSIDE

    def _start_trace(
        self, scope: Scope, headers: Mapping[bytes, bytes], *, is_sidecar: bool
    ) -> telemetry.Trace:
        # An operator's program has the sidecar's token, and no trace of a sidecar.
        is_first = self._public and not (is_sidecar and b"traceparent" in headers)
        names = _TRACE_HEADERS if is_sidecar else _TRACE_HEADERS[-1:]
        return telemetry.start_trace(
            {name: headers.get(name.encode(), b"").decode("latin-1") for name in names},
            sample=is_first
            and tracing.is_on()
            and request_spans.is_traceable(scope)
            and tracing.sample(),
        )


def _calling_app(scope: Scope) -> CallingApp:
    """The app-id that the sidecar adds to a call of another app; none for its own calls.

    The sidecar passes on a name that its caller made up, beside the true one.
    """
    names = [value for name, value in scope["headers"] if name == b"dapr-caller-app-id"]
    if not names:
        return OWN_SIDECAR
    if len(names) > 1 or not names[0]:
        raise refuse(OWN_SIDECAR, "", "several_names")
    name: bytes = names[0]
    return name.decode("latin-1")
