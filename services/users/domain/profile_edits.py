"""Changes of profiles, and the rules for each field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.errors import Invalid, PreconditionFailed
from services.contracts import limits
from services.contracts.texts import clean_line, clean_prose
from services.shared.languages import language_code
from services.shared.text import count, entities, graphemes, names_in
from services.users.domain.profiles import ProfileMention, UserProfile, UserProfileField

VISIBILITIES = ("public", "unlisted", "private", "direct")

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\.[a-z0-9]{1,8})?")


@dataclass(frozen=True, slots=True)
class ProfileEdit:
    """Changes of a profile. None leaves a field unchanged."""

    display_name: str | None = None
    note: str | None = None
    avatar: str | None = None
    header: str | None = None
    fields: tuple[UserProfileField, ...] | None = None
    locked: bool | None = None
    bot: bool | None = None
    discoverable: bool | None = None
    default_visibility: str | None = None
    default_sensitive: bool | None = None
    default_language: str | None = None


def apply_edit(
    profile: UserProfile,
    edit: ProfileEdit,
    host: str = "",
    users: Mapping[str, ProfileMention] | None = None,
) -> UserProfile:
    """Return the profile with the changes. Raises `Invalid`.

    `users` are the existing users among `mentioned_usernames`, by username in lower case.
    """
    new = replace(profile, **_validated_parts(edit))
    known = {one.username.lower(): one for one in profile.mentions} | dict(users or {})
    named = _usernames_in((new.note, *(field.value for field in new.fields)), host)
    return replace(new, mentions=tuple(known[name] for name in named if name in known))


def check_expected(profile: UserProfile, expected: ProfileEdit) -> None:
    """Raise `PreconditionFailed` if a value of the profile is another than the expected one."""
    for name in ProfileEdit.__slots__:
        value = getattr(expected, name)
        if value is not None and value != getattr(profile, name):
            raise PreconditionFailed("The profile was changed in the meantime.")


def mentioned_usernames(edit: ProfileEdit, host: str) -> tuple[str, ...]:
    """Return the local usernames, in lower case, that the changes mention.

    Raises `Invalid` as `apply_edit` does, so that an invalid edit causes no lookups.
    """
    given = _validated_parts(edit)
    fields: Sequence[UserProfileField] = given.get("fields", ())
    return _usernames_in((given.get("note", ""), *(field.value for field in fields)), host)


def _validated_parts(edit: ProfileEdit) -> dict[str, Any]:
    return {
        name: _VALIDATORS[name](value)
        for name in ProfileEdit.__slots__
        if (value := getattr(edit, name)) is not None
    }


def _usernames_in(texts: Sequence[str], host: str) -> tuple[str, ...]:
    found = (one for text in texts for one in entities(text))
    return names_in(found, host)[: limits.MAX_MENTIONS]


def _display_name(text: str) -> str:
    name = _single_line(text)
    return _within_limit(
        name, graphemes(name), limits.MAX_DISPLAY_NAME_CHARACTERS, "The display name"
    )


def _note(text: str) -> str:
    note = clean_prose(text).strip()
    return _within_limit(note, count(note), limits.MAX_NOTE_CHARACTERS, "The bio")


def _fields(fields: Sequence[UserProfileField]) -> tuple[UserProfileField, ...]:
    lines = [
        UserProfileField(_single_line(field.name), _single_line(field.value)) for field in fields
    ]
    lines = [line for line in lines if line.name or line.value]
    if len(lines) > limits.MAX_PROFILE_FIELDS:
        raise Invalid(f"A profile has at most {limits.MAX_PROFILE_FIELDS} fields.")
    for line in lines:
        for part, text in (("name", line.name), ("value", line.value)):
            _within_limit(
                text, graphemes(text), limits.MAX_PROFILE_FIELD_CHARACTERS, f"A field's {part}"
            )
    return tuple(lines)


def _file_name(name: str) -> str:
    if name and not _FILE_NAME.fullmatch(name):
        raise Invalid("This is not the name of an uploaded picture. Upload the picture first.")
    return name


def _visibility(name: str) -> str:
    if name not in VISIBILITIES:
        raise Invalid(f"The default visibility is one of {', '.join(VISIBILITIES)}.")
    return name


def _language(code: str) -> str:
    known = language_code(code)
    if code and known is None:
        raise Invalid('The default language is a code such as "en" or "pt-BR".')
    return known or ""


def _single_line(text: str) -> str:
    return clean_line(text).strip()


def _within_limit(text: str, characters: int, most: int, what: str) -> str:
    if characters > most:
        raise Invalid(f"{what} has {characters} characters; at most {most} are allowed.")
    return text


_VALIDATORS: dict[str, Callable[[Any], Any]] = {
    "display_name": _display_name,
    "note": _note,
    "avatar": _file_name,
    "header": _file_name,
    "fields": _fields,
    "locked": bool,
    "bot": bool,
    "discoverable": bool,
    "default_visibility": _visibility,
    "default_sensitive": bool,
    "default_language": _language,
}
