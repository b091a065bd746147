"""Posts and accounts as projections of the events of other services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class VersionedCount:
    """A number that another service counts, and the version of the count."""

    total: int = 0
    version: int = 0

    def apply(self, total: int, version: int) -> VersionedCount:
        """Return the count with the higher version."""
        return VersionedCount(total, version) if version > self.version else self


@dataclass(frozen=True, slots=True)
class PostProjection:
    """The document `card:POST`. `post` is empty while only counts are known."""

    post: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    favourites: VersionedCount = VersionedCount()
    reblogs: VersionedCount = VersionedCount()
    replies: VersionedCount = VersionedCount()

    @property
    def exists(self) -> bool:
        """Whether the post is known and not deleted."""
        return bool(self.post) and not self.post["deleted"]

    def apply(self, post: dict[str, Any], version: int) -> PostProjection:
        """Return the projection after an event of the post."""
        return replace(self, post=post, version=version) if version > self.version else self

    def apply_count(self, name: str, total: int, version: int) -> PostProjection:
        """Return the projection after an event of a count, given by the field's name."""
        counted: dict[str, Any] = {name: getattr(self, name).apply(total, version)}
        return replace(self, **counted)


@dataclass(frozen=True, slots=True)
class AccountProjection:
    """The document `person:ACCOUNT`. `profile` is empty while only counts are known."""

    profile: dict[str, Any] = field(default_factory=dict)
    version: int = 0
    followers: VersionedCount = VersionedCount()
    following: VersionedCount = VersionedCount()
    statuses: VersionedCount = VersionedCount()
    last_post: str = ""

    @property
    def is_visible(self) -> bool:
        """Whether the account may be shown."""
        return is_visible_account(self.profile)

    def apply(self, profile: dict[str, Any], version: int) -> AccountProjection:
        """Return the projection after an event of the profile."""
        return replace(self, profile=profile, version=version) if version > self.version else self


def is_visible_account(profile: Mapping[str, Any]) -> bool:
    """Return whether an account may be shown, by its profile. An unknown one may not."""
    return bool(profile) and not (profile.get("deleted") or profile.get("suspended"))
