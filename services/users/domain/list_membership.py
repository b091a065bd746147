"""The place of an edge in lists that are sorted by time."""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX_FORMER_IDS = 4


@dataclass(frozen=True, slots=True)
class ListMembership:
    """The id under which an edge is listed, and the ids under which it was.

    Lists are repaired from the edge alone, so the edge remembers all its list ids. After
    `MAX_FORMER_IDS` it takes its last id again, so that they stay few.
    """

    id: str = ""
    taken: bool = False
    former: tuple[str, ...] = ()

    def join(self, id: str) -> ListMembership:
        """Return it as listed, under a new id if it is not listed yet."""
        if self.taken:
            return self
        if not self.id:
            return ListMembership(id, taken=True)
        if len(self.former) == MAX_FORMER_IDS:
            return replace(self, taken=True)
        return ListMembership(id, taken=True, former=(*self.former, self.id))

    def leave(self) -> ListMembership:
        """Return it as not listed."""
        return replace(self, taken=False)

    @property
    def stale_ids(self) -> tuple[str, ...]:
        """The ids under which it must not be listed."""
        return self.former if self.taken or not self.id else (*self.former, self.id)
