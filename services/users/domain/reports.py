"""Reports of accounts, which admins resolve."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ModerationReport:
    """The document `report:ID`, in the form of the contract's `Report`."""

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
        """Whether an admin has resolved it."""
        return self.resolved_at is not None

    def resolve(self, admin: str, now: str) -> ModerationReport:
        """Return it as resolved. A repeat changes nothing."""
        if self.is_resolved:
            return self
        return replace(self, resolved_by=admin, resolved_at=now, updated_at=now)

    def reopen(self, now: str) -> ModerationReport:
        """Return it as open."""
        if not self.is_resolved:
            return self
        return replace(self, resolved_by="", resolved_at=None, updated_at=now)

    def assign(self, admin: str, now: str) -> ModerationReport:
        """Return it as assigned to an admin, or to nobody if empty."""
        return self if self.assigned == admin else replace(self, assigned=admin, updated_at=now)
