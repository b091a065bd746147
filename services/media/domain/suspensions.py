"""Suspended accounts, whose files are not given to anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OwnerSuspension:
    """The document `standing:USER`: whether a user is suspended, at a version of the profile."""

    version: int = 0
    suspended: bool = False

    def newer_of(self, other: OwnerSuspension) -> OwnerSuspension:
        """Return the state with the higher version."""
        return other if other.version > self.version else self


@dataclass(frozen=True, slots=True)
class SuspendedOwners:
    """The document `suspended:all`: the suspended users, and the names of their profile images.

    The pictures of posts and products name their owner; a profile image is found by its name alone.
    """

    images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def with_owner(self, user: str, names: tuple[str, ...], *, suspended: bool) -> SuspendedOwners:
        """Return the list with or without a user."""
        others = {id: kept for id, kept in self.images.items() if id != user}
        return SuspendedOwners(others | {user: names} if suspended else others)
