"""Failures as GraphQL errors: a message for people, and `extensions.code` for programs."""

from __future__ import annotations

import logging
import re
from typing import Any

from graphql import GraphQLError

from services.chassis.errors import ServiceError
from services.gateway.application.failures import log_failure
from services.gateway.http.errors import public_message

UNAUTHENTICATED = "UNAUTHENTICATED"
FORBIDDEN = "FORBIDDEN"
NOT_FOUND = "NOT_FOUND"
BAD_USER_INPUT = "BAD_USER_INPUT"
BAD_REQUEST = "BAD_REQUEST"
CONFLICT = "CONFLICT"
TOO_LARGE = "TOO_LARGE"
TOO_COMPLEX = "TOO_COMPLEX"
RATE_LIMITED = "RATE_LIMITED"
UNAVAILABLE = "UNAVAILABLE"
INTERNAL = "INTERNAL"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"

INTERNAL_ERROR = "Something went wrong on our side."

_BY_STATUS = {
    400: BAD_USER_INPUT,
    401: UNAUTHENTICATED,
    403: FORBIDDEN,
    404: NOT_FOUND,
    409: CONFLICT,
    410: NOT_FOUND,
    412: CONFLICT,
    413: TOO_LARGE,
    422: BAD_USER_INPUT,
    428: BAD_USER_INPUT,
    429: RATE_LIMITED,
    503: UNAVAILABLE,
    504: UNAVAILABLE,
}
_REASON = re.compile(r"[a-z_]{1,60}")

Entity = dict[str, Any]

log = logging.getLogger(__name__)


class RequestRejected(ServiceError):
    """A request that is not executed; `code` is one of the codes above."""

    def __init__(self, message: str, code: str, status: int = 400, **details: Any) -> None:
        super().__init__(message, code=code, **details)
        self.status = status


def failure_error(failure: ServiceError) -> Entity:
    """A failure as an error without its location. Logs failures of the server."""
    log_failure(failure)
    if isinstance(failure, RequestRejected):
        return {
            "message": failure.message,
            "extensions": {"code": failure.code, **failure.details},
        }
    extensions: Entity = {"code": _BY_STATUS.get(failure.status, INTERNAL)}
    if failure.status < 500:
        if _REASON.fullmatch(failure.code):
            extensions["reason"] = failure.code
        if failure.details:
            extensions["details"] = failure.details
    return {"message": public_message(failure), "extensions": extensions}


def error_entity(error: GraphQLError) -> Entity:
    """The error of a field or of the variables, with its location."""
    place: Entity = {}
    if error.locations:
        place["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path:
        place["path"] = error.path
    return {**_message_and_code(error), **place}


def _message_and_code(error: GraphQLError) -> Entity:
    cause = error.original_error
    if isinstance(cause, ServiceError):
        return failure_error(cause)
    if error.path is None:  # no field was executed: the document or the variables are invalid
        return {"message": error.message, "extensions": {"code": BAD_USER_INPUT}}
    log.error("a field failed", exc_info=cause, extra={"path": error.path})
    return failure_error(ServiceError(INTERNAL_ERROR))
