"""What media's routes take and answer, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from services.contracts import limits
from services.contracts.accounts import Model

Responses = dict[int | str, dict[str, Any]]

ATTACHMENT: dict[str, Any] = {
    "id": "116548273000001537",
    "owner": "116548270000001537",
    "mime": "image/jpeg",
    "original": "116548273000001537-9f86d081884c7d65-o.jpg",
    "small": "116548273000001537-9f86d081884c7d65-s.jpg",
    "original_size": {"width": 2048, "height": 1536},
    "small_size": {"width": 640, "height": 480},
    "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
    "description": "Boats in a harbour before sunrise",
    "focus": [0.0, 0.25],
}

PORTRAIT = {"name": "116548273000001537-9f86d081884c7d65-a.jpg"}

BYTES = {"schema": {"type": "string", "format": "binary"}}
PICTURE = {
    "requestBody": {
        "required": True,
        "description": f"The picture itself, at most {limits.PICTURE_BYTES >> 20} MiB.",
        "content": {
            **{f"image/{kind}": BYTES for kind in ("jpeg", "png", "webp", "gif", "heic")},
            "application/octet-stream": BYTES,
        },
    }
}

_FAILURES: dict[int, tuple[str, str, str]] = {
    401: ("No access token, or not a good one.", "unauthenticated", "This needs an access token."),
    403: (
        "The access token does not cover this, or it is somebody else's.",
        "forbidden",
        "The access token does not cover the scope write:media.",
    ),
    404: (
        "Not there, or not visible to the caller.",
        "not_found",
        "There is no such picture of yours.",
    ),
    413: ("Too large.", "too_large", "A picture can have at most 16 MiB."),
    422: ("It breaks a rule.", "invalid", "The file is not a picture of a kind that is accepted."),
    503: ("Try again in a moment.", "unavailable", "The part that is needed is not reachable."),
}


class Problem(Model):
    """Why something was refused: a code for programs, a sentence for people."""

    code: str
    message: str


def answers(model: Any, what: str, example: Any, *failures: int) -> Responses:
    """What a route answers, for its OpenAPI: pydantic does not write an `OrjsonResponse`."""
    found: Responses = {
        200: {
            "model": model,
            "description": what,
            "content": {"application/json": {"example": example}},
        }
    }
    for status in failures:
        found |= refusal(status)
    return found


def refusal(status: int) -> Responses:
    """One way to be refused."""
    description, code, message = _FAILURES[status]
    example = {"code": code, "message": message}
    return {
        status: {
            "model": Problem,
            "description": description,
            "content": {"application/json": {"example": example}},
        }
    }


EXPORT: dict[str, Any] = {
    "id": "116548273934401537",
    "state": "ready",
    "requested_at": "2026-05-11T06:40:12.402Z",
    "finished_at": "2026-05-11T06:40:31.977Z",
    "expires_at": "2026-05-18T06:40:31.977Z",
    "progress": 100,
    "doing": "",
    "records": 1304,
    "pictures": 87,
    "size": 51380224,
    "parts": 38,
}

AN_ARCHIVE: Responses = {
    200: {"description": "The bytes.", "content": {"application/octet-stream": BYTES}},
    **refusal(401),
    **refusal(403),
    **refusal(404),
}

A_FILE: Responses = {
    200: {
        "description": "The bytes, the same for ever.",
        "content": {"image/jpeg": BYTES, "image/webp": BYTES},
    },
    304: {"description": "The caller has them already."},
    **refusal(403),
    **refusal(404),
    **refusal(422),
}
