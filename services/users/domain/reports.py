"""A report: made by one person on another, and dealt with by an admin."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ModerationReport:
    """The document `report:ID`, in the shape of the contracts."""

    id: str
    account: str
    target: str
    statuses: tuple[str, ...]
    comment: str
    category: str
    rules: tuple[str, ...]
    created_at: str
    updated_at: str
    assigned: str = ""
    resolved_by: str = ""
    resolved_at: str | None = None

    @property
    def is_resolved(self) -> bool:
        """Whether an admin has dealt with it."""
        return self.resolved_at is not None

    def resolve(self, admin: str, now: str) -> ModerationReport:
        """Dealt with. A repeat changes nothing."""
        if self.is_resolved:
            return self
        return replace(self, resolved_by=admin, resolved_at=now, updated_at=now)

    def reopen(self, now: str) -> ModerationReport:
        """Not dealt with after all."""
        if not self.is_resolved:
            return self
        return replace(self, resolved_by="", resolved_at=None, updated_at=now)

    def assign(self, admin: str, now: str) -> ModerationReport:
        """An admin's to deal with; nobody's, if empty."""
        return self if self.assigned == admin else replace(self, assigned=admin, updated_at=now)
