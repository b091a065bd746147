"""The relationship between two accounts, as one of them sees it."""

from __future__ import annotations

from dataclasses import dataclass

from services.users.domain.edges import RelationshipEdge


@dataclass(frozen=True, slots=True)
class RelationshipView:
    """The contract's `Relationship`: what the first of two accounts sees of the second."""

    id: str
    following: bool
    showing_reblogs: bool
    notifying: bool
    followed_by: bool
    blocking: bool
    blocked_by: bool
    muting: bool
    muting_notifications: bool
    muting_expires_at: str | None
    requested: bool
    requested_by: bool
    note: str


def relationship_view(
    edge: RelationshipEdge, reverse: RelationshipEdge, now: str
) -> RelationshipView:
    """Return the view of two edges. A block takes effect before the follows are removed."""
    separated = edge.blocking or reverse.blocking
    following = edge.following and not separated
    muting = edge.muting(now)
    return RelationshipView(
        id=edge.target,
        following=following,
        showing_reblogs=following and edge.show_reblogs,
        notifying=following and edge.notify,
        followed_by=reverse.following and not separated,
        blocking=edge.blocking,
        blocked_by=reverse.blocking,
        muting=muting,
        muting_notifications=muting and edge.muting_notifications,
        muting_expires_at=edge.muted_until if muting else None,
        requested=edge.requested and not separated,
        requested_by=reverse.requested and not separated,
        note=edge.note,
    )
