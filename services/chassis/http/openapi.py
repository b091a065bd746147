"""The responses of routes, for their OpenAPI documents.

Routes return an `OrjsonResponse`, so FastAPI cannot derive the response model from the annotation.
Examples of successful responses stand on the contract models.
"""

from __future__ import annotations

from typing import Any

from services.contracts.errors import ErrorBody

Responses = dict[int | str, dict[str, Any]]

_ERRORS: dict[int, tuple[str, str, str]] = {
    400: ("The request is malformed.", "bad_request", "The request is malformed."),
    401: ("The access token is missing or not valid.", "unauthenticated", "This needs a token."),
    403: ("The caller may not do this.", "forbidden", "The token does not cover this scope."),
    404: ("It does not exist, or the caller may not see it.", "not_found", "There is no such id."),
    409: ("This conflicts with the current state.", "duplicate", "The new id is taken. Try again."),
    410: ("It was deleted.", "gone", "This was deleted."),
    412: ("It has changed since it was read.", "changed", "It was changed. Read it again."),
    413: ("The request body is too large.", "too_large", "A picture can have at most 16 MiB."),
    422: ("The input breaks a rule.", "invalid", "A product needs a name."),
    428: (
        "The version that was read is missing.",
        "condition_missing",
        "Send its ETag in If-Match.",
    ),
    429: ("Too many requests.", "too_many", "You already requested an archive. Try again later."),
    503: ("Nothing happened. Try again.", "unavailable", "A service is not reachable. Try again."),
}


def responses(model: Any, description: str, *errors: int) -> Responses:
    """Return the `responses` of a route: its model, and the statuses with which it may refuse."""
    return {200: {"model": model, "description": description}, **error_responses(*errors)}


def error_responses(*statuses: int) -> Responses:
    """Return the error responses with these statuses, each with an example."""
    found: Responses = {}
    for status in statuses:
        description, code, message = _ERRORS[status]
        found[status] = {
            "model": ErrorBody,
            "description": description,
            "content": {"application/json": {"example": {"code": code, "message": message}}},
        }
    return found
