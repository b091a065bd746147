"""Failures in the shapes that clients expect: the client API's, OAuth's, the shop's."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Response
from starlette.requests import HTTPConnection

from services.chassis.errors import ServiceError
from services.chassis.http.responses import OrjsonResponse

PROBLEM_JSON = "application/problem+json"

_SHOP_PREFIX = "/api/shop/"
_SERVER_ERROR = "Something here is not answering right now. Please try again in a moment."
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
    """What to tell people: our own troubles are not theirs to read about."""
    return failure.message if failure.status < 500 else _SERVER_ERROR


def public_status(status: int) -> int:
    """A status as it goes out: nobody there can tell 503 and 504 apart; both ask to try again."""
    return 503 if status == 504 else status


def error_response(connection: HTTPConnection, failure: ServiceError) -> Response:
    """A failure in the shape of what was asked, by its address: there may be no route at it."""
    path: str = connection.scope["path"]
    if f"{path}/".startswith(_SHOP_PREFIX):
        return OrjsonResponse(
            problem_details(failure, path), failure.status, media_type=PROBLEM_JSON
        )
    return OrjsonResponse(error_entity(failure), failure.status)


def problem_details(failure: ServiceError, path: str) -> dict[str, Any]:
    """Problem details (RFC 9457); `code` is for programs, and what else is said is beside it."""
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
    """The entity Error; with `details` by field where a form was refused."""
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
