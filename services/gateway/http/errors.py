"""Errors as clients expect them: of the client API, OAuth and the shop API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Response
from starlette.requests import HTTPConnection

from services.chassis.errors import RateLimited, ServiceError
from services.chassis.http.responses import OrjsonResponse
from services.contracts.texts import clean_line

PROBLEM_JSON = "application/problem+json"

TOO_MANY_REQUESTS = RateLimited("Too many requests")
"""The error of a request above the rate limit, in the words of the client API."""

_SHOP_PREFIX = "/api/shop/"
_SERVER_ERROR = "A part of this server is not responding. Please try again in a moment."
_OAUTH_CODES = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "invalid_scope",
        "invalid_redirect_uri",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
        "access_denied",
    }
)
_OAUTH_CODE_BY_STATUS = {401: "invalid_client", 403: "unauthorized_client", 404: "invalid_client"}


def public_message(failure: ServiceError) -> str:
    """The message for clients: it hides what failed on the server, and may repeat what was sent."""
    return clean_line(failure.message) if failure.status < 500 else _SERVER_ERROR


def public_status(status: int) -> int:
    """The status for clients: 504 becomes 503, since both mean to try again."""
    return 503 if status == 504 else status


def error_response(connection: HTTPConnection, failure: ServiceError) -> Response:
    """An error response in the format of the requested path, which may have no route."""
    path: str = connection.scope["path"]
    if f"{path}/".startswith(_SHOP_PREFIX):
        return OrjsonResponse(
            problem_details(failure, path), failure.status, media_type=PROBLEM_JSON
        )
    return OrjsonResponse(error_entity(failure), failure.status)


def problem_details(failure: ServiceError, path: str) -> dict[str, Any]:
    """Problem details (RFC 9457), with our `code` and the failure's details."""
    more = failure.details if failure.status < 500 else {}
    status = public_status(failure.status)
    return {
        **more,
        "type": f"urn:microgram:problem:{failure.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": public_message(failure),
        "instance": quote(path),
        "code": failure.code,
    }


def error_entity(failure: ServiceError) -> dict[str, Any]:
    """The entity Error, with `details` by field for a form."""
    body: dict[str, Any] = {"error": public_message(failure)}
    if isinstance(failure.details.get("details"), dict):
        body["details"] = failure.details["details"]
    return body


def oauth_error(failure: ServiceError) -> tuple[int, dict[str, Any]]:
    """Status and body of an OAuth error (RFC 6749, 5.2)."""
    if failure.status >= 500 or failure.status == 429:
        return failure.status, error_entity(failure) | {
            "error_description": public_message(failure)
        }
    code = failure.code
    if code not in _OAUTH_CODES:
        code = _OAUTH_CODE_BY_STATUS.get(failure.status, "invalid_request")
    status = 401 if code == "invalid_client" else 403 if code == "unauthorized_client" else 400
    return status, {"error": code, "error_description": public_message(failure)}
