"""Examples for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

from services.contracts.accounts import Model

Responses = dict[int | str, dict[str, Any]]

POST: dict[str, Any] = {
    "id": "116548273934401537",
    "author": "116548270000001537",
    "text": "First light over the harbour #sunrise with @bob",
    "spoiler_text": "",
    "visibility": "public",
    "sensitive": False,
    "language": "en",
    "attachments": [
        {
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
    ],
    "tags": ["sunrise"],
    "mentions": [{"id": "116548270000002561", "username": "bob"}],
    "product_ids": [],
    "in_reply_to_id": None,
    "in_reply_to_account_id": None,
    "path": [],
    "reblog_of_id": None,
    "reblog_of_account_id": None,
    "application": "toot",
    "application_website": "",
    "created_at": "2026-05-10T05:12:31.402Z",
    "edited_at": None,
    "deleted": False,
    "with_replies": False,
    "pictures_kept": False,
}

VIEW: dict[str, Any] = {
    "post": POST,
    "version": 1,
    "counts": {"favourites": 12, "reblogs": 0, "replies": 3},
    "favourited": True,
    "bookmarked": False,
    "reblogged": False,
    "pinned": False,
    "reblog": None,
}

BOOST: dict[str, Any] = VIEW | {
    "post": POST
    | {
        "id": "116548290000001537",
        "author": "116548270000002561",
        "text": "",
        "language": None,
        "attachments": [],
        "tags": [],
        "mentions": [],
        "application": "",
        "reblog_of_id": POST["id"],
        "reblog_of_account_id": POST["author"],
        "created_at": "2026-05-10T06:40:02.118Z",
    },
    "reblogged": True,
    "reblog": VIEW | {"reblogged": True},
}

NEW_BOOSTS: dict[str, Example] = {
    "for everybody": {"value": {}},
    "not in public timelines": {"value": {"visibility": "unlisted"}},
}

NEW_POSTS: dict[str, Example] = {
    "a photo": {
        "value": {
            "text": "First light over the harbour #sunrise with @bob",
            "media_ids": ["116548273000001537"],
            "language": "en",
            "idempotency_key": "7d1f2c",
        }
    },
    "a reply": {"value": {"text": "Wonderful!", "in_reply_to_id": "116548273934401537"}},
}

EDITED_POSTS: dict[str, Example] = {"another text": {"value": {"text": "Last light, in fact"}}}

ASKED: dict[str, Example] = {
    "a thread": {
        "value": {
            "ids": ["116548273934401537", "116548280000001537"],
            "around": "116548273934401537",
        }
    }
}

REACTORS = {"ids": ["116548280000001537"], "accounts": ["116548270000002561"], "more": ""}

LISTS = {"ids": ["116548280000001537"], "views": [VIEW], "more": ""}

VERSION: dict[str, Any] = {
    "text": POST["text"],
    "spoiler_text": "",
    "sensitive": False,
    "language": "en",
    "attachments": POST["attachments"],
    "created_at": POST["created_at"],
}

_FAILURES: dict[int, tuple[str, str, str]] = {
    401: ("No access token, or not a good one.", "unauthenticated", "This needs an access token."),
    403: (
        "The access token does not cover this, or it is somebody else's.",
        "forbidden",
        "This is somebody else's post.",
    ),
    404: ("Not there, or not visible to the caller.", "not_found", "There is no such post."),
    413: ("Too large.", "too_large", "A picture can have at most 16 MiB."),
    422: ("It breaks a rule.", "invalid", "A post needs a text or a picture."),
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
