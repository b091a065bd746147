"""Examples for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

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
    "in_reply_to_id": None,
    "in_reply_to_account_id": None,
    "application": "toot",
    "created_at": "2026-05-10T05:12:31.402Z",
    "edited_at": None,
    "deleted": False,
}

VIEW: dict[str, Any] = {
    "post": POST,
    "version": 1,
    "counts": {"favourites": 12, "reblogs": 0, "replies": 3},
    "favourited": True,
    "bookmarked": False,
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

REACTORS = {"ids": ["116548280000001537"], "accounts": ["116548270000002561"]}

LISTS = {"ids": ["116548280000001537"], "views": [VIEW]}
