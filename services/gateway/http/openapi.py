"""OpenAPI descriptions of routes whose bodies are read by hand, in three formats."""

from __future__ import annotations

from typing import Any

from services.gateway.http.errors import PROBLEM_JSON

MEDIA_TYPES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")

Schema = dict[str, Any]

_PROBLEM = {
    "type": "urn:microgram:problem:changed",
    "title": "Precondition Failed",
    "status": 412,
    "detail": "It was changed since you read it. Read it again.",
    "instance": "/api/shop/v1/products/114000000000000000",
    "code": "changed",
}


def request_body(*forms: str, example: Any = None, **properties: Schema | str) -> dict[str, Any]:
    """A request body for `openapi_extra`. A property is the name of a type or a schema."""
    schema = {
        "type": "object",
        "properties": {
            name: {"type": what} if isinstance(what, str) else what
            for name, what in properties.items()
        },
    }
    content: Schema = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"content": dict.fromkeys(forms or MEDIA_TYPES, content)}}


def array_of(what: str) -> Schema:
    """The schema of an array."""
    return {"type": "array", "items": {"type": what}}


FILE_SCHEMA: Schema = {"type": "string", "format": "binary"}


def responses(
    example: Any = None, description: str = "Done.", *, media: str = "application/json"
) -> dict[int | str, dict[str, Any]]:
    """The successful response, and the format of every error response."""
    content: Schema = {} if example is None else {"example": example}
    wrong = {"application/json": {"example": {"error": "Record not found"}}}
    return {
        200: {"description": description, "content": {media: content}},
        "4XX": {"description": "The request is rejected; `error` says why.", "content": wrong},
    }


def problem_responses(
    example: Any, description: str, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """The successful response and the format of every error, for OpenAPI."""
    return {
        status: {"description": description, "content": {"application/json": {"example": example}}},
        "4XX": {
            "description": "The request is rejected.",
            "content": {PROBLEM_JSON: {"example": _PROBLEM}},
        },
    }
