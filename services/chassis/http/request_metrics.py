"""Measures each request: rate, errors and duration by route (RED).

It is the outermost part of the app, so it sees what clients see. A batch counts once, and so does
each request in it.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.metrics import Metrics, RequestRecord

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "_OTHER"
_STATUS_CLASSES = tuple(f"{digit}xx" for digit in range(10))


class RequestMetricsMiddleware:
    """Measures requests by HTTP. A WebSocket is a stream, which says nothing by its duration."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._duration = metrics.request_duration
        self._active = metrics.active_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = scope[RequestRecord.KEY] = RequestRecord()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        active, started = self._active, perf_counter()
        active.add(record)
        try:
            await self._app(scope, receive, sending)
        except Exception:
            status = status or 500
            raise
        finally:
            active.discard(record)
            if status and not record.is_stream:
                self._observe(scope["method"], record.route, status, perf_counter() - started)

    def _observe(self, method: str, route: str, status: int, seconds: float) -> None:
        method = method if method in METHODS else OTHER_METHOD
        self._duration[method, route, _STATUS_CLASSES[status // 100]].observe(seconds)


class MeasuredApp(FastAPI):
    """An app whose requests are measured, those too that middleware answers."""

    def __init__(self, *, metrics: Metrics, **options: Any) -> None:
        super().__init__(**options)
        self._metrics = metrics

    def build_middleware_stack(self) -> ASGIApp:
        """The app with all its middleware, measured."""
        return RequestMetricsMiddleware(super().build_middleware_stack(), self._metrics)
