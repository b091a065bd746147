"""Profile images: the avatars and headers of a user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from services.media.domain.files import file_part


@dataclass(frozen=True, slots=True)
class ProfileImages:
    """The stored document: all files, and those that the profile shows as of its version.

    `gone`: the user deleted their account, so no file may stay.
    """

    names: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    version: int = 0
    gone: bool = False

    def add(self, name: str) -> ProfileImages:
        """Add a file, once."""
        return replace(self, names=tuple(dict.fromkeys((*self.names, name))))

    def apply(self, shown: tuple[str, ...], version: int, *, gone: bool) -> ProfileImages:
        """Record what a version of the profile shows, unless a newer one is known."""
        if version <= self.version:
            return self
        former = dict.fromkeys((*self.former, *self.shown))
        for name in shown:
            former.pop(name, None)
        return replace(self, shown=shown, former=tuple(former), version=version, gone=gone)

    def remove(self, names: Iterable[str]) -> ProfileImages:
        """Remove files."""
        removed = set(names)
        return replace(
            self,
            names=tuple(name for name in self.names if name not in removed),
            former=tuple(name for name in self.former if name not in removed),
        )

    @property
    def replaced(self) -> list[str]:
        """The files that were shown before, or are older than the one that is shown.

        A file that is newer than the one that is shown may still come to be shown.
        """
        return [name for name in self.names if self.gone or self._is_replaced(name)]

    def _is_replaced(self, name: str) -> bool:
        later = [other for other in self.shown if file_part(other) == file_part(name)]
        return name not in self.shown and (
            name in self.former or any(other > name for other in later)
        )
