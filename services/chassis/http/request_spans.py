"""The span of a request at the service that answers it."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis import tracing
from services.chassis.http.request_metrics import METHODS, OTHER_METHOD
from services.chassis.metrics import UNMATCHED, RequestRecord

_UNTRACED = ("/healthz", "/readyz", "/metrics", "/static/", "/favicon.ico", "/dapr/")


def is_traceable(scope: Scope) -> bool:
    """Whether a request from outside may begin a trace: no health check, scrape or static file."""
    return scope["type"] == "http" and not scope["path"].startswith(_UNTRACED)


async def respond(
    span: tracing.Span, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Call an app within the span of its request.

    The span of a stream ends when it begins: what it sends later is caused by others.
    """
    method = scope["method"] if scope["method"] in METHODS else OTHER_METHOD
    span.describe(method, {"http.request.method": method})
    record = scope.get(RequestRecord.KEY) or RequestRecord()

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            if record.route != UNMATCHED:
                span.describe(f"{method} {record.route}", {"http.route": record.route})
            _describe_response(span, message)
        await send(message)

    with span:
        await app(scope, receive, sending)


def _describe_response(span: tracing.Span, message: Message) -> None:
    status = message["status"]
    span.set("http.response.status_code", status)
    if status >= 500:
        span.fail(str(status))
    if _is_stream(message.get("headers", ())):
        span.end()


def _is_stream(headers: Any) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in headers
    )
