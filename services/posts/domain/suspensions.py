"""Suspended accounts, as derived from the events of users."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SuspensionState:
    """The document `standing:ACCOUNT`: whether an account is suspended, at a profile version."""

    version: int = 0
    suspended: bool = False

    def newer_of(self, other: SuspensionState) -> SuspensionState:
        """Return the state with the higher version."""
        return other if other.version > self.version else self


@dataclass(frozen=True, slots=True)
class SuspensionList:
    """The document `suspended:all`: the ids of all suspended accounts."""

    ids: tuple[str, ...] = ()

    def with_account(self, id: str, *, suspended: bool) -> SuspensionList:
        """Return the list with or without an account."""
        if (id in self.ids) == suspended:
            return self
        if suspended:
            return SuspensionList((*self.ids, id))
        return SuspensionList(tuple(other for other in self.ids if other != id))
