"""What people say of themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from services.chassis.errors import Invalid
from services.chassis.ids import id_time, timestamp
from services.contracts import limits
from services.shared.languages import language_code
from services.shared.text import count, entities, graphemes, names_in

VISIBILITIES = ("public", "unlisted", "private", "direct")

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\.[a-z0-9]{1,8})?")
_LINE_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BIDI_CONTROL = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""What turns the direction of all that follows, also of what others wrote."""

_TEXT_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class UserProfileField:
    """One line of the table under a profile. Nothing here verifies links, so no line is."""

    name: str
    value: str
    verified_at: str | None = None


@dataclass(frozen=True, slots=True)
class ProfileMention:
    """Somebody who is named on a profile."""

    id: str
    username: str


@dataclass(frozen=True, slots=True)
class UserProfile:
    """The document `user:ID`, in the shape others hear of it."""

    id: str
    username: str
    created_at: str
    display_name: str = ""
    note: str = ""
    avatar: str = ""
    header: str = ""
    fields: tuple[UserProfileField, ...] = ()
    mentions: tuple[ProfileMention, ...] = ()
    locked: bool = False
    bot: bool = False
    discoverable: bool = True
    default_visibility: str = "public"
    default_sensitive: bool = False
    default_language: str = ""
    locale: str = ""
    role: str = ""
    suspended: bool = False
    deleted: bool = False

    @property
    def is_hidden(self) -> bool:
        """Whether nobody is to find them."""
        return self.deleted or self.suspended


@dataclass(frozen=True, slots=True)
class LoginStatus:
    """How somebody stands with the place, as of a version of their login."""

    version: int = 0
    role: str = ""
    suspended: bool = False
    locale: str = ""

    def newer_of(self, other: LoginStatus) -> LoginStatus:
        """The newer of the two."""
        return other if other.version > self.version else self

    def apply_to(self, profile: UserProfile | None) -> UserProfile | None:
        """A profile that says so."""
        if profile is None or profile.deleted:
            return profile
        return replace(
            profile, role=self.role, suspended=self.suspended, locale=self.locale or profile.locale
        )


@dataclass(frozen=True, slots=True)
class ProfileEdit:
    """What somebody wants to be different about their profile; None leaves a part as it is."""

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


def new_profile(id: str, username: str) -> UserProfile:
    """The profile of somebody who has just registered: everything public, nothing said."""
    return UserProfile(id=id, username=username, created_at=timestamp(id_time(id)))


def tombstone(id: str) -> UserProfile:
    """What is left of a profile that was deleted."""
    return UserProfile(id=id, username="", created_at=timestamp(id_time(id)), deleted=True)


def apply_edit(
    profile: UserProfile,
    changes: ProfileEdit,
    host: str = "",
    people: Mapping[str, ProfileMention] | None = None,
) -> UserProfile:
    """The profile with what was given. Raises `Invalid`, with a sentence for people.

    `people` are those of the `names` of the changes who are there, by their lower case.
    """
    new = replace(profile, **_validated_parts(changes))
    known = {one.username.lower(): one for one in profile.mentions} | dict(people or {})
    named = _usernames_in((new.note, *(field.value for field in new.fields)), host)
    return replace(new, mentions=tuple(known[name] for name in named if name in known))


def mentioned_usernames(changes: ProfileEdit, host: str) -> tuple[str, ...]:
    """The names of people here, lower-cased, that are mentioned in what is given.

    Raises `Invalid`, as `changed`: nothing is asked about people for what will be refused.
    """
    given = _validated_parts(changes)
    fields: Sequence[UserProfileField] = given.get("fields", ())
    return _usernames_in((given.get("note", ""), *(field.value for field in fields)), host)


def _validated_parts(changes: ProfileEdit) -> dict[str, Any]:
    return {
        name: _VALIDATORS[name](value)
        for name in ProfileEdit.__slots__
        if (value := getattr(changes, name)) is not None
    }


def _usernames_in(texts: Sequence[str], host: str) -> tuple[str, ...]:
    found = (one for text in texts for one in entities(text))
    return names_in(found, host)[: limits.MENTIONS]


def _display_name(text: str) -> str:
    name = _single_line(text)
    return _within_limit(name, graphemes(name), limits.DISPLAY_NAME_CHARACTERS, "The display name")


def _note(text: str) -> str:
    plain = _TEXT_CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    note = _without_surrogates(plain).strip()
    return _within_limit(note, count(note), limits.NOTE_CHARACTERS, "The text about you")


def _fields(fields: Sequence[UserProfileField]) -> tuple[UserProfileField, ...]:
    lines = [
        UserProfileField(_single_line(field.name), _single_line(field.value)) for field in fields
    ]
    lines = [line for line in lines if line.name or line.value]
    if len(lines) > limits.PROFILE_FIELDS:
        raise Invalid(f"A profile has at most {limits.PROFILE_FIELDS} fields.")
    for line in lines:
        for part, text in (("name", line.name), ("value", line.value)):
            _within_limit(
                text, graphemes(text), limits.PROFILE_FIELD_CHARACTERS, f"A field's {part}"
            )
    return tuple(lines)


def _file_name(name: str) -> str:
    if name and not _FILE_NAME.fullmatch(name):
        raise Invalid("This is not the name of an uploaded picture.")
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
    return _without_surrogates(_BIDI_CONTROL.sub("", _LINE_CONTROL.sub(" ", text))).strip()


def _without_surrogates(text: str) -> str:
    """Without halves of surrogate pairs, which no JSON text may hold."""
    return _SURROGATE.sub("", text)


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
