"""Which entity each route answers with, held to the strict schemas of tests/mastodon."""

from __future__ import annotations

import re
from typing import Any

from tests.mastodon import schemas

_ID = r"[^/]+"

_MANY = "many "
_ROUTES = [
    ("POST", "/oauth/token", "Token"),
    ("POST", "/api/v1/apps", "CredentialApplication"),
    ("GET", "/api/v1/apps/verify_credentials", "Application"),
    ("GET", "/api/v1/instance", "InstanceV1"),
    ("GET", "/api/v2/instance", "Instance"),
    ("GET", "/api/v2/search", "Search"),
    ("GET", "/api/v1/preferences", "Preferences"),
    ("POST", "/api/v1/accounts", "Token"),
    ("GET", "/api/v1/accounts/verify_credentials", "CredentialAccount"),
    ("PATCH", "/api/v1/accounts/update_credentials", "CredentialAccount"),
    ("GET", "/api/v1/accounts/lookup", "Account"),
    ("GET", "/api/v1/accounts/search", "many Account"),
    ("GET", "/api/v1/accounts/relationships", "many Relationship"),
    ("GET", f"/api/v1/accounts/{_ID}/(followers|following)", "many Account"),
    ("GET", f"/api/v1/accounts/{_ID}/statuses", "many Status"),
    ("POST", f"/api/v1/accounts/{_ID}/(un)?(follow|block|mute)", "Relationship"),
    ("GET", f"/api/v1/accounts/{_ID}", "Account"),
    ("GET", "/api/v1/(blocks|mutes|follow_requests)", "many Account"),
    ("POST", f"/api/v1/follow_requests/{_ID}/(authorize|reject)", "Relationship"),
    ("POST", "/api/v[12]/media", "MediaAttachment"),
    ("GET|PUT", f"/api/v1/media/{_ID}", "MediaAttachment"),
    ("POST", "/api/v1/statuses", "Status"),
    ("GET", "/api/v1/statuses", "many Status"),
    ("GET|PUT", f"/api/v1/statuses/{_ID}", "Status"),
    ("DELETE", f"/api/v1/statuses/{_ID}", "DeletedStatus"),
    ("GET", f"/api/v1/statuses/{_ID}/context", "Context"),
    ("GET", f"/api/v1/statuses/{_ID}/source", "StatusSource"),
    ("GET", f"/api/v1/statuses/{_ID}/history", "many StatusEdit"),
    ("GET", f"/api/v1/statuses/{_ID}/(favourited|reblogged)_by", "many Account"),
    ("POST", f"/api/v1/statuses/{_ID}/(un)?(favourite|bookmark)", "Status"),
    ("GET", "/api/v1/timelines/(home|public|tag/.+)", "many Status"),
    ("GET", "/api/v1/(favourites|bookmarks)", "many Status"),
    ("GET", f"/api/v1/tags/{_ID}", "Tag"),
]


def entity_of(method: str, path: str) -> str:
    """The entity that a route answers with (`many …` for a list); empty if it has no schema."""
    for methods, pattern, entity in _ROUTES:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
            return entity
    return ""


def check(method: str, path: str, body: Any) -> None:
    """Assert that an answer is what the route promises, whole and of the right types."""
    entity = entity_of(method, path.rstrip("/"))
    if entity.startswith(_MANY):
        schemas.check_all(entity.removeprefix(_MANY), body)
    elif entity:
        schemas.check(entity, body)
