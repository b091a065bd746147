"""An account with its counts, as a viewer sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.chassis.ids import id_date
from services.users.domain.edges import RelationshipEdge
from services.users.domain.profiles import UserProfile
from services.users.domain.statistics import AuthorPostCount


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account with its counts, and the edges between the viewer and the account."""

    profile: UserProfile
    version: int
    followers: int
    following: int
    post_count: AuthorPostCount
    edge: RelationshipEdge
    reverse: RelationshipEdge

    @property
    def is_separated(self) -> bool:
        """Whether a block or a suspension hides the account from the viewer."""
        return self.edge.blocking or self.reverse.blocking or self.profile.suspended

    @property
    def is_blocked_by_viewer_only(self) -> bool:
        """Whether nothing but a block by the viewer hides the account."""
        return self.edge.blocking and not (self.reverse.blocking or self.profile.suspended)

    def account(self) -> dict[str, Any]:
        """Return the contract's `Account`."""
        last = self.post_count.last_post
        return {
            "profile": self.profile,
            "counts": {
                "followers": self.followers,
                "following": self.following,
                "statuses": self.post_count.total,
                "last_status_at": id_date(last) if last else None,
            },
            "version": self.version,
        }
