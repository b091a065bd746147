"""Profiles, and the account status that follows the login."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.chassis.errors import NotFound
from services.chassis.ids import id_time, timestamp


@dataclass(frozen=True, slots=True)
class UserProfileField:
    """A row of the table on a profile. Links are never verified."""

    name: str
    value: str
    verified_at: str | None = None


@dataclass(frozen=True, slots=True)
class ProfileMention:
    """A user who is mentioned on a profile."""

    id: str
    username: str


@dataclass(frozen=True, slots=True)
class UserProfile:
    """The document `user:ID`, in the form of the contract's `Profile`."""

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
        """Whether the account is deleted or suspended."""
        return self.deleted or self.suspended


@dataclass(frozen=True, slots=True)
class LoginStatus:
    """The document `standing:ID`: role, suspension and locale, as of a version of the login."""

    version: int = 0
    role: str = ""
    suspended: bool = False
    locale: str = ""

    def newer_of(self, other: LoginStatus) -> LoginStatus:
        """Return the newer of the two."""
        return other if other.version > self.version else self

    def apply_to(self, profile: UserProfile | None) -> UserProfile | None:
        """Return a profile with this status. A deleted profile stays unchanged."""
        if profile is None or profile.deleted:
            return profile
        return replace(
            profile, role=self.role, suspended=self.suspended, locale=self.locale or profile.locale
        )


@dataclass(frozen=True, slots=True)
class UsernameOwner:
    """The document `name:USERNAME`: the account with a username, in lower case."""

    id: str

    def newer_of(self, other: UsernameOwner | None) -> UsernameOwner:
        """Return the owner with the newer account."""
        return self if other is None or other.id < self.id else other


def new_profile(id: str, username: str) -> UserProfile:
    """Return the profile of a newly registered user."""
    return UserProfile(id=id, username=username, created_at=timestamp(id_time(id)))


def tombstone(id: str) -> UserProfile:
    """Return the tombstone of a deleted profile."""
    return UserProfile(id=id, username="", created_at=timestamp(id_time(id)), deleted=True)


def account_not_found() -> NotFound:
    """Return the error for an account that does not exist."""
    return NotFound("There is no such account.")
