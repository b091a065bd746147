"""Examples for the OpenAPI of this service."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

ID = "114906321984512345"

ACCOUNT: dict[str, Any] = {
    "profile": {
        "id": ID,
        "username": "anna",
        "display_name": "Anna Bergström",
        "note": "Light, mostly early.",
        "avatar": "9f2c4e.webp",
        "header": "",
        "fields": [{"name": "Home", "value": "https://example.org", "verified_at": None}],
        "locked": False,
        "bot": False,
        "discoverable": True,
        "default_visibility": "public",
        "default_sensitive": False,
        "default_language": "sv",
        "created_at": "2025-07-24T09:12:44.120Z",
        "role": "",
        "suspended": False,
        "deleted": False,
    },
    "counts": {"followers": 120, "following": 87, "statuses": 42, "last_status_at": "2025-08-01"},
    "version": 3,
}

RELATIONSHIP: dict[str, Any] = {
    "id": ID,
    "following": True,
    "showing_reblogs": True,
    "notifying": False,
    "followed_by": False,
    "blocking": False,
    "blocked_by": False,
    "muting": False,
    "muting_notifications": False,
    "muting_expires_at": None,
    "requested": False,
    "requested_by": False,
    "note": "",
}

PAGE: dict[str, Any] = {"ids": ["114906321984599999"], "accounts": [ACCOUNT], "more": ""}


def _one(summary: str, value: Any) -> dict[str, Example]:
    return {"example": {"summary": summary, "value": value}}


REPORT: dict[str, Any] = {
    "id": "114906321984577777",
    "account": "114906321984500001",
    "target": ID,
    "statuses": ["114906321984566666"],
    "comment": "Not their own picture.",
    "category": "violation",
    "rules": ["2"],
    "created_at": "2025-08-01T10:00:00.000Z",
    "updated_at": "2025-08-01T10:00:00.000Z",
    "assigned": "",
    "resolved_by": "",
    "resolved_at": None,
}
NEW_REPORT = _one(
    "A post that breaks a rule",
    {
        "target": ID,
        "statuses": ["114906321984566666"],
        "comment": "Not their own picture.",
        "category": "violation",
        "rules": ["2"],
    },
)
CHANGES = _one("A new name, and a lock", {"display_name": "Anna B.", "locked": True})
LOOKUP = _one("Two handles", {"usernames": ["anna", "@Ben"]})
OTHERS = _one("Two people", {"ids": ["114906321984512345", "114906321984512346"]})
FOLLOWING = _one("With a notification for every post", {"reblogs": True, "notify": True})
MUTING = _one("For a day", {"notifications": True, "duration": 86_400})
NOTE = _one("A note", {"comment": "Met in Uppsala."})


def _failure(what: str, code: str, message: str) -> dict[str, Any]:
    example = {"code": code, "message": message}
    return {"description": what, "content": {"application/json": {"example": example}}}


FAILURES: dict[int, dict[str, Any]] = {
    401: _failure("No good token.", "unauthenticated", "This needs an access token."),
    403: _failure("Not allowed.", "forbidden", "You cannot follow yourself."),
    404: _failure("Not there.", "not_found", "There is no such account."),
    422: _failure(
        "Not valid.", "invalid", "The display name has 31 characters; at most 30 are allowed."
    ),
}
