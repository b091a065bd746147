"""Changes of the caller's profile, as REST and GraphQL send them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from services.clients.json_types.accounts import EditedProfileJson
from services.shared.languages import language_code


def profile_changes(
    *,
    display_name: str | None,
    note: str | None,
    locked: bool | None,
    bot: bool | None,
    discoverable: bool | None,
    default_visibility: str | None,
    default_sensitive: bool | None,
    default_language: Any,
    fields: Iterable[tuple[str, str]] | None,
) -> EditedProfileJson:
    """The given changes. An empty language removes the default; an unknown one is ignored."""
    changes = {
        "display_name": display_name,
        "note": note,
        "locked": locked,
        "bot": bot,
        "discoverable": discoverable,
        "default_visibility": default_visibility,
        "default_sensitive": default_sensitive,
        "default_language": _language(default_language),
        "fields": None
        if fields is None
        else [{"name": name, "value": value} for name, value in fields],
    }
    given = {name: value for name, value in changes.items() if value is not None}
    return cast(EditedProfileJson, given)


def _language(given: Any) -> str | None:
    if given == "":
        return ""
    return language_code(given) if isinstance(given, str) else None
