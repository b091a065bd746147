"""How answers are written: JSON by orjson, and errors of one shape."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Match

from services.chassis.errors import Invalid, ServiceError, from_status

ErrorRenderer = Callable[[HTTPConnection, ServiceError], Response]
"""Turns an error into a response of the shape that the callers of an app expect."""

ExceptionHandler = Callable[[HTTPConnection, Exception], Awaitable[Response]]

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")

log = logging.getLogger(__name__)


class OrjsonResponse(Response):
    """A response of anything orjson can write: dicts, dataclasses, and rows as they were read."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content)


def render_error(_: HTTPConnection, failure: ServiceError) -> Response:
    """An error in the shape that services use between each other."""
    return OrjsonResponse(failure.body(), failure.status)


def exception_handler(render: ErrorRenderer) -> ExceptionHandler:
    """A handler that turns every exception into a response; it logs those with status 5xx."""

    async def handle(connection: HTTPConnection, error: Exception) -> Response:
        failure = error if isinstance(error, ServiceError) else _as_service_error(error)
        if failure.status >= 500:
            log.error(failure.message, exc_info=error, extra={"code": failure.code})
        response = render(connection, failure)
        if isinstance(error, HTTPException):
            response.headers.update(error.headers or {})
            if error.status_code == 405:
                response.headers["allow"] = ", ".join(_allowed_methods(connection))
        if "retry_after" in failure.details:
            response.headers["retry-after"] = str(failure.details["retry_after"])
        return response

    return handle


def _allowed_methods(connection: HTTPConnection) -> list[str]:
    routes, scope = connection.app.routes, connection.scope
    return [
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ]


def _as_service_error(error: Exception) -> ServiceError:
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        return Invalid(f"{where}: {first['msg']}" if where else str(first["msg"]))
    if isinstance(error, HTTPException):
        return from_status(error.status_code, str(error.detail))
    return ServiceError("Something went wrong on our side.")
